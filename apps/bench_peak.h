// What this machine can do at best, to compare with.
#ifndef MTCNN_APPS_BENCH_PEAK_H_
#define MTCNN_APPS_BENCH_PEAK_H_

#include <string_view>

namespace mtcnn {

// Multiplications and additions a second of one core, in single precision and in registers alone, with this instruction set
// (a name of instruction_sets()); 0 for "scalar" and for sets that this build has not. Takes a tenth of a second.
double peak_flop(std::string_view instruction_set);

// Bytes a second that one core reads out of memory that no cache holds. Takes a quarter of a second.
double memory_bandwidth();

}  // namespace mtcnn

#endif  // MTCNN_APPS_BENCH_PEAK_H_
