#include "train/photographs.h"

#include <doctest/doctest.h>

#include "eval/test_folder.h"
#include "train/samples.h"

namespace mtcnn {
namespace {

std::string labels_of(int images, int width = 40) {
  std::string text;
  for (int i = 0; i < images; ++i) {
    text += "# " + std::to_string(i) + ".png\n10 10 " + std::to_string(width) +
            " 50 20 20 0.0 40 20 0.0 30 30 0.0 22 40 0.0 38 40 0.0 1\n";
  }
  return text;
}

SetConfig set_in(const test::Folder& folder) {
  SetConfig set;
  set.name = "holidays";
  set.format = "retinaface";
  set.labels = folder / "labels.txt";
  set.images = folder / "images";
  return set;
}

TEST_CASE("images that are not there are told, and left out") {
  const test::Folder folder;
  folder.write("labels.txt", labels_of(9));
  folder.write("images/3.png", "only that it is there counts");
  folder.write("images/8.png", "");
  const SetConfig sets[] = {set_in(folder)};
  const Result<Photographs> read = read_photographs(sets, 12);
  REQUIRE(read.ok());
  REQUIRE(read->list.size() == 2);
  CHECK(read->list[0].file == folder / "images/3.png");
  CHECK(read->list[1].file == folder / "images/8.png");
  REQUIRE(read->missing.size() == 1);
  CHECK(read->missing[0] == "set \"holidays\": 7 of its 9 images are not in " + folder / "images" +
                                ": 0.png, 1.png, 2.png, 4.png, 5.png, ...");
  for (const int i : {0, 1, 2, 4, 5, 6, 7}) folder.write("images/" + std::to_string(i) + ".png", "");
  CHECK(read_photographs(sets, 12)->missing.empty());
  CHECK(read_photographs(sets, 12)->list.size() == 9);
}

TEST_CASE("a set of whose images none is there is an error that names it and the folder") {
  const test::Folder folder;
  folder.write("labels.txt", labels_of(2));
  const SetConfig sets[] = {set_in(folder)};
  const Result<Photographs> read = read_photographs(sets, 12);
  REQUIRE(!read.ok());
  CHECK(read.error().code == ErrorCode::kIo);
  CHECK(read.error().message == "set \"holidays\": none of its 2 images is in " + folder / "images" +
                                    " (0.png, 1.png): is that its folder?");
}

TEST_CASE("where a label can't be used, nothing counts as background") {
  const test::Folder folder;
  SetConfig set;
  set.name = "holidays";
  set.format = "wider";
  set.images = folder / "images";
  set.labels = folder.write("labels.txt", "a.png\n2\n10 10 40 40\n5 5 40 x\nb.png\n1\n10 10 40 40\n");
  for (const char* name : {"images/a.png", "images/b.png"}) folder.write(name, "");
  const Result<Photographs> read = read_photographs(std::span(&set, 1), 12);
  REQUIRE(read.ok());
  REQUIRE(read->list.size() == 2);
  CHECK(read->list[0].faces.size() == 1);
  CHECK(read->problems.size() == 1);
  const Box far{5000, 5000, 5040, 5040};
  CHECK(!classify(far, read->list[0], {}).negative);
  CHECK(classify(far, read->list[1], {}).negative);
}

TEST_CASE("a set without a usable label says what was wrong") {
  const test::Folder folder;
  SetConfig set;
  set.format = "celeba";
  set.images = folder / "images";
  set.labels = folder.write("labels.txt", "a.png 1 2 3\n");
  const Result<Photographs> read = read_photographs(std::span(&set, 1), 12);
  REQUIRE(!read.ok());
  CHECK(read.error().message.find("labels.txt: no image. Left out: ") != std::string::npos);
  CHECK(read.error().message.find("labels.txt:1: ") != std::string::npos);
}

TEST_CASE("other photographs or labels have another fingerprint") {
  const test::Folder folder;
  for (int i = 0; i < 3; ++i) folder.write("images/" + std::to_string(i) + ".png", "");
  const SetConfig sets[] = {set_in(folder)};
  const auto of = [&](const std::string& labels, double min_face = 12) {
    folder.write("labels.txt", labels);
    return fingerprint(*read_photographs(sets, min_face));
  };
  const std::uint64_t two = of(labels_of(2));
  CHECK(of(labels_of(2)) == two);
  CHECK(of(labels_of(3)) != two);
  CHECK(of(labels_of(2, 41)) != two);
  CHECK(of(labels_of(2), 45) != two);  // ignored, all of them
  std::string moved = labels_of(2);
  moved.replace(moved.find("20 20 0.0"), 2, "21");  // an eye
  CHECK(of(moved) != two);
}

TEST_CASE("boxes are moved as the set says, faces and ignored ones, before the smallest face is") {
  const test::Folder folder;
  SetConfig set;
  set.name = "holidays";
  set.format = "wider";
  set.images = folder / "images";
  set.labels = folder.write("labels.txt",
                            "a.png\n3\n10 100 40 20 0 0 0 0 0 0\n100 100 40 20 0 0 0 1 0 0\n200 10 20 10\n");
  folder.write("images/a.png", "");
  set.box_moves = {.1, -.5, -.25, .5};  // twice as high
  const auto of = [&](double min_face) {
    const Result<Photographs> read = read_photographs(std::span(&set, 1), min_face);
    REQUIRE(read.ok());
    return read->list.at(0);
  };
  // 26 x 40, 26 x 40 and 13 x 20 pixels then, of 40 x 20, 40 x 20 and 20 x 10.
  const Photograph large = of(25);
  REQUIRE(large.faces.size() == 1);
  CHECK(large.faces[0].box == Box{14, 90, 40, 130});
  CHECK(large.ignored == std::vector<Box>{{104, 90, 130, 130}, {202, 5, 215, 25}});
  CHECK(of(12).faces.size() == 2);
}

TEST_CASE("points of a second list, and what their formats leave open") {
  const test::Folder folder;
  SetConfig set;
  set.name = "holidays";
  set.format = "wider";
  set.images = folder / "images";
  set.labels = folder.write("labels.txt", "a.jpg\n1\n10 10 40 40\n");
  set.landmarks = folder.write(
      "points.txt", "a.jpg 20 20 40 20 30 30 22 40 38 40\na.jpg 220 20 240 20 230 30 222 40 238 40\n");
  set.landmarks_format = "celeba";
  for (const char* name : {"images/a.jpg", "images/b.jpg"}) folder.write(name, "");
  const auto of = [&] {
    const Result<Photographs> read = read_photographs(std::span(&set, 1), 12);
    REQUIRE(read.ok());
    REQUIRE(read->list.size() == 1);
    return read->list[0];
  };
  const Box beside{110, 10, 150, 50}, other{210, 8, 250, 48};
  const Photograph joined = of();
  REQUIRE(joined.faces.size() == 1);
  CHECK(joined.faces[0].landmarks);
  CHECK(!joined.faces[0].guessed_box);
  CHECK(classify(beside, joined, {}).negative);
  CHECK(!classify(other, joined, {}).negative);  // points that no box holds are a face, too

  // Points alone: the box is a guess, and others may be in the photograph.
  set.format = "celeba";
  set.labels = set.landmarks;
  set.landmarks = set.landmarks_format = "";
  const Photograph pointed = of();
  REQUIRE(pointed.faces.size() == 2);
  CHECK(pointed.faces[0].guessed_box);
  CHECK(!classify(beside, pointed, {}).negative);
  set.unlabelled_faces = "none";
  CHECK(classify(beside, of(), {}).negative);
  set.format = "wider";
  set.labels = folder / "labels.txt";
  CHECK(classify(beside, of(), {}).negative);
  set.unlabelled_faces = "some";
  CHECK(!classify(beside, of(), {}).negative);
}

}  // namespace
}  // namespace mtcnn
