// Pascal VOC: an .xml file an image, or a folder of them.
//
//   <annotation> <filename>a.jpg</filename>
//     <object> <name>face</name> <difficult>0</difficult>
//       <bndbox> <xmin>..</xmin> <ymin>..</ymin> <xmax>..</xmax> <ymax>..</ymax> </bndbox> </object>
//
// Boxes are VOC's, whole pixels counted from 1 with the last one included: left = xmin - 1,
// right = xmax. difficult = 1: ignore. The image is <filename>, in the folder in which the .xml file
// lies below `path`. Some tools write edges from 0 instead: a pixel too far to the left and to the
// top then, which the file can't tell.
#include <algorithm>
#include <filesystem>
#include <pugixml.hpp>

#include "datasets/reader.h"

namespace mtcnn {
namespace {

int line_at(const std::string& text, std::ptrdiff_t offset) {
  const auto end = std::clamp<std::ptrdiff_t>(offset, 0, static_cast<std::ptrdiff_t>(text.size()));
  return static_cast<int>(std::count(text.begin(), text.begin() + end, '\n')) + 1;
}

std::optional<double> number_in(const pugi::xml_node& parent, const char* name) {
  const auto words = split_words(parent.child(name).text().get());
  // Line breaks may stand around the number.
  std::string_view word = words.empty() ? std::string_view() : words[0];
  while (!word.empty() && word.front() == '\n') word.remove_prefix(1);
  while (!word.empty() && word.back() == '\n') word.remove_suffix(1);
  return parse_number(word);
}

// Reads one file into `builder`.
void read_annotation(const LabelFile& file, Classes& classes, DatasetBuilder& builder) {
  const auto text = read_text(file.path);
  if (!text) return builder.file_left_out(text.error());
  pugi::xml_document document;
  const auto parsed =
      document.load_buffer(text->data(), text->size(), pugi::parse_default, pugi::encoding_utf8);
  const pugi::xml_node annotation = document.child("annotation");
  if (!parsed || !annotation) {
    return builder.left_out(parsed ? 1 : line_at(*text, parsed.offset),
                            std::string(parsed ? "no <annotation>" : parsed.description()) +
                                ", expected a Pascal VOC annotation");
  }
  const std::string name = annotation.child("filename").text().get();
  if (name.empty()) {
    return builder.left_out(line_at(*text, annotation.offset_debug()),
                            "no <filename>, expected the image's name");
  }
  const std::string path = (std::filesystem::path(file.relative).parent_path() / name).string();
  if (builder.has(path)) {
    builder.problem(0, in_quotes(path) + " has labels in another file already");
    for (const pugi::xml_node& object : annotation.children("object")) {
      if (!classes.wants(object.child("name").text().get())) continue;
      builder.count_left_out(1);
      builder.incomplete(path);
    }
    return;
  }
  LabelledImage& image = builder.image(path, line_at(*text, annotation.child("filename").offset_debug()));
  for (const pugi::xml_node& object : annotation.children("object")) {
    const int line = line_at(*text, object.offset_debug());
    if (!classes.wants(object.child("name").text().get())) continue;
    const pugi::xml_node bounds = object.child("bndbox");
    std::vector<double> edges;
    for (const char* const edge : {"xmin", "ymin", "xmax", "ymax"}) {
      if (const auto number = number_in(bounds, edge)) edges.push_back(*number);
    }
    if (edges.size() != 4) {
      builder.left_out(line, "<object> without the four numbers of a <bndbox>: xmin ymin xmax ymax", path);
      continue;
    }
    LabelledFace face;
    face.box = {static_cast<float>(edges[0] - 1), static_cast<float>(edges[1] - 1),
                static_cast<float>(edges[2]), static_cast<float>(edges[3])};
    auto complaint = complaint_about(edges);
    if (!complaint) complaint = complaint_about(face.box);
    if (complaint) {
      builder.left_out(line, *complaint, path);
      continue;
    }
    face.ignore = number_in(object, "difficult").value_or(0) != 0;
    face.line = line;
    image.faces.push_back(face);
  }
}

Result<Dataset> read_voc(const std::string& path, const LabelOptions& options) {
  const auto files = list_label_files(path, ".xml");
  if (!files) return files.error();
  DatasetBuilder builder(path);
  Classes classes(options.classes);
  for (const LabelFile& file : *files) {
    builder.set_file(file.path);
    read_annotation(file, classes, builder);
  }
  builder.set_file(path);
  classes.report_absent(builder);
  Dataset dataset = builder.take();
  if (dataset.images.empty()) {
    return Error{ErrorCode::kFormat, dataset.problems.front().text() +
                                         (files->size() > 1 ? "; nor could any other file be read" : "")};
  }
  return dataset;
}

}  // namespace

const LabelFormat kVocXml = {"voc", "a Pascal VOC .xml file, or a folder of them", read_voc};

}  // namespace mtcnn
