#include <doctest/doctest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "codecs/image_io.h"
#include "datasets/labels.h"
#include "support/shared_data.h"

namespace mtcnn {
namespace {

// A folder of files that goes with the test.
class Folder {
 public:
  Folder()
      : path_(std::filesystem::temp_directory_path() /
              ("mtcnn_datasets_test_" + std::to_string(std::random_device{}()))) {
    std::filesystem::create_directories(path_);
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  std::string operator/(const std::string& name) const { return (path_ / name).string(); }
  std::string path() const { return path_.string(); }
  std::string write(const std::string& name, std::string_view content) const {
    std::filesystem::create_directories((path_ / name).parent_path());
    std::ofstream(path_ / name, std::ios::binary) << content;
    return *this / name;
  }

 private:
  std::filesystem::path path_;
};

Dataset read(std::string_view format, const std::string& path, const LabelOptions& options = {}) {
  Result<Dataset> dataset = read_labels(format, path, options);
  if (!dataset) FAIL(dataset.error().message);
  return *std::move(dataset);
}

// The one problem of a set, which must be at this line of this file.
std::string only_problem(const Dataset& dataset, const std::string& file, int line) {
  REQUIRE(dataset.problems.size() == 1);
  CHECK(dataset.problems[0].file == file);
  CHECK(dataset.problems[0].line == line);
  return dataset.problems[0].what;
}

// LabelOptions::known_sizes that knows every image to be of this size.
auto all_of_size(Size size) {
  return [size](const std::vector<std::string>& names) {
    return std::vector<std::optional<Size>>(names.size(), size);
  };
}

bool mentions(const std::string& text, std::string_view part) {
  const bool found = text.find(part) != std::string::npos;
  if (!found) MESSAGE("'" << std::string(part) << "' is not in: " << text);
  return found;
}

std::vector<int> lines_of(const Dataset& dataset) {
  std::vector<int> lines;
  for (const Problem& problem : dataset.problems) lines.push_back(problem.line);
  return lines;
}

}  // namespace

TEST_CASE("a problem names file and line") {
  CHECK(Problem{"a.txt", 3, "bad"}.text() == "a.txt:3: bad");
  CHECK(Problem{"a.txt", 0, "bad"}.text() == "a.txt: bad");
}

TEST_CASE("the table of formats") {
  std::set<std::string_view> names;
  for (const LabelFormat& format : label_formats()) CHECK(names.insert(format.name).second);
  CHECK(names.contains("wider"));
  const auto unknown = read_labels("bmp", "x");
  REQUIRE(!unknown);
  CHECK(unknown.error().code == ErrorCode::kInvalidArgument);
  CHECK(mentions(unknown.error().message, "wider, cnn_facepoint, celeba"));
  for (const LabelFormat& format : label_formats()) {
    CAPTURE(std::string(format.name));
    const auto missing = read_labels(format.name, "/nonexistent/labels");
    REQUIRE(!missing);
    CHECK(missing.error().code == ErrorCode::kIo);
    CHECK(mentions(missing.error().message, "/nonexistent/labels"));
  }
}

TEST_CASE("wider: boxes, grades and ignore regions") {
  Folder folder;
  const Dataset set = read("wider", folder.write("gt.txt",
                                                 "\xEF\xBB\xBF"
                                                 "a b/c d.jpg\r\n2\r\n"
                                                 "10 20 30 40 2 1 1 0 2 1 \r\n"
                                                 "1.5 2.5 3 4 0 0 0 1 0 0\r\n"
                                                 "empty.jpg\r\n0\r\n0 0 0 0 0 0 0 0 0 0\r\n"
                                                 "\r\n"
                                                 "bare.jpg\r\n0\r\n"
                                                 "short.jpg\r\n1\r\n-5 -6 7 8"));
  CHECK(set.problems.empty());
  REQUIRE(set.images.size() == 4);
  CHECK(set.images[0].path == "a b/c d.jpg");
  REQUIRE(set.images[0].faces.size() == 2);
  const LabelledFace& face = set.images[0].faces[0];
  CHECK(face.box == Box{10, 20, 40, 60});
  CHECK(!face.ignore);
  CHECK(!face.landmarks);
  CHECK(face.blur == 2);
  CHECK(face.expression == 1);
  CHECK(face.illumination == 1);
  CHECK(face.occlusion == 2);
  CHECK(face.pose == 1);
  CHECK(set.images[0].faces[1].box == Box{1.5f, 2.5f, 4.5f, 6.5f});
  CHECK(set.images[0].faces[1].ignore);
  CHECK(set.images[1].path == "empty.jpg");
  CHECK(set.images[1].faces.empty());
  CHECK(set.images[2].faces.empty());
  CHECK(set.images[3].faces[0].box == Box{-5, -6, 2, 2});
}

TEST_CASE("wider: bad rows are left out, with file and line") {
  Folder folder;
  const auto one_row = [&](const std::string& row) {
    const std::string file = folder.write("gt.txt", "a.jpg\n2\n" + row + "\n1 2 3 4\nb.jpg\n1\n5 6 7 8\n");
    const Dataset set = read("wider", file);
    REQUIRE(set.images.size() == 2);
    CHECK(set.images[0].faces.size() == 1);  // the good row
    CHECK(set.images[1].faces.size() == 1);
    CHECK(set.left_out == 1);
    return only_problem(set, file, 3);
  };
  CHECK(mentions(one_row("nan 2 3 4"), "nan"));
  CHECK(mentions(one_row("1 2 inf 4 0 0 0 0 0 0"), "inf"));
  CHECK(mentions(one_row("1 2 -3 4"), "width -3"));
  CHECK(mentions(one_row("1 2 0 4"), "width 0"));
  CHECK(mentions(one_row("1 2 1e9 4"), "1e+09"));
  CHECK(mentions(one_row("1 2 3"), "row of 3 numbers"));
  CHECK(mentions(one_row("1 2 3 4 5 6 7 8 9 10 11"), "row of 11 numbers"));
  CHECK(mentions(one_row("1 2 three 4"), "'1 2 three 4'"));
}

TEST_CASE("wider: wrong counts do no harm to the images after them") {
  Folder folder;
  const auto of = [&](const std::string& start) {
    Dataset set = read("wider", folder.write("gt.txt", start + "last.jpg\n1\n5 6 7 8\n"));
    REQUIRE(!set.images.empty());
    CHECK(set.images.back().path == "last.jpg");
    CHECK(set.images.back().faces.size() == 1);
    return set;
  };
  Dataset set = of("a.jpg\n3\n1 2 3 4\n1 2 3 4\n");  // a row is missing
  CHECK(set.images[0].faces.size() == 2);
  CHECK(lines_of(set) == std::vector<int>{5});
  CHECK(mentions(set.problems[0].what, "found 2 rows for 'a.jpg', expected 3"));
  CHECK(set.left_out == 0);                  // what is not there is not left out
  set = of("a.jpg\n1\n1 2 3 4\n1 2 3 4\n");  // one too many
  CHECK(set.images[0].faces.size() == 1);
  CHECK(set.left_out == 1);
  CHECK(lines_of(set) == std::vector<int>{4});
  set = of("a.jpg\n4000000000\n1 2 3 4\n");
  CHECK(lines_of(set) == std::vector<int>{4});
  for (const char* const count : {"-1", "1.5", "1e300", "nan"}) {
    CAPTURE(count);
    set = of("a.jpg\n" + std::string(count) + "\n1 2 3 4\n1 2 3 4\n");
    CHECK(set.images.size() == 1);
    CHECK(set.left_out == 2);
    const std::string what = only_problem(set, folder / "gt.txt", 2);
    CHECK(mentions(what, count));
    CHECK(mentions(what, "expected the number of faces of 'a.jpg'"));
  }
  set = of("a.jpg\nb.jpg\n1\n1 2 3 4\n");  // no count at all
  CHECK(set.images.size() == 2);
  CHECK(lines_of(set) == std::vector<int>{2});
  set = of("a.jpg\n1\n1 2 3 4\na.jpg\n1\n5 6 7 8\n");  // twice
  CHECK(set.images.size() == 2);
  CHECK(set.images[0].faces.size() == 1);
  CHECK(lines_of(set) == std::vector<int>{4});
  CHECK(set.left_out == 1);

  set = read("wider", folder.write("gt.txt", "a.jpg\n2\n1 2 3 4"));  // the file is cut
  CHECK(set.images[0].faces.size() == 1);
  CHECK(only_problem(set, folder / "gt.txt", 3) == "found 1 rows for 'a.jpg', expected 2");
  set = read("wider", folder.write("gt.txt", "a.jpg"));
  CHECK(set.images.empty());
  CHECK(lines_of(set) == std::vector<int>{1});
  const auto binary = read_labels("wider", folder.write("gt.txt", std::string("a\0b", 3)));
  REQUIRE(!binary);
  CHECK(binary.error().code == ErrorCode::kFormat);
}

TEST_CASE("cnn_facepoint: box and points") {
  Folder folder;
  const std::string file = folder.write("list.txt",
                                        "lfw 1\\A b.jpg 45 99 52 106 1 2 3 4 5 6 7 8 9 10\r\n"
                                        "short.jpg 45 99 52 106 1 2 3 4 5 6 7 8 9\r\n"
                                        "45 99 52 106 1 2 3 4 5 6 7 8 9 10\r\n"
                                        "nan.jpg 45 99 52 106 1 2 3 4 nan 6 7 8 9 10\r\n"
                                        "turned.jpg 99 45 52 106 1 2 3 4 5 6 7 8 9 10\r\n"
                                        "lfw 1/A b.jpg 1 2 3 4.5 11 12 13 14 15 16 17 18 19 20\r\n");
  Dataset set = read("cnn_facepoint", file);
  CHECK(lines_of(set) == std::vector<int>{2, 3, 4, 5});
  CHECK(
      mentions(set.problems[0].text(), file + ":2: path 'short.jpg' and 13 numbers, expected a path and 14"));
  CHECK(mentions(set.problems[2].what, "nan"));
  REQUIRE(set.images.size() == 1);  // a face a line, an image once
  CHECK(set.images[0].path == "lfw 1/A b.jpg");
  REQUIRE(set.images[0].faces.size() == 2);
  CHECK(set.images[0].faces[0].box == Box{45, 52, 99, 106});
  REQUIRE(set.images[0].faces[0].landmarks);
  CHECK(*set.images[0].faces[0].landmarks == Landmarks{{{1, 2}, {3, 4}, {5, 6}, {7, 8}, {9, 10}}});
  CHECK(set.images[0].faces[1].box == Box{1, 3, 2, 4.5f});

  LabelOptions options;
  options.point_shift = .5f;
  set = read("cnn_facepoint", file, options);
  CHECK((*set.images[0].faces[0].landmarks)[4] == Point{9.5f, 10.5f});
  CHECK(set.images[0].faces[0].box == Box{45, 52, 99, 106});
}

TEST_CASE("celeba: boxes, points, and the two joined") {
  Folder folder;
  const std::string boxes = folder.write("bbox.txt",
                                         "3\nimage_id x_1 y_1 width height\n"
                                         "000001.jpg    95  71 226 313\n"
                                         "000002.jpg    72  94 0 306\n"
                                         "000003.jpg    10 10 20 20\n");
  const std::string points = folder.write("landmarks.txt",
                                          "4\nlefteye_x lefteye_y righteye_x righteye_y nose_x nose_y\n"
                                          "000001.jpg 165 184 244 176 196 249 194 271 266 260\n"
                                          "000003.jpg 15 15 25 15 20 20 15 25 500 500\n"
                                          "000004.jpg 15 15 25 15 20 20 15 25 25 25\n");
  const Dataset box_set = read("celeba", boxes);
  CHECK(box_set.images.size() == 2);
  CHECK(box_set.images[0].faces[0].box == Box{95, 71, 321, 384});
  CHECK(!box_set.images[0].faces[0].landmarks);
  CHECK(mentions(only_problem(box_set, boxes, 4), "width 0"));

  const Dataset point_set = read("celeba", points);
  CHECK(point_set.images.size() == 3);
  CHECK((*point_set.images[0].faces[0].landmarks)[0] == Point{165.5f, 184.5f});
  CHECK(mentions(only_problem(point_set, points, 5), "after 3 rows, expected 4"));

  const Dataset joined = join(box_set, point_set);
  REQUIRE(joined.images.size() == 2);
  CHECK(joined.images[0].faces[0].box == Box{95, 71, 321, 384});
  CHECK((*joined.images[0].faces[0].landmarks)[2] == Point{196.5f, 249.5f});
  CHECK(joined.images[1].faces[0].landmarks);  // four of five inside
  REQUIRE(joined.problems.size() == 3);        // the two above, and 4
  CHECK(joined.problems[2].text() == points + ":5: 000004.jpg: no such image in the list of boxes");
  CHECK(joined.left_out == 2);  // a box and 000004.jpg's points
  CHECK(joined.images[1].file == points);
  CHECK(joined.images[1].line == 4);
}

TEST_CASE("celeba: malformed rows") {
  Folder folder;
  const std::string file =
      folder.write("bbox.txt", "a.jpg 1 2 3 4\nb.jpg 1 2 3\nc.jpg 1 2 3 nan\nd.jpg 1 2 3 4\n");
  const Dataset set = read("celeba", file);
  CHECK(set.images.size() == 2);
  CHECK(lines_of(set) == std::vector<int>{2, 3});
  CHECK(set.left_out == 2);
}

TEST_CASE("join gives points to the box that holds them") {
  const Landmarks left = {{{12, 12}, {18, 12}, {15, 15}, {12, 18}, {18, 18}}};
  Landmarks right = left;
  for (Point& p : right) p.x += 100;
  const auto face = [](Box box, bool ignore = false) {
    LabelledFace result;
    result.box = box;
    result.ignore = ignore;
    return result;
  };
  const auto points = [](const Landmarks& marks) {
    LabelledFace result;
    result.landmarks = marks;
    return result;
  };
  Dataset boxes, marks;
  boxes.images.push_back({"a.jpg",
                          {face({10, 10, 20, 20}, true),  // exact, but to be ignored
                           face({100, 0, 130, 30}), face({0, 0, 60, 60}), face({0, 0, 30, 30})}});
  marks.images.push_back({"a.jpg", {points(right), points(left)}, "p.txt", 3});
  const Dataset joined = join(boxes, marks);
  CHECK(joined.left_out == 0);
  CHECK(joined.problems.empty());
  const auto& faces = joined.images[0].faces;
  CHECK(!faces[0].landmarks);
  CHECK(faces[1].landmarks == right);
  CHECK(!faces[2].landmarks);
  CHECK(faces[3].landmarks == left);  // whose middle is nearer than the larger box's

  // Two sets of points in one box: the second finds none.
  marks.images[0].faces = {points(right), points(right)};
  marks.images[0].faces[1].line = 4;
  const Dataset lost = join(boxes, marks);
  CHECK(mentions(lost.problems.at(0).text(), "p.txt:4: a.jpg: no box holds three"));
  CHECK(lost.left_out == 1);
  // Where they are, there is a face.
  REQUIRE(lost.images[0].faces.size() == 5);
  CHECK(lost.images[0].faces[4].ignore);
  CHECK(lost.images[0].faces[4].box == box_around(right));
}

TEST_CASE("aflw: x1..x5 y1..y5") {
  Folder folder;
  const std::string file = folder.write("testing.txt",
                                        " AFLW\\0001-image20056.jpg 10 20 15 11 19 30 31 40 50 51 1 1 2 3\r\n"
                                        " AFLW\\2.jpg 10 20 15 11 19 30 31 40 50 51\r\n"
                                        " AFLW\\3.jpg 10 20 15 11 19 30 31 40 50 51 1\r\n"
                                        " AFLW\\4.jpg 10 10 10 10 10 30 30 30 30 30\r\n"
                                        " AFLW\\5.jpg 10 inf 15 11 19 30 31 40 50 51\r\n");
  const Dataset set = read("aflw", file);
  CHECK(lines_of(set) == std::vector<int>{3, 4, 5});
  CHECK(mentions(set.problems[0].what, "11 numbers, expected a path and 10 (x1..x5 y1..y5) or 14"));
  REQUIRE(set.images.size() == 2);
  CHECK(set.images[0].path == "AFLW/0001-image20056.jpg");
  const Landmarks expected = {{{10, 30}, {20, 31}, {15, 40}, {11, 50}, {19, 51}}};
  CHECK(set.images[0].faces[0].landmarks == expected);
  CHECK(set.images[0].faces[0].box == box_around(expected));
}

TEST_CASE("box_around follows place and size") {
  // Root of the mean squared distance from the middle: 10.
  const float a = 10 * std::sqrt(1.25f) / std::sqrt(2.f);
  const Landmarks points = {
      {{100 - a, 200 - a}, {100 + a, 200 - a}, {100, 200}, {100 - a, 200 + a}, {100 + a, 200 + a}}};
  const Box box = box_around(points);
  CHECK(box.width() == doctest::Approx(34.9));
  CHECK(box.height() == doctest::Approx(47.9));
  CHECK((box.left + box.right) / 2 == doctest::Approx(100));
  CHECK((box.top + box.bottom) / 2 == doctest::Approx(196.8));
}

namespace {

// Point i, from 1, at (i, 2 i), in 300-W's numbers.
std::string pts(int count, const std::string& end = "}\n") {
  std::string text = "version: 1\nn_points:  68\n{\n";
  for (int i = 1; i <= count; ++i) text += std::to_string(i) + ".000 " + std::to_string(2 * i) + ".000\n";
  return text + end;
}

}  // namespace

TEST_CASE("300w: 68 points become five") {
  Folder folder;
  const std::string file = folder.write("set/a b.pts", pts(68));
  folder.write("set/a b.jpg", "");
  Dataset set = read("300w", folder / "set");
  CHECK(set.problems.empty());
  REQUIRE(set.images.size() == 1);
  CHECK(set.images[0].path == "a b.jpg");
  const LabelledFace& face = set.images[0].faces.at(0);
  CHECK(face.box == Box{.5f, 1.5f, 67.5f, 135.5f});
  CHECK(face.landmarks ==
        Landmarks{{{39, 78.5f}, {45, 90.5f}, {30.5f, 61.5f}, {48.5f, 97.5f}, {54.5f, 109.5f}}});
  CHECK(read("300w", file).images.at(0).path == "a b.jpg");  // one file

  // The images elsewhere, under another ending.
  folder.write("pictures/a b.PNG", "");
  LabelOptions options;
  options.images = folder / "pictures";
  CHECK(read("300w", folder / "set", options).images.at(0).path == "a b.PNG");
}

TEST_CASE("300w: malformed files") {
  Folder folder;
  folder.write("a.jpg", "");
  const auto problem = [&](const std::string& text, int line) {
    const std::string file = folder.write("a.pts", text);
    const Dataset set = read("300w", folder.path());
    CHECK(set.images.empty());
    return only_problem(set, file, line);
  };
  CHECK(mentions(problem(pts(67), 71), "67 points, expected 68"));
  CHECK(mentions(problem(pts(68, ""), 71), "no }"));
  CHECK(mentions(problem("version: 1\n", 1), "no {"));
  CHECK(mentions(problem(pts(4, "5 nan\n}\n"), 8), "nan"));
  CHECK(mentions(problem(pts(4, "5\n}\n"), 8), "'5', expected x y"));
  CHECK(read("300w", folder.path()).left_out == 1);
  // Without a photograph detections can still be compared, by its name without the ending.
  folder.write("sub/a.pts", pts(68));
  folder.write("a.pts", pts(68));
  std::filesystem::remove(folder / "a.jpg");
  const Dataset set = read("300w", folder.path());
  CHECK(set.problems.empty());
  REQUIRE(set.images.size() == 2);
  CHECK(set.images[0].path == "a");
  CHECK(set.images[0].file == folder / "a.pts");
  CHECK(set.images[1].path == "sub/a");
}

namespace {

std::string voc_object(const std::string& name, const std::string& difficult, const std::string& xmin) {
  return "<object>\n<name>" + name + "</name><difficult>" + difficult + "</difficult>\n<bndbox><xmin>" +
         xmin + "</xmin><ymin>22</ymin><xmax>40</xmax><ymax>60</ymax></bndbox></object>\n";
}

}  // namespace

TEST_CASE("voc: boxes, classes, difficult faces") {
  Folder folder;
  folder.write("labels/sub/a.xml",
               "\xEF\xBB\xBF<?xml version=\"1.0\"?>\r\n<annotation><filename>a b.jpg</filename>\r\n" +
                   voc_object("face", "0", "11") + voc_object("face", "1", " 12.5\n") +
                   voc_object("car", "0", "13") + "</annotation>");
  folder.write("labels/b.xml", "<annotation><filename>b.png</filename></annotation>");
  Dataset set = read("voc", folder / "labels");
  CHECK(set.problems.empty());
  REQUIRE(set.images.size() == 2);
  CHECK(set.images[0].path == "b.png");
  CHECK(set.images[0].faces.empty());
  CHECK(set.images[1].path == "sub/a b.jpg");
  REQUIRE(set.images[1].faces.size() == 3);
  CHECK(set.images[1].faces[0].box == Box{10, 21, 40, 60});
  CHECK(!set.images[1].faces[0].ignore);
  CHECK(set.images[1].faces[1].box == Box{11.5f, 21, 40, 60});
  CHECK(set.images[1].faces[1].ignore);
  LabelOptions options;
  options.classes = {"face"};
  CHECK(read("voc", folder / "labels", options).images[1].faces.size() == 2);
}

TEST_CASE("voc: malformed files") {
  Folder folder;
  folder.write("good.xml", "<annotation><filename>good.jpg</filename></annotation>");
  const auto problem = [&](const std::string& text, int line) {
    const std::string file = folder.write("bad.xml", text);
    const Dataset set = read("voc", folder.path());
    CHECK(set.images.back().path == "good.jpg");
    return only_problem(set, file, line);
  };
  const std::string start = "<annotation>\n<filename>a.jpg</filename>\n";
  const std::string end = "</annotation>\n";
  CHECK(mentions(problem(start + voc_object("face", "0", "nan") + end, 3), "nan"));
  CHECK(mentions(problem(start + voc_object("face", "0", "90") + end, 3), "width -49"));
  CHECK(mentions(problem(start + voc_object("face", "0", "x") + end, 3), "xmin"));
  CHECK(mentions(problem(start + "<object><name>face</name></object>" + end, 3), "bndbox"));
  CHECK(mentions(problem("\n<annotation></annotation>", 2), "no <filename>"));
  CHECK(mentions(problem("<html/>", 1), "no <annotation>"));
  CHECK(mentions(problem(start + "<object>\n</annot", 4), "expected a Pascal VOC annotation"));
  const auto alone = read_labels("voc", folder.write("bad.xml", "<annotation>\n<"));
  REQUIRE(!alone);
  CHECK(alone.error().code == ErrorCode::kFormat);
  CHECK(mentions(alone.error().message, "bad.xml:2: "));
}

TEST_CASE("voc: a second file of an image is left out with all faces that it has") {
  Folder folder;
  const std::string start = "<annotation><filename>a.jpg</filename>", end = "</annotation>";
  const std::string face = voc_object("face", "0", "11"), car = voc_object("car", "0", "11");
  folder.write("1.xml", start + face + end);
  const std::string second = folder.write("2.xml", start + face + car + face + end);
  LabelOptions options;
  Dataset set = read("voc", folder.path(), options);
  CHECK(mentions(only_problem(set, second, 0), "'a.jpg' has labels in another file already"));
  CHECK(set.left_out == 3);
  options.classes = {"face"};
  set = read("voc", folder.path(), options);
  CHECK(set.images.at(0).faces.size() == 1);
  CHECK(set.left_out == 2);
}

TEST_CASE("coco: boxes, crowds, keypoints, categories") {
  Folder folder;
  const std::string file = folder.write("a.json", R"({
    "images": [{"id": 7, "file_name": "a b.jpg"}, {"id": "x", "file_name": "b.jpg"}],
    "categories": [{"id": 1, "name": "face"}, {"id": 2, "name": "car"}],
    "annotations": [
      {"image_id": 7, "category_id": 1, "bbox": [1, 2.5, 3, 4], "keypoints": [1,2,2, 3,4,2, 5,6,1, 7,8,2, 9,10,2]},
      {"image_id": "x", "category_id": 1, "bbox": [1, 2, 3, 4], "iscrowd": 1, "keypoints": [1,2,2, 3,4,2, 5,6,0, 7,8,2, 9,10,2]},
      {"image_id": 7, "category_id": 2, "bbox": [1, 2, 3, 4], "keypoints": [1,2,2]}
    ]})");
  Dataset set = read("coco", file);
  CHECK(set.problems.empty());
  REQUIRE(set.images.size() == 2);
  CHECK(set.images[0].path == "a b.jpg");
  REQUIRE(set.images[0].faces.size() == 2);
  CHECK(set.images[0].faces[0].box == Box{1, 2.5f, 4, 6.5f});
  CHECK(set.images[0].faces[0].landmarks ==
        Landmarks{{{1.5f, 2.5f}, {3.5f, 4.5f}, {5.5f, 6.5f}, {7.5f, 8.5f}, {9.5f, 10.5f}}});
  CHECK(!set.images[0].faces[0].ignore);
  CHECK(!set.images[0].faces[1].landmarks);
  REQUIRE(set.images[1].faces.size() == 1);
  CHECK(set.images[1].faces[0].ignore);
  CHECK(!set.images[1].faces[0].landmarks);  // the nose has visibility 0
  LabelOptions options;
  options.classes = {"face"};
  set = read("coco", file, options);
  CHECK(set.images[0].faces.size() == 1);
  CHECK(set.images[1].faces.size() == 1);
}

TEST_CASE("coco: malformed files") {
  Folder folder;
  const auto error = [&](const std::string& text) {
    const auto set = read_labels("coco", folder.write("a.json", text));
    REQUIRE(!set);
    CHECK(set.error().code == ErrorCode::kFormat);
    return set.error().message;
  };
  CHECK(mentions(error("{\n\"images\": [\n}"), "a.json:3: not JSON"));
  CHECK(mentions(error("[]"), "expected an object with the lists"));
  CHECK(mentions(error("{\"images\": 3, \"annotations\": []}"), "expected an object with the lists"));

  const std::string file = folder.write("a.json", R"({"images": [{"id": 1, "file_name": "a.jpg"}, {"id": 1,
    "file_name": "b.jpg"}, 5], "annotations": [{"image_id": 2, "bbox": [1, 2, 3, 4]},
    {"image_id": 1, "bbox": [1, 2, 3]}, {"image_id": 1, "bbox": [1, 2, -3, 4]}, {"image_id": 1, "bbox": [1, 2, 1e12, 4]},
    {"image_id": 1, "bbox": ["1", 2, 3, 4]}, {"image_id": 1, "bbox": [1, 2, 3, 4], "keypoints": [1, 2]}, null,
    {"image_id": 1, "bbox": [1, 2, 3, 4], "keypoints": null}]})");
  const Dataset set = read("coco", file);
  REQUIRE(set.problems.size() == 9);
  CHECK(set.problems[0].text() == file + ": images[1]: expected an \"id\" of its own and a \"file_name\"");
  CHECK(mentions(set.problems[1].what, "images[2]"));
  CHECK(set.problems[2].what == "annotations[0]: \"image_id\" is not an id in \"images\"");
  CHECK(mentions(set.problems[3].what, "annotations[1]: no \"bbox\" of 4 numbers"));
  CHECK(mentions(set.problems[4].what, "annotations[2]: box of width -3"));
  CHECK(mentions(set.problems[5].what, "annotations[3]: coordinate 1e+12"));
  CHECK(mentions(set.problems[8].what, "annotations[6]"));
  CHECK(set.left_out == 7);
  REQUIRE(set.images.size() == 1);
  CHECK(set.images[0].faces.size() == 1);
}

TEST_CASE("coco: where classes are asked for, an annotation of none that is known is a problem") {
  Folder folder;
  const std::string file = folder.write("a.json", R"({"images": [{"id": 1, "file_name": "a.jpg"}],
    "categories": [{"id": 1, "name": "face"}, {"id": 2, "name": "car"}, {"id": 3}],
    "annotations": [{"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4]},
      {"image_id": 1, "category_id": 2, "bbox": [1, 2, 3, 4]}, {"image_id": 1, "bbox": [1, 2, 3, 4]},
      {"image_id": 1, "category_id": 9, "bbox": [1, 2, 3, 4]},
      {"image_id": 1, "category_id": 3, "bbox": [1, 2, 3, 4]}]})");
  LabelOptions options;
  options.classes = {"face"};
  const Dataset set = read("coco", file, options);
  CHECK(set.images.at(0).faces.size() == 1);
  CHECK(set.left_out == 3);
  REQUIRE(set.problems.size() == 3);
  CHECK(mentions(set.problems[0].what, "annotations[2]: \"category_id\" is not an id"));
  CHECK(mentions(set.problems[1].what, "annotations[3]: "));
  CHECK(mentions(set.problems[2].what, "annotations[4]: "));
  // Without, all are faces.
  const Dataset all = read("coco", file);
  CHECK(all.images.at(0).faces.size() == 5);
  CHECK(all.problems.empty());
}

TEST_CASE("coco: NaN, which Python writes, does not cost the rest") {
  Folder folder;
  const std::string file = folder.write("a.json", R"({"info": "NaN \" NaN",
"images": [{"id": 1, "file_name": "Infinity.jpg"}],
"annotations": [{"image_id": 1, "bbox": [1, 2, NaN, 4]},
  {"image_id": 1, "bbox": [1, 2, 3, 4], "area": -Infinity}]})");
  const Dataset set = read("coco", file);
  CHECK(lines_of(set) == std::vector<int>{3, 4, 0});
  CHECK(mentions(set.problems[0].text(), file + ":3: NaN is no JSON"));
  CHECK(mentions(set.problems[1].what, "-Infinity"));
  CHECK(mentions(set.problems[2].what, "annotations[0]: no \"bbox\" of 4 numbers"));
  CHECK(set.left_out == 1);
  REQUIRE(set.images.size() == 1);
  CHECK(set.images[0].path == "Infinity.jpg");
  REQUIRE(set.images[0].faces.size() == 1);
  CHECK(set.images[0].faces[0].box == Box{1, 2, 4, 6});
}

TEST_CASE("an image whose labels were left out says so") {
  Folder folder;
  const auto incomplete = [&](const char* format, const std::string& path) {
    LabelOptions options;
    options.known_sizes = all_of_size({100, 50});
    const Dataset set = read(format, path, options);
    std::string names;
    for (const LabelledImage& image : set.images) names += image.incomplete ? image.path + " " : "";
    return names;
  };
  const std::string points = " 1 2 3 4 5 6 7 8 9 10";
  CHECK(incomplete("wider", folder.write("w.txt",
                                         "a.jpg\n2\n1 2 3 4\n1 2 0 4\nb.jpg\n1\n1 2 3 4\n"
                                         "c.jpg\n1\n1 2 3\nd.jpg\n2\n1 2 3 4\ne.jpg\n1\n1 2 x 4\n")) ==
        "a.jpg c.jpg d.jpg e.jpg ");
  // Rows in excess, a count that is none, a second listing.
  CHECK(incomplete("wider", folder.write("w2.txt",
                                         "a.jpg\n1\n1 2 3 4\n5 6 7 8\nb.jpg\n0\n1 2 3 4\nc.jpg\n1\n1 2 3 4\n"
                                         "d.jpg\n1\n1 2 3 4\nc.jpg\n1\n5 6 7 8\nd.jpg\n0\n0 0 0 0\n")) ==
        "a.jpg b.jpg c.jpg ");
  CHECK(
      incomplete("retinaface",
                 folder.write("r2.txt", "# a.jpg\n1 2 3 4\n# b.jpg\n1 2 3 4\n# a.jpg\n5 6 7 8\n# b.jpg\n")) ==
      "a.jpg ");
  CHECK(incomplete("retinaface",
                   folder.write("r.txt", "# a.jpg\n1 2 3 4\n1 2 3\n# b.jpg\n1 2 3 4\n# c.jpg\n1 2 0 4\n")) ==
        "a.jpg c.jpg ");
  CHECK(incomplete("celeba", folder.write("c.txt", "a.jpg 1 2 3 4\na.jpg 1 2 3\nb.jpg 1 2 3 4\n")) ==
        "a.jpg ");
  CHECK(incomplete("cnn_facepoint", folder.write("p.txt", "a.jpg 9 5 1 5" + points + "\na.jpg 1 5 1 5" +
                                                              points + "\nb.jpg 1 5 1 5" + points + "\n")) ==
        "a.jpg ");
  CHECK(incomplete("aflw", folder.write("a.txt", "a.jpg" + points + "\na.jpg 1\nb.jpg" + points + "\n")) ==
        "a.jpg ");
  folder.write("voc/a.xml",
               "<annotation><filename>a.png</filename><object><name>face</name></object></annotation>");
  folder.write("voc/b.xml",
               "<annotation><filename>b.png</filename>" + voc_object("face", "0", "11") + "</annotation>");
  CHECK(incomplete("voc", folder / "voc") == "a.png ");
  folder.write("voc/c.xml",
               "<annotation><filename>b.png</filename>" + voc_object("face", "20", "31") + "</annotation>");
  CHECK(incomplete("voc", folder / "voc") == "a.png b.png ");
  folder.write("yolo/a.txt", "0 .5 .5 .2\n");
  folder.write("yolo/b.txt", "0 .5 .5 .2 .4\n");
  folder.write("yolo/c.txt", "0 .5 .5 0 .4\n");
  CHECK(incomplete("yolo", folder / "yolo") == "a c ");
  CHECK(incomplete(
            "coco",
            folder.write("c.json",
                         R"({"images": [{"id": 1, "file_name": "a.jpg"}, {"id": 2, "file_name": "b.jpg"}],
    "annotations": [{"image_id": 1, "bbox": [1, 2, 3]}, {"image_id": 2, "bbox": [1, 2, 3, 4]}]})")) ==
        "a.jpg ");
}

TEST_CASE("a class that no label has is a problem") {
  Folder folder;
  folder.write("voc/a.xml", "<annotation><filename>a.png</filename>" + voc_object("face", "0", "11") +
                                voc_object("car", "0", "11") + "</annotation>");
  folder.write("yolo/a.txt", "0 .5 .5 .2 .4\n3 .5 .5 .2 .4\n");
  folder.write("coco.json", R"({"images": [{"id": 1, "file_name": "a.jpg"}],
    "categories": [{"id": 1, "name": "face"}, {"id": 2, "name": "never"}],
    "annotations": [{"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4]}]})");
  const auto of = [&](const char* format, const char* path, std::vector<std::string> classes) {
    LabelOptions options;
    options.classes = std::move(classes);
    options.known_sizes = all_of_size({100, 50});
    return read(format, folder / path, options);
  };
  struct Case {
    const char *format, *path, *known;
  };
  for (const Case& c : {Case{"voc", "voc", "face"}, {"yolo", "yolo", "0"}, {"coco", "coco.json", "face"}}) {
    CAPTURE(c.format);
    CHECK(of(c.format, c.path, {c.known}).problems.empty());
    const Dataset set = of(c.format, c.path, {c.known, "never"});
    CHECK(set.images.at(0).faces.size() == 1);
    CHECK(set.left_out == 0);  // other classes are not asked for
    const std::string what = only_problem(set, folder / c.path, 0);
    CHECK(mentions(what, "class 'never': no label has it"));
    CHECK(mentions(what, std::string("'") + c.known + "'"));
  }
}

TEST_CASE("images and faces know their lines") {
  Folder folder;
  const auto lines = [&](const char* format, const std::string& text) {
    const std::string file = folder.write("list.txt", text);
    std::vector<int> result;
    for (const LabelledImage& image : read(format, file).images) {
      CHECK(image.file == file);
      result.push_back(image.line);
      for (const LabelledFace& face : image.faces) result.push_back(face.line);
    }
    return result;
  };
  using Lines = std::vector<int>;
  CHECK(lines("wider", "a.jpg\n2\n1 2 3 4\n1 2 3 4\nb.jpg\n0\n") == Lines{1, 3, 4, 5});
  CHECK(lines("retinaface", "# a.jpg\n1 2 3 4\n# b.jpg\n") == Lines{1, 2, 3});
  CHECK(lines("celeba", "2\nnames\na.jpg 1 2 3 4\nb.jpg 1 2 3 4\n") == Lines{3, 3, 4, 4});
  CHECK(
      lines("cnn_facepoint", "a.jpg 1 9 1 9 1 2 3 4 5 6 7 8 9 10\n\na.jpg 1 9 1 9 1 2 3 4 5 6 7 8 9 10\n") ==
      Lines{1, 1, 3});
  CHECK(lines("aflw", "\na.jpg 10 20 15 11 19 30 31 40 50 51\n") == Lines{2, 2});
  folder.write("a.xml", "<annotation>\n<filename>a.png</filename>\n" + voc_object("face", "0", "11") +
                            "</annotation>");
  const Dataset voc = read("voc", folder / "a.xml");
  CHECK(voc.images.at(0).line == 2);
  CHECK(voc.images[0].faces.at(0).line == 3);
}

TEST_CASE("yolo: fractions of the image's size") {
  Folder folder;
  folder.write("labels/sub/a b.txt",
               "0 0.5 0.5 0.2 0.4\r\n1 .25 .25 .5 .5\r\n"
               "0 .5 .5 .2 .4 .1 .1 .2 .2 .3 .3 .4 .4 .5 .5\r\n"
               "0 .5 .5 .2 .4 .1 .1 2 .2 .2 2 .3 .3 2 .4 .4 0 .5 .5 2\r\n");
  folder.write("labels/classes.txt", "face\nhead\n");
  folder.write("labels/none.txt", "");
  folder.write("images/none.jpg", "");
  std::filesystem::create_directories(folder / "images/sub");
  const std::vector<std::uint8_t> pixels(100 * 50 * 3);
  REQUIRE(save_image(folder / "images/sub/a b.png", {pixels.data(), 100, 50, 300, PixelFormat::kRgb8}));
  LabelOptions options;
  options.known_sizes = all_of_size({7, 7});  // what the image itself says goes before
  for (const std::string path : {"labels", "labels/"}) {
    const Dataset set = read("yolo", folder / path, options);
    CHECK(set.problems.empty());
    REQUIRE(set.images.size() == 2);
    CHECK(set.images[0].path == "none.jpg");
    CHECK(set.images[0].faces.empty());
    CHECK(set.images[1].path == "sub/a b.png");
    REQUIRE(set.images[1].faces.size() == 4);
    CHECK(set.images[1].faces[0].box == Box{40, 15, 60, 35});
    CHECK(!set.images[1].faces[0].landmarks);
    CHECK(set.images[1].faces[1].box == Box{0, 0, 50, 25});
    CHECK((*set.images[1].faces[2].landmarks)[1] == Point{20, 10});
    CHECK(!set.images[1].faces[3].landmarks);  // one point has visibility 0
  }
  options = {};
  options.classes = {"1"};
  const Dataset set = read("yolo", folder / "labels", options);
  REQUIRE(set.images.size() == 2);
  CHECK(set.images[1].faces.size() == 1);
  CHECK(set.problems.empty());  // the picture of none.txt can't be decoded, nor need it be
  // A class that is not asked for needs no size either.
  folder.write("labels/none.txt", "0 .5 .5 .2 .4\n");
  CHECK(read("yolo", folder / "labels", options).problems.empty());
  options = {};
  CHECK(mentions(only_problem(read("yolo", folder / "labels", options), folder / "labels/none.txt", 0),
                 "the image's size is needed"));
}

TEST_CASE("yolo: sizes of images that are not at hand are asked for once, with all names") {
  Folder folder;
  folder.write("labels/a/b.txt", "0 .5 .5 .2 .4\n");
  folder.write("labels/b.txt", "0 .5 .5 .2 .4\n");
  folder.write("labels/c.txt", "0 .5 .5 .2 .4\n0 .5 .5 .2 .4\n");
  folder.write("labels/classes.txt", "face\n");
  folder.write("labels/none.txt", "");
  folder.write("images/b.jpg", "");  // can't be decoded: as good as not at hand
  LabelOptions options;
  int times = 0;
  options.known_sizes = [&](const std::vector<std::string>& names) {
    ++times;
    CHECK(names == std::vector<std::string>{"a/b", "b", "c", "none"});
    return std::vector<std::optional<Size>>{Size{100, 50}, Size{200, 50}, std::nullopt, std::nullopt};
  };
  const Dataset set = read("yolo", folder / "labels", options);
  CHECK(times == 1);
  REQUIRE(set.images.size() == 3);
  CHECK(set.images[0].path == "a/b");
  CHECK(set.images[0].faces.at(0).box == Box{40, 15, 60, 35});
  CHECK(set.images[1].path == "b.jpg");
  CHECK(set.images[1].faces.at(0).box == Box{80, 15, 120, 35});
  CHECK(set.images[2].path == "none");  // without faces no size is needed
  CHECK(mentions(only_problem(set, folder / "labels/c.txt", 0), "no size, or more than one, is known"));
  CHECK(set.left_out == 2);
}

TEST_CASE("yolo: malformed lines") {
  Folder folder;
  folder.write("a.jpg", "");
  LabelOptions options;
  options.known_sizes = all_of_size({100, 50});
  const std::string file = folder.write("a.txt",
                                        "0 .5 .5 .2 .4\n0 .5 .5 .2\n0 .5 nan .2 .4\n0 50 50 20 40\n"
                                        "0 .5 .5 -.2 .4\nface .5 .5 .2 .4\n0 .5 .5 .2 .4\n");
  const Dataset set = read("yolo", file, options);
  CHECK(lines_of(set) == std::vector<int>{2, 3, 4, 6, 5});  // boxes come last, when the size is known
  CHECK(mentions(set.problems[2].text(), file + ":4: number 50, expected a fraction of the image"));
  REQUIRE(set.images.at(0).faces.size() == 2);
  CHECK(set.images[0].faces[1].line == 7);
  CHECK(set.left_out == 5);
  // A size that is told may be absurd: so are the numbers then.
  folder.write("far.txt", "0 .5 .5 .2 .4\n0 1e-9 1e-9 1e-9 1e-9 0 0 0 0 0 0 0 0 .5 .5\n");
  options.known_sizes = all_of_size({2000000000, 2000000000});
  const Dataset far = read("yolo", folder / "far.txt", options);
  CHECK(lines_of(far) == std::vector<int>{1, 2});
  CHECK(mentions(far.problems.at(0).what, "coordinate 8e+08"));
  CHECK(mentions(far.problems.at(1).what, "coordinate 1e+09"));
  CHECK(far.left_out == 2);
  options.known_sizes = all_of_size({100, 50});
  // An image that is not there does if its size is known; else its lines are still looked at.
  std::filesystem::remove(folder / "a.jpg");
  const Dataset absent = read("yolo", file, options);
  CHECK(absent.images.at(0).path == "a");
  CHECK(absent.images[0].faces[1].box == set.images[0].faces[1].box);
  const Dataset unknown = read("yolo", file);
  CHECK(lines_of(unknown) == std::vector<int>{2, 3, 4, 6, 0});
  CHECK(mentions(unknown.problems.back().text(), file + ": the image's size is needed, but no image"));
  CHECK(unknown.left_out == 7);
  CHECK(unknown.images.empty());
}

TEST_CASE("retinaface: boxes and points") {
  Folder folder;
  const std::string file = folder.write(
      "label.txt",
      "# 0--Parade/a b.jpg\r\n"
      "10 20 30 40 1 2 0.0 3 4 0.0 5 6 1.0 7 8 0.0 9 10 0.0 0.82\r\n"
      "78 221 7 8 -1.0 -1.0 -1.0 -1.0 -1.0 -1.0 -1.0 -1.0 -1.0 -1.0 -1.0 -1.0 -1.0 -1.0 -1.0 0.2\r\n"
      "# none.jpg\r\n# val.jpg\r\n1 2 3 4\r\n");
  const Dataset set = read("retinaface", file);
  CHECK(set.problems.empty());
  REQUIRE(set.images.size() == 3);
  CHECK(set.images[0].path == "0--Parade/a b.jpg");
  REQUIRE(set.images[0].faces.size() == 2);
  CHECK(set.images[0].faces[0].box == Box{10, 20, 40, 60});
  CHECK(set.images[0].faces[0].landmarks == Landmarks{{{1, 2}, {3, 4}, {5, 6}, {7, 8}, {9, 10}}});
  CHECK(!set.images[0].faces[1].landmarks);
  CHECK(set.images[1].faces.empty());
  CHECK(set.images[2].faces.at(0).box == Box{1, 2, 4, 6});
}

TEST_CASE("retinaface: malformed lines") {
  Folder folder;
  const std::string file = folder.write("label.txt",
                                        "1 2 3 4\n# a.jpg\n1 2 3 4\n1 2 3\n1 2 3 nan\n1 2 3 -4\n#\n1 2 3 4\n"
                                        "# a.jpg\n1 2 3 4\n# b.jpg\n1 2 3 4\nx\n");
  const Dataset set = read("retinaface", file);
  CHECK(lines_of(set) == std::vector<int>{1, 4, 5, 6, 7, 9, 13});
  CHECK(set.left_out == 7);  // rows: not the two headings, but the two rows behind them
  CHECK(mentions(set.problems[0].text(), file + ":1: '1 2 3 4', expected # and a path first"));
  CHECK(mentions(set.problems[5].what, "second time"));
  REQUIRE(set.images.size() == 2);
  CHECK(set.images[0].faces.size() == 1);
  CHECK(set.images[1].faces.size() == 1);
}

TEST_CASE("background: every image of a folder, without faces") {
  const Folder folder;
  folder.write("b.PNG", "not looked at");
  folder.write("a/c.jpg", "");
  folder.write("a/notes.txt", "");
  const Result<Dataset> data = read_labels("background", folder.path());
  REQUIRE(data.ok());
  REQUIRE(data->images.size() == 2);
  CHECK(data->images[0].path == "a/c.jpg");
  CHECK(data->images[1].path == "b.PNG");
  CHECK(data->images[0].faces.empty());
  CHECK(data->problems.empty());
  CHECK(read_labels("background", folder / "b.PNG").error().message ==
        folder / "b.PNG" + ": is not a folder");
  CHECK(read_labels("background", folder / "nowhere").error().code == ErrorCode::kIo);
  const Folder empty;
  CHECK(read_labels("background", empty.path()).error().message ==
        empty.path() + ": no image in this folder");
}

TEST_CASE("the reference lists are read without a problem") {
  if (!test::have_shared_data()) return;
  const std::filesystem::path data = test::shared_data() / "data";
  const auto faces_of = [&](const char* format, const char* list, std::size_t images) {
    CAPTURE(list);
    const Dataset set = read(format, (data / list).string());
    CHECK(set.problems.empty());
    CHECK(set.images.size() == images);
    std::size_t faces = 0;
    for (const LabelledImage& image : set.images) faces += image.faces.size();
    return faces;
  };
  CHECK(faces_of("wider", "wider_dev/bbx_gt.txt", 149) == 3250);
  CHECK(faces_of("wider", "scenes/train_bbx_gt.txt", 1211) == 7361);
  CHECK(faces_of("wider", "scenes/val_bbx_gt.txt", 250) == 1438);
  CHECK(faces_of("wider", "cnn_facepoint/train_bbx_gt.txt", 7100) == 8856);
  CHECK(faces_of("wider", "cnn_facepoint/test_bbx_gt.txt", 2274) == 2885);
  CHECK(faces_of("cnn_facepoint", "cnn_facepoint/train_landmarks.txt", 7100) == 7100);
  CHECK(faces_of("cnn_facepoint", "cnn_facepoint/test_landmarks.txt", 2274) == 2274);

  for (const std::string part : {"train", "test"}) {
    const std::string points = (data / "cnn_facepoint" / (part + "_landmarks.txt")).string();
    const Dataset joined = join(read("wider", (data / "cnn_facepoint" / (part + "_bbx_gt.txt")).string()),
                                read("cnn_facepoint", points));
    CHECK(joined.problems.empty());
    std::size_t with_points = 0;
    for (const LabelledImage& image : joined.images) {
      for (const LabelledFace& face : image.faces) with_points += face.landmarks.has_value();
    }
    CHECK(with_points == joined.images.size());
  }
}

}  // namespace mtcnn
