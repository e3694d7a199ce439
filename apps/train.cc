// mtcnn train: hands over to the program mtcnn-train that lies beside this one.
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "apps/commands.h"

namespace mtcnn {

int run_train(int argc, const char* const* argv) {
  std::error_code error;
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", error);
  const std::string program = (self.parent_path() / "mtcnn-train").string();
  if (!error && std::filesystem::exists(program, error)) {
    std::vector<char*> arguments(static_cast<std::size_t>(argc) + 1, nullptr);
    for (int i = 0; i < argc; ++i) arguments[static_cast<std::size_t>(i)] = const_cast<char*>(argv[i]);
    execv(program.c_str(), arguments.data());
    std::fprintf(stderr, "mtcnn train: can't start %s: %s\n", program.c_str(), std::strerror(errno));
    return kExitFailed;
  }
  std::fprintf(stderr,
               "mtcnn train: this build has no trainer, which needs libtorch: `./dev train` builds one, or "
               "configure with -DMTCNN_TRAIN=ON\n");
  return kExitUsage;
}

}  // namespace mtcnn
