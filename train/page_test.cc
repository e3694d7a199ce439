#include "train/page.h"

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <pugixml.hpp>

#include "eval/html.h"
#include "eval/test_folder.h"
#include "util/file.h"

namespace mtcnn {
namespace {

using test::Folder;

// Parsed as XML, so that a tag left open or text that was not escaped shows.
struct Page {
  explicit Page(const Folder& folder) {
    const Status written = write_training_page(folder.path());
    REQUIRE_MESSAGE(written.ok(), written.error().message);
    const Result<std::vector<std::byte>> bytes = read_file(folder / "report.html", std::size_t{1} << 30);
    REQUIRE(bytes.ok());
    html.assign(reinterpret_cast<const char*>(bytes->data()), bytes->size());
    const pugi::xml_parse_result parsed =
        document.load_string(html.c_str(), pugi::parse_default | pugi::parse_ws_pcdata);
    INFO(parsed.description(), " at: ", html.substr(static_cast<std::size_t>(parsed.offset), 80));
    REQUIRE(parsed);
  }
  std::size_t count(const std::string& path) const { return document.select_nodes(path.c_str()).size(); }
  // The number of points that a chart of a net draws a line of; 0 without that chart.
  std::size_t points(const std::string& net, const std::string& chart, int line = 1) const {
    const std::string path =
        "//section[h2='" + net + "']//svg[title='" + chart + "']//path[" + std::to_string(line) + "]";
    const std::string drawn = document.select_node(path.c_str()).node().attribute("d").value();
    return static_cast<std::size_t>(
        std::count_if(drawn.begin(), drawn.end(), [](char c) { return c == 'M' || c == 'L'; }));
  }
  // A row's cells, in a table whose caption begins so.
  std::vector<std::string> row(const std::string& caption, const std::string& name, int at = 1) const {
    const std::string path = "//table[starts-with(caption,'" + caption + "')]/tbody/tr[th='" + name + "'][" +
                             std::to_string(at) + "]";
    std::vector<std::string> cells;
    for (const pugi::xml_node cell : document.select_node(path.c_str()).node().children("td"))
      cells.push_back(cell.text().get());
    return cells;
  }
  std::string html;
  pugi::xml_document document;
};

std::string step(const std::string& net, int at, const std::string& classification = "0.5") {
  return R"({"event":"step","net":")" + net + R"(","step":)" + std::to_string(at) + R"(,"samples":)" +
         std::to_string(at * 1000) + R"(,"loss":1,"classification":)" + classification +
         R"(,"box":0.1,"landmarks":0,"accuracy":0.9,"learning_rate":0.001,"samples_per_second":500,"waited_for_samples":0.02,"cutting_cores":1,"peak_memory":)" +
         std::to_string((1 << 30) + at * 1000) +
         R"(,"image_cache":536870912})"
         "\n";
}

std::string check(const std::string& net, int at, double recall, double precision = 0) {
  return R"({"event":"check","net":")" + net + R"(","step":)" + std::to_string(at) + R"(,"samples":)" +
         std::to_string(at * 1000) + R"(,"figure":)" + std::to_string(precision > 0 ? precision : recall) +
         R"(,"recall":)" + std::to_string(recall) +
         R"(,"windows":100,"recall_of_all":0.99,"windows_of_all":812,"average_precision":)" +
         std::to_string(precision) +
         R"(,"landmark_error":0.05,"landmark_faces":20,"seconds":2})"
         "\n";
}

std::string round(const std::string& net, int number, int at) {
  return R"({"event":"round","net":")" + net + R"(","round":)" + std::to_string(number) + R"(,"step":)" +
         std::to_string(at) +
         R"(,"steps":4000,"kinds":{"negative":{"in_batch":219,"mined":12345},"positive":{"in_batch":73,"mined":0}}})"
         "\n";
}

TEST_CASE("curves, stages, rounds and settings of a run are on its page") {
  const Folder folder;
  folder.write("config.toml", "seed = 1\n# <b> & \"sets\"\n");
  folder.write(
      "metrics.jsonl",
      R"({"event":"start","photographs":9615,"faces":12560,"faces_with_points":7100,"ignored":3657,"validation":400,"threads":2,"ranks":1,"libtorch":"2 <a>"})"
      "\n" +
          round("pnet", 0, 0) + step("pnet", 1000) + step("pnet", 2000) + check("pnet", 2000, .91) +
          R"({"event":"mined","net":"pnet","what":"own","round":1,"windows":54321,"seconds":61})"
          "\n" +
          round("pnet", 1, 2000) + step("pnet", 3000) + step("pnet", 4000) + check("pnet", 4000, .89) +
          R"({"event":"done","net":"pnet","best_step":2000,"best_figure":0.91,"seconds":9999})"
          "\n" +
          round("onet", 0, 0) + step("onet", 1000) + check("onet", 1000, 0, .875) +
          R"({"event":"result","average_precision":0.871,"average_precision_of_all":0.875,"landmark_error":0.0512,"stages":[{"stage":"pnet","windows_per_image":99.5,"recall":0.97}]})"
          "\n");
  const Page page(folder);
  CHECK(page.row("The whole cascade", "pnet") == std::vector<std::string>{"99.50", "97.00 %"});
  CHECK(page.html.find("0.8750. Points are off by 5.12 % of") != std::string::npos);
  CHECK(page.html.find("9,615 photographs with 12,560 faces") != std::string::npos);
  CHECK(page.points("P-Net", "Losses") == 4);
  CHECK(page.points("P-Net", "Losses", 2) == 4);
  CHECK(page.count("//section[h2='P-Net']//svg[title='Losses']//path") == 2);  // points are not learned
  for (const char* chart : {"Accuracy", "Learning rate", "Speed", "Waiting for samples", "Memory"}) {
    CAPTURE(chart);
    CHECK(page.points("P-Net", chart) == 4);
    CHECK(page.points("O-Net", chart) == 1);
  }
  CHECK(page.points("P-Net", "Recall on the validation sets") == 2);
  // The third line marks what was chosen, straight down: behind two that are curves.
  CHECK(page.points("P-Net", "Recall on the validation sets", 3) == 2);
  CHECK(page.count("//svg[title='Recall on the validation sets']//text[.='2.00 M']") == 1);
  CHECK(page.points("P-Net", "Average precision") == 0);
  CHECK(page.points("O-Net", "Average precision") == 1);
  CHECK(page.points("O-Net", "Landmark error") == 1);
  CHECK(page.row("Stages", "P-Net") == std::vector<std::string>{"done", "4,000,000", "4,000", "2.2 h", "61 s",
                                                                "4 s", "1.00 GiB", "2.00 M samples",
                                                                "recall 91.00 % with 100 windows an image"});
  CHECK(page.row("Stages", "O-Net") == std::vector<std::string>{"25 %", "1,000,000", "1,000", "33.3 min",
                                                                "0 s", "2 s", "1.00 GiB", "1.00 M samples",
                                                                "AP 0.8750"});
  CHECK(page.row("Rounds", "P-Net", 1) ==
        std::vector<std::string>{"1", "–", "–", "219", "12,345", "73", "0", "–", "–", "–", "–"});
  CHECK(page.row("Rounds", "P-Net", 2)[1] == "its false positives");
  CHECK(page.row("Rounds", "P-Net", 2)[2] == "54,321");
  CHECK(page.document.select_node("//pre").node().text().get() ==
        std::string("seed = 1\n# <b> & \"sets\"\n"));
  CHECK(page.count("//img") == 0);
  // Self-contained.
  CHECK(page.html.find("http") == std::string::npos);
}

TEST_CASE("lines cut short or of no use are skipped, and what a resumed run went over again counts once") {
  const Folder folder;
  folder.write("metrics.jsonl", round("pnet", 0, 0) + step("pnet", 1000, "0.4") + step("pnet", 2000, "0.3") +
                                    check("pnet", 2000, .8) + step("pnet", 2100, "0.2") +
                                    check("pnet", 2200, .95) + "\n[1, 2]\nnonsense\n" +
                                    R"({"event":"step","net":"pnet","step":"five","loss":[]})"
                                    "\n" +
                                    // Killed; its checkpoint was of step 1500.
                                    round("pnet", 0, 1500) + step("pnet", 1900, "0.31") +
                                    step("pnet", 2050, "0.21") + check("pnet", 2000, .9) +
                                    R"({"event":"step","net":"pnet","st)");
  const Page page(folder);
  CHECK(page.points("P-Net", "Losses") == 3);
  CHECK(page.row("Stages", "P-Net")[2] == "2,050");
  CHECK(page.row("Stages", "P-Net").back() == "recall 90.00 % with 100 windows an image");
  CHECK(page.points("P-Net", "Recall on the validation sets") == 1);
  CHECK(page.count("//table[starts-with(caption,'Rounds')]/tbody/tr") == 1);
  // The same without the line that says where the second run began.
  folder.write("metrics.jsonl",
               step("pnet", 1000) + step("pnet", 2000) + step("pnet", 3000) + step("pnet", 2000));
  CHECK(Page(folder).points("P-Net", "Losses") == 2);
}

TEST_CASE("any values at all make a page") {
  const Folder folder;
  for (const char* value : {"null", "-1", "0", "1e308", "\"<x>\"", "{}", "[1]", "true"}) {
    CAPTURE(value);
    std::string text;
    for (const char* event : {"start", "round", "step", "check", "mined", "done", "result"}) {
      text += std::string(R"({"event":")") + event + R"(","net":"<&>)";
      text += R"(","step":1)";
      for (const char* key : {"steps",
                              "samples",
                              "loss",
                              "classification",
                              "box",
                              "landmarks",
                              "accuracy",
                              "learning_rate",
                              "samples_per_second",
                              "waited_for_samples",
                              "peak_memory",
                              "image_cache",
                              "figure",
                              "recall",
                              "windows",
                              "recall_of_all",
                              "average_precision",
                              "landmark_error",
                              "landmark_faces",
                              "round",
                              "kinds",
                              "what",
                              "seconds",
                              "best_step",
                              "photographs",
                              "libtorch",
                              "stages"}) {
        text += std::string(",\"") + key + "\":" + value;
      }
      text += "}\n";
    }
    folder.write("metrics.jsonl", text);
    const Page page(folder);
    CHECK(page.count("//h2[.='<&>']") == 1);
    CHECK(page.html.find("nan") == std::string::npos);
    CHECK(page.html.find("inf") == std::string::npos);
  }
  folder.write("metrics.jsonl", "");
  CHECK(Page(folder).count("//h1") == 1);
}

TEST_CASE("the sheets are in the page") {
  const Folder folder;
  folder.write("metrics.jsonl", step("rnet", 1000) + step("../rnet", 1));
  const std::string png = "\x89PNG any bytes";
  folder.write("rnet-samples.png", png);
  const Page page(folder);
  REQUIRE(page.count("//img") == 1);
  CHECK(page.document.select_node("//section[h2='R-Net']//img").node().attribute("src").value() ==
        "data:image/png;base64," + base64(std::as_bytes(std::span(png))));
}

TEST_CASE("a folder without metrics has no page") {
  const Folder folder;
  const Status status = write_training_page(folder.path());
  REQUIRE_FALSE(status.ok());
  CHECK(status.error().code == ErrorCode::kIo);
  CHECK(status.error().message.find("metrics.jsonl") != std::string::npos);
}

TEST_CASE("base64, RFC 4648, section 10") {
  const auto of = [](const std::string& text) { return base64(std::as_bytes(std::span(text))); };
  CHECK(of("") == "");
  CHECK(of("f") == "Zg==");
  CHECK(of("fo") == "Zm8=");
  CHECK(of("foo") == "Zm9v");
  CHECK(of("foobar") == "Zm9vYmFy");
}

}  // namespace
}  // namespace mtcnn
