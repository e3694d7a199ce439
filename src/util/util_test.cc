#include <atomic>
#include <cstdio>
#include <filesystem>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include <unistd.h>

#include <doctest/doctest.h>

#include "util/file.h"
#include "util/parallel.h"

namespace mtcnn {
namespace {

std::vector<std::byte> bytes_of(const std::string& text) {
  const auto* first = reinterpret_cast<const std::byte*>(text.data());
  return {first, first + text.size()};
}

struct TemporaryFolder {
  std::filesystem::path path;
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "mtcnn-util-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    path = name;
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path); }
};

TEST_CASE("a file written is the file read, and nothing else is left behind") {
  const TemporaryFolder folder;
  const std::string path = folder.path / "a file";
  for (const std::string& text : {std::string("hello"), std::string(), std::string(200000, 'x')}) {
    REQUIRE(write_file(path, bytes_of(text)));
    const auto read = read_file(path, 1 << 20);
    REQUIRE(read.ok());
    CHECK(*read == bytes_of(text));
  }
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path), {}) == 1);
}

TEST_CASE("what a killed process left behind is removed, and nothing else") {
  const TemporaryFolder folder;
  // No process can have such a number.
  for (const char* name : {"a.999999999.0.tmp", "model.safetensors.999999999.12.tmp"})
    REQUIRE(write_file(folder.path / name, bytes_of("half")));
  const std::string own = "a." + std::to_string(getpid()) + ".999.tmp";  // may still be written
  const std::set<std::string> kept{
      own, "a", "a.tmp", "a.1.tmp", "a.x.0.tmp", "a.999999999..tmp", "a.999999999.0.tmp.b"};
  for (const std::string& name : kept) REQUIRE(write_file(folder.path / name, bytes_of("whole"), true));
  remove_leftovers(folder.path);
  std::set<std::string> left;
  for (const auto& entry : std::filesystem::directory_iterator(folder.path))
    left.insert(entry.path().filename());
  CHECK(left == kept);
  remove_leftovers(folder.path / "nowhere");
}

TEST_CASE("file errors name the file") {
  const TemporaryFolder folder;
  const std::string missing = folder.path / "missing";
  const auto read = read_file(missing, 100);
  REQUIRE(!read.ok());
  CHECK(read.error().code == ErrorCode::kIo);
  CHECK(read.error().message.find(missing) != std::string::npos);

  const auto directory = read_file(folder.path.string(), 100);
  REQUIRE(!directory.ok());
  CHECK(directory.error().message.find("directory") != std::string::npos);

  const std::string large = folder.path / "large";
  REQUIRE(write_file(large, bytes_of(std::string(101, 'x'))));
  CHECK(read_file(large, 101).ok());
  const auto limited = read_file(large, 100);
  REQUIRE(!limited.ok());
  CHECK(limited.error().code == ErrorCode::kLimit);

  const std::string nowhere = folder.path / "no" / "folder";
  const Status written = write_file(nowhere, bytes_of("x"));
  REQUIRE(!written.ok());
  CHECK(written.error().message.find(nowhere) != std::string::npos);
}

TEST_CASE("a source without a size is read up to the limit") {
  const auto endless = read_file("/dev/zero", 100000);
  REQUIRE(!endless.ok());
  CHECK(endless.error().code == ErrorCode::kLimit);
}

TEST_CASE("every task runs once, and no worker twice at a time") {
  for (const int threads : {1, 2, 5}) {
    ThreadPool pool(threads);
    REQUIRE(pool.threads() == threads);
    for (const int tasks : {0, 1, 3, 1000}) {
      std::vector<std::atomic<int>> runs(static_cast<std::size_t>(tasks));
      std::vector<std::atomic<int>> busy(static_cast<std::size_t>(threads));
      std::atomic<bool> clash = false;
      pool.for_each(tasks, [&](int task, int worker) {
        if (busy[static_cast<std::size_t>(worker)]++ != 0) clash = true;
        ++runs[static_cast<std::size_t>(task)];
        --busy[static_cast<std::size_t>(worker)];
      });
      CHECK(!clash);
      for (const auto& count : runs) CHECK(count == 1);
    }
  }
}

TEST_CASE("an exception reaches the caller and leaves the pool usable") {
  for (const int threads : {1, 3}) {
    ThreadPool pool(threads);
    CHECK_THROWS_AS(pool.for_each(50,
                                  [](int task, int) {
                                    if (task == 7) throw std::runtime_error("seven");
                                  }),
                    std::runtime_error);
    std::atomic<int> runs = 0;
    pool.for_each(50, [&](int, int) { ++runs; });
    CHECK(runs == 50);
  }
}

}  // namespace
}  // namespace mtcnn
