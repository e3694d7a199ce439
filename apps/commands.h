// The commands of the `mtcnn` program, one file each. To add one: write NAME.cc with its run
// function, declare that here, and add a line to the table in main.cc.
#ifndef MTCNN_APPS_COMMANDS_H_
#define MTCNN_APPS_COMMANDS_H_

namespace mtcnn {

// What the program says to the shell.
inline constexpr int kExitOk = 0;
inline constexpr int kExitFailed = 1;  // some inputs failed, each named on stderr; the others are done
inline constexpr int kExitUsage = 2;   // nothing was done: unknown option, bad value, no model, no inputs

// Each runs one command; argv[0] is the command's own name. Returns one of the statuses above.
int run_bench(int argc, const char* const* argv);
int run_detect(int argc, const char* const* argv);
int run_convert(int argc, const char* const* argv);
int run_eval(int argc, const char* const* argv);
int run_inspect(int argc, const char* const* argv);
int run_train(int argc, const char* const* argv);
int run_video(int argc, const char* const* argv);

}  // namespace mtcnn

#endif  // MTCNN_APPS_COMMANDS_H_
