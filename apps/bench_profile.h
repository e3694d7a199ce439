// Where the time of a detection goes: kernels that are watched while they work.
#ifndef MTCNN_APPS_BENCH_PROFILE_H_
#define MTCNN_APPS_BENCH_PROFILE_H_

#include <string>
#include <vector>

#include "kernels/kernels.h"

namespace mtcnn {

// One part of the cascade's work.
struct ProfilePart {
  std::string stage;  // "P-Net", "R-Net", "O-Net", "L-Net"
  std::string name;   // a layer, or what is done between layers
  double seconds = 0;
  double calls = 0;
  double flop = 0;   // multiplications and additions
  double bytes = 0;  // of the maps and weights that it reads and writes, each counted once
};

// Watches one thread's calls of another table of kernels, and tells by their shapes which layer they are. What runs between
// two calls is counted, too: to the stage that it belongs to, or, before the first call of a stage, as the choice of
// the windows that the stage is shown. One at a time.
class Profile {
 public:
  // Watches `kernels`, which must outlive it.
  explicit Profile(const Kernels& kernels);
  ~Profile();
  Profile(const Profile&) = delete;
  Profile& operator=(const Profile&) = delete;

  // For a Cascade of one thread.
  const Kernels& kernels() const;

  // Before and after each image.
  void begin();
  void end();

  // In the order of the cascade; sums over all images since the last clear().
  std::vector<ProfilePart> parts() const;
  void clear();
};

}  // namespace mtcnn

#endif  // MTCNN_APPS_BENCH_PROFILE_H_
