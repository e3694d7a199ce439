// The `mtcnn` program: finds the command and runs it.
#include <signal.h>
#include <sys/stat.h>

#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include "apps/commands.h"
#include "apps/text.h"
#include "mtcnn/version.h"

namespace {

struct Command {
  const char* name;
  const char* summary;
  int (*run)(int argc, const char* const* argv);
};

constexpr Command kCommands[] = {
    {"detect", "find the faces in photographs", mtcnn::run_detect},
    {"video", "find and follow the faces in a video; mark or anonymize them", mtcnn::run_video},
    {"eval", "measure detections, or a model, as FDDB, WIDER FACE and others do", mtcnn::run_eval},
    {"train", "train a model on your own photographs", mtcnn::run_train},
    {"convert", "make a model file from other programs' MTCNN weights", mtcnn::run_convert},
    {"bench", "measure how fast this machine finds faces, and where the time goes", mtcnn::run_bench},
    {"inspect", "show what a model file holds", mtcnn::run_inspect},
};

void print_help() {
  std::fputs(
      "mtcnn finds the faces in photographs: for each a box, a score and five points (eyes, nose,\n"
      "corners of the mouth), and on request the face cut out and turned upright.\n"
      "\n"
      "Usage: mtcnn COMMAND [ARGUMENTS]\n"
      "\n"
      "Commands:\n",
      stdout);
  for (const Command& command : kCommands) std::printf("  %-10s%s\n", command.name, command.summary);
  std::fputs(
      "\n"
      "Examples:\n"
      "  mtcnn detect photo.jpg                     a table of the faces in one photograph\n"
      "  mtcnn detect photos/ --draw annotated/     a whole folder; pictures with the faces "
      "marked\n"
      "  mtcnn detect photos/ --crops faces/        every face as a picture of its own\n"
      "  mtcnn detect photos/ --json -o faces.jsonl one line of JSON for each photograph\n"
      "  mtcnn video clip.mp4 -o anonymous.mp4 --anonymize blur\n"
      "  mtcnn eval wider --detections DIR --ground-truth DIR\n"
      "  mtcnn convert weights/ -o mtcnn.safetensors\n"
      "\n"
      "'mtcnn COMMAND --help' lists the options of a command.\n"
      "Exit status: 0 all fine, 1 some inputs failed (the others are done), 2 wrong usage.\n",
      stdout);
}

int unknown_command(const std::string& name) {
  struct stat info {};
  if (stat(name.c_str(), &info) == 0) {
    std::fprintf(stderr, "mtcnn: '%s' is a file, not a command: try 'mtcnn detect %s'.\n",
                 mtcnn::printable(name).c_str(), mtcnn::printable(name).c_str());
  } else {
    std::fprintf(stderr, "mtcnn: there is no command '%s'; 'mtcnn --help' lists them.\n",
                 mtcnn::printable(name).c_str());
  }
  return mtcnn::kExitUsage;
}

int run(int argc, const char* const* argv) {
  if (argc < 2) {
    print_help();
    return mtcnn::kExitUsage;
  }
  const std::string name = argv[1];
  if (name == "--version" || name == "-V") {
    std::printf("mtcnn %s\n", mtcnn::version());
    return mtcnn::kExitOk;
  }
  const bool help = name == "--help" || name == "-h" || name == "help";
  if (help && argc == 2) {
    print_help();
    return mtcnn::kExitOk;
  }
  const std::string wanted = help ? argv[2] : argv[1];
  for (const Command& command : kCommands) {
    if (wanted != command.name) continue;
    if (!help) return command.run(argc - 1, argv + 1);
    const char* const help_argv[] = {command.name, "--help"};
    return command.run(2, help_argv);
  }
  if (!help && name.size() > 1 && name[0] == '-') {
    std::fprintf(stderr, "mtcnn: a command comes first, before '%s'; 'mtcnn --help' lists them.\n",
                 mtcnn::printable(name).c_str());
    return mtcnn::kExitUsage;
  }
  return unknown_command(wanted);
}

}  // namespace

int main(int argc, char** argv) {
  // A reader that goes away (`mtcnn detect ... | head`) is noticed by the failing write, so that
  // the files in work are finished rather than left half written.
  signal(SIGPIPE, SIG_IGN);
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "mtcnn: %s\n", error.what());
    return mtcnn::kExitFailed;
  }
}
