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

}  // namespace
}  // namespace mtcnn
