#include "apps/bench_screening.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "cascade/cascade.h"
#include "cascade/pyramid.h"
#include "cascade/score.h"
#include "codecs/image_io.h"
#include "engine/network.h"
#include "engine/patch_screen.h"
#include "engine/row_network.h"
#include "engine/screened_network.h"
#include "image/patch.h"
#include "image/resample.h"

namespace mtcnn {
namespace {

// How far below the exact differences of logits the rough ones are.
struct Errors {
  double count = 0, squares = 0, above = 0, again = 0, lost = 0;
  float worst = 0;        // either way, anywhere
  float worst_above = 0;  // too low, of those that are above the threshold
  // What margin would have been enough.
  float needed = 0;

  void add(float exact, float rough, float bound, float margin) {
    const float error = exact - rough;
    ++count;
    squares += static_cast<double>(error) * static_cast<double>(error);
    worst = std::max(worst, std::abs(error));
    again += rough >= bound - margin ? 1 : 0;
    if (exact < bound) return;
    ++above;
    worst_above = std::max(worst_above, error);
    needed = std::max(needed, bound - rough);
    lost += rough < bound - margin ? 1 : 0;
  }
};

void print(const char* net, const char* what, const Errors& e, float margin) {
  std::printf(
      "%s: %.0f %s, of them %.0f (%.2f %%) above the threshold, %.0f (%.2f %%) looked at again, %.0f lost\n"
      "  margin %.3f; enough would have been %.3f. Error: rms %.3f, worst %.3f; worst too low of those above %.3f\n",
      net, e.count, what, e.above, 100 * e.above / e.count, e.again, 100 * e.again / e.count, e.lost,
      static_cast<double>(margin), static_cast<double>(e.needed), std::sqrt(e.squares / e.count),
      static_cast<double>(e.worst), static_cast<double>(e.worst_above));
}

}  // namespace

bool bench_screening(const ModelData& data, const Kernels& kernels,
                     const std::vector<std::string>& photographs, const std::vector<float>& min_faces) {
  const RowNetwork pnet(kPNet, data, kernels, {"class"});
  const ScreenedNetwork screen(kPNet, data, kernels, {"class", "box"});
  const float bound = logit_bound(data.thresholds[0]);
  std::printf("P-Net, painted picture: worst error %.3f, rms %.3f\n",
              static_cast<double>(screen.worst_error()), static_cast<double>(screen.typical_error()));
  Errors cells;
  int read = 0;
  std::vector<PyramidLevel> levels;
  AxisTaps horizontal, vertical;
  ResampleScratch resampling;
  ScreenScratch scratch;
  AlignedFloats pixels, rows;
  std::vector<float> rough, exact;

  const Network rnet(kRNet, data, kernels, {"class"});
  const PatchScreen patch_screen(kRNet, data, kernels, rnet);
  const float rnet_bound = logit_bound(data.thresholds[1]);
  std::printf("R-Net, painted windows: worst error %.3f, rms %.3f\n",
              static_cast<double>(patch_screen.worst_error()),
              static_cast<double>(patch_screen.typical_error()));
  Errors windows;
  const Size side{kRNet.side, kRNet.side};
  const std::size_t patch = static_cast<std::size_t>(3 * kRNet.side * kRNet.side);
  AlignedFloats patches(patch * kScreenLanes + kSlack), logits(2 * kScreenLanes + kSlack);
  AlignedFloats maps(rnet.scratch_size(side, kScreenLanes));
  AlignedWords words(patch_screen.scratch_size());
  PatchScratch patch_scratch;
  CascadeWorkspace workspace;

  for (const std::string& path : photographs) {
    const auto photograph = load_image(path);
    if (!photograph) continue;
    ++read;
    const ImageView image = photograph->view();
    for (const float min_face : min_faces) {
      DetectorOptions options;
      options.min_face = min_face;
      options.thresholds = data.thresholds;
      Cascade(data, options, kernels, 1).run(image, workspace, nullptr);
      for (std::size_t first = 0; first < workspace.windows.size(); first += kScreenLanes) {
        const int count =
            static_cast<int>(std::min<std::size_t>(kScreenLanes, workspace.windows.size() - first));
        for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
          read_patch(image, workspace.windows[first + i].box, kRNet.side, data.pixel_mean, data.pixel_scale,
                     kernels, patch_scratch, patches.data() + i * patch);
        }
        rnet.run(patches.data(), count, side, maps.data(), logits.data());
        float scores[kScreenLanes];
        patch_screen.run(patches.data(), count, words.data(), scores);
        for (int i = 0; i < count; ++i) {
          windows.add(logits[static_cast<std::size_t>(2 * i + 1)] - logits[static_cast<std::size_t>(2 * i)],
                      scores[i], rnet_bound, patch_screen.margin());
        }
      }
      pyramid_levels({image.width, image.height}, min_face, 0, .709, levels);
      for (const PyramidLevel& level : levels) {
        const Size size = level.size;
        make_taps(0, image.width, size.width, 0, size.width, image.width, horizontal);
        make_taps(0, image.height, size.height, 0, size.height, image.height, vertical);
        pixels.resize(std::size_t{3} * static_cast<std::size_t>(size.width * size.height) + kSlack);
        resample(image, horizontal, vertical, data.pixel_mean, data.pixel_scale, kernels, resampling,
                 pixels.data());
        const auto put = [&](int row, float* planes, std::ptrdiff_t plane) {
          kernels.plane_split({.rgb = pixels.data() + std::ptrdiff_t{3} * row * size.width,
                               .columns = size.width,
                               .output = planes,
                               .plane = plane});
        };
        const Size positions = pnet.positions(size);
        const Tile all{size, 0, positions.width, 0, positions.height};
        rows.resize(pnet.scratch_size(all));
        exact.clear();
        pnet.run(all, rows.data(), put, [&](int, const float* planes, std::ptrdiff_t plane) {
          for (int x = 0; x < positions.width; ++x) exact.push_back(planes[plane + x] - planes[x]);
        });
        rough.resize(exact.size());
        screen.run(
            all, HUGE_VALF, scratch, put, [](int, int, const float*) {}, rough.data());
        for (std::size_t i = 0; i < exact.size(); ++i) cells.add(exact[i], rough[i], bound, screen.margin());
      }
    }
  }
  std::printf("%d photographs\n", read);
  print("P-Net", "cells", cells, screen.margin());
  print("R-Net", "windows", windows, patch_screen.margin());
  return cells.lost == 0 && windows.lost == 0;
}

}  // namespace mtcnn
