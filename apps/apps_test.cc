#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "apps/draw.h"
#include "apps/face_lines.h"
#include "apps/inputs.h"
#include "apps/ordered_map.h"
#include "apps/progress.h"
#include "apps/resume.h"
#include "apps/sha256.h"
#include "apps/table.h"
#include "apps/text.h"

namespace fs = std::filesystem;
using namespace mtcnn;

namespace {

// A folder of the test's own, gone at its end; the working folder is inside it meanwhile.
class Scratch {
 public:
  Scratch() : before_(fs::current_path()) {
    std::string name = (fs::temp_directory_path() / "mtcnn-apps-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    folder_ = name;
    fs::current_path(folder_);
  }
  ~Scratch() {
    fs::current_path(before_);
    fs::remove_all(folder_);
  }

 private:
  fs::path before_;
  fs::path folder_;
};

void write_text(const std::string& path, const std::string& text) {
  if (fs::path(path).has_parent_path()) fs::create_directories(fs::path(path).parent_path());
  std::ofstream(path, std::ios::binary) << text;
}

std::string read_text(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::vector<Input> list(InputOptions options) {
  InputSource source(std::move(options));
  std::vector<Input> inputs;
  while (auto input = source.next()) inputs.push_back(*input);
  return inputs;
}

std::vector<std::string> paths(const std::vector<std::string>& arguments) {
  std::vector<std::string> found;
  for (const Input& input : list({.arguments = arguments})) {
    CHECK_MESSAGE(input.error.empty(), input.path << ": " << input.error);
    found.push_back(input.path);
  }
  return found;
}

using Strings = std::vector<std::string>;

ImageFaces two_faces() {
  ImageFaces image;
  image.path = "a b.jpg";
  image.width = 640;
  image.height = 480;
  Face face;
  face.box = {0.1f, 20, 100.25f, 121.5f};
  face.score = 0.99999f;
  face.landmarks = {Point{30, 60}, {70, 60.5f}, {50, 80}, {35, 100}, {65, 100}};
  image.faces = {face, face};
  image.faces[1].score = 1.0f / 3;
  return image;
}

}  // namespace

TEST_CASE("numbers and sizes are read whole or not at all") {
  CHECK(parse_number_list(".6,.7,1e-1") == std::vector<float>{.6f, .7f, .1f});
  CHECK(parse_number_list("-5") == std::vector<float>{-5});
  for (const char* text : {"", ",", "1,", ",1", "1 2", "1;2", "nan", "inf", "1e99", "0.5x", "0x10"}) {
    CHECK_MESSAGE(!parse_number_list(text), text);
  }
  CHECK(parse_size("640x480") == Size{640, 480});
  CHECK(parse_size("1X2") == Size{1, 2});
  for (const char* text :
       {"", "x", "640", "640x", "x480", "0x5", "-1x5", "5x5x5", "99999999999x1", "1.5x2"}) {
    CHECK_MESSAGE(!parse_size(text), text);
  }
}

TEST_CASE("floats are written so that they read back the same") {
  CHECK(format_float(0.1f) == "0.1");
  for (const float value : {1.0f / 3, 16777217.0f, 1e-30f, -123.456f, 0.70000005f}) {
    CHECK(std::strtof(format_float(value).c_str(), nullptr) == value);
  }
}

TEST_CASE("counts get commas") {
  CHECK(format_count(0) == "0");
  CHECK(format_count(999) == "999");
  CHECK(format_count(1000) == "1,000");
  CHECK(format_count(1234567) == "1,234,567");
  CHECK(format_count(-123456) == "-123,456");
}

TEST_CASE("CSV fields are quoted when they must be") {
  CHECK(csv_field("a b.jpg") == "a b.jpg");
  CHECK(csv_field("") == "");
  CHECK(csv_field("a,b") == "\"a,b\"");
  CHECK(csv_field("say \"x\"") == "\"say \"\"x\"\"\"");
  CHECK(csv_field("a\nb") == "\"a\nb\"");
  CHECK(csv_field("a\rb") == "\"a\rb\"");
  CHECK(csv_field(" a") == "\" a\"");
  CHECK(csv_field("a ") == "\"a \"");
}

TEST_CASE("names can't steer the terminal") {
  CHECK(printable("a\nb\t\x1b[31m\x7f") == "a\\nb\\t\\x1b[31m\\x7f");
  CHECK(printable("Bj\xc3\xb6rn.jpg") == "Bj\xc3\xb6rn.jpg");
  CHECK(without_name("a.jpg: can't open", "a.jpg") == "can't open");
  CHECK(without_name("b.jpg: can't open", "a.jpg") == "b.jpg: can't open");
}

TEST_CASE("tables align by characters, not bytes") {
  CHECK(format_table({{"name", false}, {"n"}}, {{"\xc3\xb6", "1"}, {"long name", "12"}}, 1) ==
        " name        n\n"
        " \xc3\xb6           1\n"
        " long name  12\n");
}

TEST_CASE("folders are searched to any depth, in the order of whole paths") {
  const Scratch scratch;
  for (const char* name : {"p/b.jpg", "p/a/z.PNG", "p/a.jpg", "p/a/sub/y.ppm", "p/notes.txt", "p/a-1/x.jpg",
                           "p/.hidden.jpg", "p/Z.jpg"}) {
    write_text(name, "x");
  }
  fs::create_directory("p/folder.jpg");
  Strings expected = {"p/b.jpg",     "p/a/z.PNG",     "p/a.jpg", "p/a/sub/y.ppm",
                      "p/a-1/x.jpg", "p/.hidden.jpg", "p/Z.jpg"};
  std::sort(expected.begin(), expected.end());
  CHECK(paths({"p"}) == expected);
  CHECK(paths({"p/"}) == expected);
  CHECK(list({.arguments = {"p"}})[4].relative == "a/sub/y.ppm");
  CHECK(list({.arguments = {"p/a/z.PNG"}})[0].relative == "z.PNG");
}

TEST_CASE("files that are named come whatever they are called, as often as they are named") {
  const Scratch scratch;
  write_text("notes.txt", "x");
  write_text("-x.jpg", "x");
  CHECK(paths({"notes.txt", "./-x.jpg", "notes.txt"}) == Strings{"notes.txt", "./-x.jpg", "notes.txt"});
}

TEST_CASE("loops of links do no harm") {
  const Scratch scratch;
  write_text("p/a.jpg", "x");
  fs::create_directory_symlink("..", "p/up");
  fs::create_directory_symlink(".", "p/self");
  fs::create_symlink("a.jpg", "p/link.jpg");
  fs::create_symlink("loop.jpg", "p/loop.jpg");
  fs::create_symlink("nowhere", "p/gone.jpg");
  fs::create_directory_symlink("p", "to-p");
  REQUIRE(mkfifo("p/pipe.jpg", 0600) == 0);
  CHECK(paths({"p"}) == Strings{"p/a.jpg", "p/gone.jpg", "p/link.jpg", "p/loop.jpg"});
  CHECK(paths({"to-p"}).size() == 4);
}

TEST_CASE("patterns are tried only when there is no such file") {
  const Scratch scratch;
  for (const char* name : {"a1.jpg", "a2.jpg", "[a]1.jpg", "d/in.jpg"}) write_text(name, "x");
  CHECK(paths({"a?.jpg"}) == Strings{"a1.jpg", "a2.jpg"});
  CHECK(paths({"[a]1.jpg"}) == Strings{"[a]1.jpg"});
  CHECK(paths({"[a]2.jpg"}) == Strings{"a2.jpg"});
  CHECK(paths({"[d]"}) == Strings{"d/in.jpg"});
  const auto none = list({.arguments = {"*.gif", "missing.jpg"}});
  REQUIRE(none.size() == 2);
  CHECK(none[0].path == "*.gif");
  CHECK(none[0].error.find("pattern") != std::string::npos);
  CHECK(none[1].error == "no such file or folder");
}

TEST_CASE("lists of paths") {
  const Scratch scratch;
  write_text("a b.jpg", "x");
  write_text("d/c.jpg", "x");
  write_text("new\nline.jpg", "x");
  std::istringstream lines("a b.jpg\n\nd\n*.jpg");
  auto found = list({.arguments = {"-", "a b.jpg"}, .list = &lines});
  REQUIRE(found.size() == 4);
  CHECK(found[0].path == "a b.jpg");
  CHECK(found[1].path == "d/c.jpg");
  CHECK(found[2].path == "*.jpg");  // no shell has left patterns in a list
  CHECK(found[2].error == "no such file or folder");
  CHECK(found[3].path == "a b.jpg");
  std::istringstream with_nulls(std::string("new\nline.jpg\0a b.jpg\0", 21));
  found = list({.arguments = {"-"}, .null_separated = true, .list = &with_nulls});
  REQUIRE(found.size() == 2);
  CHECK(found[0].path == "new\nline.jpg");
  CHECK(found[0].error.empty());
}

TEST_CASE("folders of our own output are not searched") {
  const Scratch scratch;
  for (const char* name : {"p/a.jpg", "p/out/a.jpg", "p/out/deep/a.jpg"}) write_text(name, "x");
  fs::create_directory_symlink("p", "alias");
  const auto found = list({.arguments = {"p"}, .excluded = {"alias/out"}});
  REQUIRE(found.size() == 1);
  CHECK(found[0].path == "p/a.jpg");
  CHECK(lies_in("p/out/deep/a.jpg", "alias/out"));
  CHECK_FALSE(lies_in("p/a.jpg", "p/out"));
  CHECK_FALSE(lies_in("p/out", "p/out/deep"));
  write_text("p/out2/a.jpg", "x");
  CHECK_FALSE(lies_in("p/out2/a.jpg", "p/out"));
  CHECK(same_file("alias/a.jpg", "p/a.jpg"));
  CHECK_FALSE(same_file("p/a.jpg", "nowhere"));
}

TEST_CASE("a large folder tree is listed whole") {
  const Scratch scratch;
  std::string deep = "t";
  for (int depth = 0; depth < 50; ++depth) deep += "/d";
  write_text(deep + "/x.jpg", "x");
  for (int i = 0; i < 500; ++i) write_text("t/" + std::to_string(i) + ".jpg", "x");
  CHECK(paths({"t"}).size() == 501);
}

TEST_CASE("output names never repeat") {
  OutputStems stems;
  CHECK(stems.next("a/x.jpg") == "a/x");
  CHECK(stems.next("x.jpg") == "x");
  CHECK(stems.next("x.png") == "x-2");
  CHECK(stems.next("x-3.jpg") == "x-3");
  CHECK(stems.next("x.jpg") == "x-4");
  CHECK(stems.next("x-2.jpg") == "x-2-2");
  CHECK(stems.next(".jpg") == ".jpg");
  CHECK(stems.next("d.e/name") == "d.e/name");
  // Pictures about "a" are called so.
  CHECK(stems.next("a.jpg") == "a");
  CHECK(stems.next("a_face1.jpg") == "a_face1-2");
  CHECK(stems.next("a.2-pnet.jpg") == "a.2-pnet-2");
  CHECK(stems.next("a_face.jpg") == "a_face");
  CHECK(stems.next("b_face12.jpg") == "b_face12");
  CHECK(stems.next("b.jpg") == "b-2");
  CHECK(stems.next("c.4-onet.jpg") == "c.4-onet");
  CHECK(stems.next("c.png") == "c-2");
  std::set<std::string> all;
  OutputStems many;
  for (int i = 0; i < 1000; ++i) all.insert(many.next(i % 3 == 0 ? "x-2.jpg" : "x.jpg"));
  CHECK(all.size() == 1000);
}

TEST_CASE("ordered_map keeps the order, the window and the workers apart") {
  constexpr int kItems = 300;
  constexpr std::size_t kWindow = 8;
  for (const int workers : {1, 2, 7}) {
    int given = 0;
    int received = 0;
    std::atomic<int> in_flight = 0;
    std::atomic<int> most = 0;
    std::vector<std::atomic<int>> busy(static_cast<std::size_t>(workers));
    ordered_map(
        workers, kWindow,
        [&]() -> std::optional<int> {
          if (given == kItems) return std::nullopt;
          most = std::max(most.load(), ++in_flight);
          return given++;
        },
        [&](int item, int worker) {
          CHECK(++busy[static_cast<std::size_t>(worker)] == 1);
          if (item % 50 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(5));
          --busy[static_cast<std::size_t>(worker)];
          return 2 * item;
        },
        [&](int result) {
          CHECK(result == 2 * received++);
          --in_flight;
          return true;
        });
    CHECK(received == kItems);
    CHECK(most <= static_cast<int>(kWindow));
  }
}

TEST_CASE("ordered_map hands results on while the source waits for more") {
  // The source gives its second item only when the first one's result has come out.
  std::atomic<bool> first_out = false;
  int given = 0;
  std::vector<int> results;
  ordered_map(
      2, 4,
      [&]() -> std::optional<int> {
        if (given == 2) return std::nullopt;
        for (int waited = 0; given == 1 && !first_out && waited < 5000; ++waited) {
          std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
        if (given == 1) CHECK(first_out);
        return given++;
      },
      [](int item, int) { return item; },
      [&](int result) {
        results.push_back(result);
        first_out = true;
        return true;
      });
  CHECK(results == std::vector<int>{0, 1});
}

TEST_CASE("ordered_map ends early when told to, and passes exceptions on") {
  std::atomic<int> given = 0;
  int received = 0;
  const auto endless = [&]() -> std::optional<int> { return given++; };
  const auto same = [](int item, int) { return item; };
  ordered_map(3, 16, endless, same, [&](int) { return ++received < 10; });
  CHECK(received == 10);
  CHECK(given < 40);
  CHECK_THROWS_AS(ordered_map(
                      3, 16, endless,
                      [](int item, int) -> int {
                        if (item > 100) throw std::runtime_error("x");
                        return item;
                      },
                      [](int) { return true; }),
                  std::runtime_error);
}

TEST_CASE("a line of JSON has the documented keys, in order, and exact floats") {
  const ImageFaces image = two_faces();
  CHECK(json_line(image) ==
        "{\"path\":\"a b.jpg\",\"width\":640,\"height\":480,\"faces\":["
        "{\"box\":[0.1,20.0,100.25,121.5],\"score\":0.99999,"
        "\"landmarks\":[[30.0,60.0],[70.0,60.5],[50.0,80.0],[35.0,100.0],[65.0,100.0]]},"
        "{\"box\":[0.1,20.0,100.25,121.5],\"score\":0.33333334,"
        "\"landmarks\":[[30.0,60.0],[70.0,60.5],[50.0,80.0],[35.0,100.0],[65.0,100.0]]}]}\n");
  ImageFaces failed;
  failed.path = "bad \"name\"\n\xff.jpg";
  failed.error = "why";
  CHECK(json_line(failed) == "{\"path\":\"bad \\\"name\\\"\\n\xef\xbf\xbd.jpg\",\"error\":\"why\"}\n");
  CHECK(json_path(failed.path) == "bad \"name\"\n\xef\xbf\xbd.jpg");
}

TEST_CASE("a line of JSON is read as it was written; anything else is refused") {
  const ImageFaces image = two_faces();
  const auto read = parse_json_line(json_line(image));
  REQUIRE(read);
  CHECK(read->path == image.path);
  CHECK(read->width == image.width);
  CHECK(read->height == image.height);
  CHECK(read->faces == image.faces);
  ImageFaces failed;
  failed.path = "a.jpg";
  failed.error = "why";
  const auto read_failed = parse_json_line(json_line(failed));
  REQUIRE(read_failed);
  CHECK(read_failed->error == "why");
  const std::string line = json_line(image);
  const std::pair<std::string, std::string> changes[] = {{"\"path\"", "\"file\""},
                                                         {"640", "\"640\""},
                                                         {"480", "0"},
                                                         {"480", "-480"},
                                                         {"480", "480.0"},
                                                         {"480", "4294967776"},  // 2^32 + 480
                                                         {"640", "2147483648"},
                                                         {"640", "18446744073709552256"},
                                                         {"0.1,20.0", "20.0"},
                                                         {"30.0,60.0", "30.0"},
                                                         {"100.25", "1e999"},
                                                         {"0.99999", "null"},
                                                         {"\"landmarks\"", "\"points\""}};
  for (const auto& [from, to] : changes) {
    std::string changed = line;
    REQUIRE(changed.find(from) != std::string::npos);
    changed.replace(changed.find(from), from.size(), to);
    CHECK_MESSAGE(!parse_json_line(changed), changed);
  }
  CHECK(!parse_json_line(line.substr(0, line.size() / 2)));
  CHECK(!parse_json_line(""));
  CHECK(!parse_json_line("[]"));
}

TEST_CASE("SHA-256 of the standard's examples") {
  const auto hash = [](const std::string& text) { return sha256(std::as_bytes(std::span(text))); };
  CHECK(hash("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(hash("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(hash("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq") ==
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

TEST_CASE("the trace has every stage") {
  ImageFaces image = two_faces();
  image.trace = Trace{{{.5f, {320, 240}, 12}}, {{{1, 2, 3, 4}, .5f}}, {}, {}, image.faces};
  const Json json = Json::parse(json_line(image));
  const Json& trace = json["trace"];
  CHECK(trace["levels"].dump() == "[{\"scale\":0.5,\"width\":320,\"height\":240,\"candidates\":12}]");
  CHECK(trace["proposals"].dump() == "[{\"box\":[1.0,2.0,3.0,4.0],\"score\":0.5}]");
  CHECK(trace["pnet"].dump() == "[]");
  CHECK(trace["rnet"].dump() == "[]");
  CHECK(trace["onet"].size() == 2);
  CHECK(table_block(image).find(
            "1 pyramid level, 12 P-Net cells, 1 proposal, 0 to R-Net, 0 to O-Net, 2 faces") !=
        std::string::npos);
}

TEST_CASE("CSV has a line a face and none for images without") {
  const std::string header = csv_header();
  CHECK(header.starts_with("path,width,height,face,score,left,top,right,bottom,left_eye_x,left_eye_y,"));
  const std::string lines = csv_lines(two_faces());
  CHECK(lines.starts_with("a b.jpg,640,480,1,0.99999,0.1,20,100.25,121.5,30,60,70,60.5,"));
  CHECK(std::count(lines.begin(), lines.end(), '\n') == 2);
  const auto commas = [](const std::string& text) { return std::count(text.begin(), text.end(), ','); };
  CHECK(commas(lines) == 2 * commas(header));
  ImageFaces none = two_faces();
  none.faces.clear();
  CHECK(csv_lines(none).empty());
  none.error = "why";
  CHECK(csv_lines(none).empty());
}

TEST_CASE("resuming keeps whole lines and drops torn and failed ones") {
  const Scratch scratch;
  const auto prepare = [](const std::string& path) -> Result<DoneInputs> {
    auto found = read_resume(path);
    if (!found) return found.error();
    if (found->others) {
      if (const Status dropped = drop_others(path); !dropped) return dropped.error();
    }
    return std::move(found->done);
  };
  const std::string good = "{\"path\":\"a.jpg\",\"width\":1,\"height\":1,\"faces\":[]}\n";
  const std::string other = "{\"path\":\"b\\n.jpg\",\"width\":1,\"height\":1,\"faces\":[]}\n";
  const std::string failed = "{\"path\":\"c.jpg\",\"error\":\"why\"}\n";

  SUBCASE("no file") {
    auto done = prepare("out.jsonl");
    REQUIRE(done.ok());
    CHECK_FALSE(done->take("a.jpg"));
    CHECK_FALSE(fs::exists("out.jsonl"));
  }
  SUBCASE("torn anywhere in the last line") {
    for (std::size_t cut = 0; cut < other.size(); ++cut) {
      write_text("out.jsonl", good + good + failed + other.substr(0, cut));
      auto done = prepare("out.jsonl");
      REQUIRE(done.ok());
      CHECK(done->take("a.jpg"));
      CHECK(done->take("a.jpg"));
      CHECK_FALSE(done->take("a.jpg"));
      CHECK_FALSE(done->take("b\n.jpg"));
      CHECK_FALSE(done->take("c.jpg"));
      CHECK(read_text("out.jsonl") == good + good);
    }
  }
  SUBCASE("empty lines, and zeros where lines were to be") {
    write_text("out.jsonl", good + "\n" + other + std::string(500, '\0'));
    REQUIRE(prepare("out.jsonl").ok());
    CHECK(read_text("out.jsonl") == good + other);
    write_text("out.jsonl", good + other.substr(0, 5) + std::string(500, '\0'));
    REQUIRE(prepare("out.jsonl").ok());
    CHECK(read_text("out.jsonl") == good);
  }
  SUBCASE("its permissions stay") {
    write_text("out.jsonl", good + failed);
    fs::permissions("out.jsonl", fs::perms::owner_read | fs::perms::owner_write);
    REQUIRE(prepare("out.jsonl").ok());
    CHECK(fs::status("out.jsonl").permissions() == (fs::perms::owner_read | fs::perms::owner_write));
  }
  SUBCASE("a look changes nothing") {
    const std::string text = good + failed + other.substr(0, 9);
    write_text("out.jsonl", text);
    auto found = read_resume("out.jsonl");
    REQUIRE(found.ok());
    CHECK(found->others);
    CHECK(found->done.take("a.jpg"));
    CHECK_FALSE(found->done.take("c.jpg"));
    CHECK(read_text("out.jsonl") == text);
  }
  SUBCASE("nothing to drop") {
    write_text("out.jsonl", good + other);
    auto done = prepare("out.jsonl");
    REQUIRE(done.ok());
    CHECK(done->take("b\n.jpg"));
    CHECK(read_text("out.jsonl") == good + other);
  }
  SUBCASE("through a link") {
    write_text("real.jsonl", good + "{\"pa");
    fs::create_symlink("real.jsonl", "out.jsonl");
    REQUIRE(prepare("out.jsonl").ok());
    CHECK(fs::is_symlink("out.jsonl"));
    CHECK(read_text("real.jsonl") == good);
  }
  SUBCASE("a file that is something else is left alone") {
    for (const std::string& text :
         {std::string("my notes"), std::string("my notes\n"), std::string("\0\0\1\0data", 8),
          good + "{\"path\":1}\n", good + "{\"path\":\"x\"}\n", good + "{\"path\":\"x\",\"faces\":[\n",
          std::string("[]\n")}) {
      write_text("out.jsonl", text);
      const auto done = prepare("out.jsonl");
      CHECK_MESSAGE(!done.ok(), text);
      CHECK(read_text("out.jsonl") == text);
    }
  }
  // No temporary file stays behind.
  for (const auto& entry : fs::directory_iterator(".")) CHECK(entry.path().extension() == ".jsonl");
}

TEST_CASE("the progress line") {
  CHECK(progress_line(50, 200, 10, "images", 100) ==
        "[#####...............]  50/200  25 %  5.00 images/s  0:30 left");
  CHECK(progress_line(2000, 2000, 10, "images", 100) ==
        "[####################]  2,000/2,000  100 %  200.0 images/s  0:00 left");
  CHECK(progress_line(7, std::nullopt, 2, "images", 100) == "7 images  3.50 images/s");
  CHECK(progress_line(1, 100000, 1, "images", 100).ends_with("27:46:39 left"));
  CHECK(progress_line(50, 200, 10, "images", 20).size() == 20);
  CHECK(progress_line(0, 0, 0, "images", 100) == "0 images  0.00 images/s");
  // A run that was resumed: what is done says nothing about the pace.
  CHECK(progress_line(150, 200, Pace{2, 25}, "samples", 100) ==
        "[###############.....]  150/200  75 %  2.00 samples/s  0:25 left");
}

TEST_CASE("drawing marks the faces, leaves the input alone and the rest of the picture as it is") {
  Image image{200, 150, std::vector<std::uint8_t>(200 * 150 * 3)};
  for (std::size_t i = 0; i < image.rgb.size(); ++i) image.rgb[i] = static_cast<std::uint8_t>(i * 7);
  const Image before = image;
  Face face;
  face.box = {60, 50, 120, 120};
  face.score = .9876f;
  face.landmarks = {Point{75, 70}, {105, 70}, {90, 85}, {78, 100}, {102, 100}};
  const auto drawn = draw_faces(image, std::span(&face, 1));
  REQUIRE(drawn.ok());
  CHECK(image.rgb == before.rgb);
  REQUIRE(drawn->rgb.size() == image.rgb.size());
  const auto pixel = [](const Image& of, int x, int y) {
    const std::size_t at = 3 * (static_cast<std::size_t>(y) * 200 + static_cast<std::size_t>(x));
    return std::array{of.rgb[at], of.rgb[at + 1], of.rgb[at + 2]};
  };
  CHECK(pixel(*drawn, 5, 140) == pixel(image, 5, 140));
  CHECK(pixel(*drawn, 90, 110) == pixel(image, 90, 110));
  CHECK(pixel(*drawn, 75, 69)[0] > 200);  // a point: yellow
  CHECK(pixel(*drawn, 75, 69)[2] < 80);
  const auto edge = pixel(*drawn, 60, 100);  // the box's left side: green
  CHECK(edge[1] > edge[0]);
  CHECK(edge[1] > edge[2]);
  // Nothing to draw gives the same picture back, to the bit.
  CHECK(draw_faces(image, {})->rgb == image.rgb);
  // Outside the image, and an image of one pixel: nothing breaks.
  face.box = {-500, -500, 900, 900};
  CHECK(draw_faces(Image{1, 1, {1, 2, 3}}, std::span(&face, 1)).ok());
  // Wider than Cairo can.
  CHECK(draw_faces(Image{40000, 1, std::vector<std::uint8_t>(120000)}, {}).error().code == ErrorCode::kLimit);
}
