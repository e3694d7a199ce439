// Writes a small file for each reader of fuzz_labels into a folder, the reader's number before it: seeds.
#include <cstddef>
#include <cstdio>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "datasets/labels.h"
#include "util/file.h"

int main(int count, char** arguments) {
  if (count != 2) {
    std::fprintf(stderr, "usage: make_labels_seeds FOLDER\n");
    return 2;
  }
  const std::map<std::string_view, std::string_view> labels = {
      {"wider", "a/b.jpg\n2\n1 2 30 40 0 0 1 0 2 0\n5 6 7 8 0 0 0 1 0 0\nc.jpg\n0\n0 0 0 0 0 0 0 0 0 0\n"},
      {"cnn_facepoint", "a\\b.jpg 10 50 20 60 20 30 40 30 30 40 22 50 38 50\n"},
      {"celeba", "1\nlefteye_x lefteye_y\n000001.jpg 20 30 40 30 30 40 22 50 38 50\n"},
      {"aflw", "a.jpg 20 40 30 22 38 30 30 40 50 50 1 2 3\n"},
      {"300w", "version: 1\nn_points: 2\n{\n1.5 2.5\n3 4\n}\n"},
      {"voc",
       "<annotation><filename>a.jpg</filename><object><name>face</name><difficult>1</difficult><bndbox><xmin>1"
       "</xmin><ymin>2</ymin><xmax>30</xmax><ymax>40</ymax></bndbox></object></annotation>"},
      {"coco",
       R"({"images":[{"id":1,"file_name":"a.jpg","width":100,"height":80}],"categories":[{"id":1,"name":"face"}],)"
       R"("annotations":[{"id":1,"image_id":1,"category_id":1,"bbox":[1,2,30,40],"iscrowd":0}]})"},
      {"yolo", "0 .5 .5 .25 .25\n1 .1 .1 .05 .05\n"},
      {"retinaface", "# a/b.jpg\n1 2 30 40 10 12 0 20 12 0 15 20 0 11 30 0 19 30 0 .9\n"},
  };
  std::vector<std::string> seeds;
  for (const mtcnn::LabelFormat& format : mtcnn::label_formats()) {
    const auto found = labels.find(format.name);
    seeds.emplace_back(found == labels.end() ? "" : found->second);
  }
  for (const char* const more : {
           "input\n2\n10 10 20 20 .5\n-1 2 3e1 4 1e-3\n",
           "input.jpg\n2\n10 10 20 20 1 1 1\n30 30 9 9 0 0 1\n",
           "a\n3\n20 10 40 60 .5\n30 20 1.5 40 40 .25\n1 2 -3 4 .1\n",
           "a\n2\n30 20 1.5 40 40 1\n200 10 -2 5 5 0\nb\n0\n",
           "# names\na.jpg\nb/c\n",
       }) {
    seeds.emplace_back(more);
  }
  for (std::size_t i = 0; i < seeds.size(); ++i) {
    seeds[i].insert(seeds[i].begin(), static_cast<char>(i));
    const std::string path = std::string(arguments[1]) + "/" + std::to_string(i);
    if (const mtcnn::Status written = mtcnn::write_file(path, std::as_bytes(std::span(seeds[i]))); !written) {
      std::fprintf(stderr, "make_labels_seeds: %s\n", written.error().message.c_str());
      return 1;
    }
  }
}
