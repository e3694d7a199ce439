#include "train/samples.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "engine/model_data.h"
#include "geometry/box.h"
#include "geometry/calibration.h"

namespace mtcnn {
namespace {

constexpr int kTries = 30;         // windows tried in a photograph
constexpr int kPhotographs = 200;  // photographs tried for one sample
// The windows that no net will be shown: smaller than P-Net's field.
constexpr double kSmallestWindow = 10;
// A window is no negative if this much of it lies in an ignored region, whatever its overlap.
constexpr float kIgnored = .3f;

// The overlap that the best square has with a box: of the side that is the mean of the two, with one
// side inside the box. It falls to 0 as the box gets longer.
float best_square_iou(const Box& box) {
  const float ratio = std::sqrt(std::min(box.width(), box.height()) / std::max(box.width(), box.height()));
  return ratio / (2 - ratio);
}

Box square_at(double x, double y, double side) {
  return {static_cast<float>(x - side / 2), static_cast<float>(y - side / 2),
          static_cast<float>(x + side / 2), static_cast<float>(y + side / 2)};
}

// How the window lies about the face once both are mirrored.
Box mirrored_about(const Box& window, const Box& face) {
  const float sum = face.left + face.right;
  return {sum - window.right, window.top, sum - window.left, window.bottom};
}

bool is(const WindowClass& c, SampleKind kind) {
  switch (kind) {
    case SampleKind::kNegative: return c.negative;
    case SampleKind::kPart: return c.part;
    case SampleKind::kPositive: return c.positive;
    case SampleKind::kLandmark: return c.near_enough;
    case SampleKind::kCalibration: break;
  }
  return false;
}

}  // namespace

const char* kind_name(SampleKind kind) {
  static constexpr const char* kNames[] = {"negative", "positive", "part", "landmark", "calibration"};
  return kNames[static_cast<std::size_t>(kind)];
}

WindowClass classify(const Box& window, const Photograph& photograph, const SampleConfig& config) {
  WindowClass result;
  for (std::size_t i = 0; i < photograph.faces.size(); ++i) {
    const float overlap = iou(window, photograph.faces[i].box);
    if (overlap > result.iou) {
      result.iou = overlap;
      result.face = static_cast<int>(i);
    }
  }
  if (result.iou < config.negative_iou) {
    result.negative = !photograph.incomplete &&
                      std::none_of(photograph.ignored.begin(), photograph.ignored.end(), [&](const Box& box) {
                        return intersection(window, box) >= kIgnored * area(window) ||
                               iou(window, box) >= config.negative_iou;
                      });
    return result;
  }
  const LabelledFace& face = photograph.faces[static_cast<std::size_t>(result.face)];
  result.near_enough =
      result.iou >= config.positive_iou || (config.positive_share > 0 && result.iou >= config.part_iou &&
                                            result.iou >= config.positive_share * best_square_iou(face.box));
  // Offsets to a box that nobody drew would teach nothing.
  if (face.guessed_box) return result;
  result.positive = result.near_enough;
  result.part = !result.positive && result.iou >= config.part_iou;
  return result;
}

Sampler::Sampler(const Photographs& photographs, ImageCache& images, const TrainConfig& config, int side,
                 std::uint64_t stream, double face_share)
    : photographs_(photographs),
      images_(images),
      config_(config),
      plain_(config.augment.plain()),
      kernels_(*find_kernels("auto")),
      side_(side),
      stream_(stream),
      face_share_(face_share),
      mined_(photographs.list.size()) {
  const std::size_t count = photographs.list.size();
  std::vector<bool> background(count), near(count), faces(count), landmarks(count);
  for (std::size_t i = 0; i < count; ++i) {
    background[i] = !photographs.list[i].incomplete;
    near[i] = background[i] && !photographs.list[i].faces.empty();
    for (const LabelledFace& face : photographs.list[i].faces) {
      if (!face.guessed_box) faces[i] = true;
      if (face.landmarks) landmarks[i] = true;
    }
  }
  background_ = make_source(background);
  near_faces_ = make_source(near);
  with_faces_ = make_source(faces);
  with_landmarks_ = make_source(landmarks);
}

WindowClass Sampler::look_at(const Box& window, const Photograph& photograph) const {
  if (face_share_ == 1) return classify(window, photograph, config_.samples);
  const Box middle = square_at((window.left + window.right) / 2, (window.top + window.bottom) / 2,
                               window.width() * face_share_);
  return classify(middle, photograph, config_.samples);
}

Sampler::Source Sampler::make_source(const std::vector<bool>& has) const {
  Source source;
  source.photographs.resize(photographs_.sets.size());
  for (std::size_t i = 0; i < has.size(); ++i) {
    if (has[i]) {
      source.photographs[static_cast<std::size_t>(photographs_.list[i].set)].push_back(static_cast<int>(i));
    }
  }
  double sum = 0;
  for (std::size_t set = 0; set < source.photographs.size(); ++set) {
    sum += photographs_.sets[set].weight * static_cast<double>(source.photographs[set].size());
    source.cumulative.push_back(sum);
  }
  return source;
}

int Sampler::Source::draw(Random& random) const {
  const double at = random.uniform() * cumulative.back();
  const std::size_t set = static_cast<std::size_t>(
      std::upper_bound(cumulative.begin(), cumulative.end(), at) - cumulative.begin());
  const std::vector<int>& list = photographs[set];
  return list[random.below(list.size())];
}

void Sampler::use_windows(const MinedWindows& windows) {
  for (std::size_t i = 0; i < windows.size(); ++i) {
    const Photograph& photograph = photographs_.list[i];
    for (const ScoredBox& window : windows[i]) {
      const WindowClass found = look_at(window.box, photograph);
      if (found.negative) mined_[i].push_back({window.box, SampleKind::kNegative, -1, false});
      if (found.part) mined_[i].push_back({window.box, SampleKind::kPart, found.face, false});
      const bool points =
          found.near_enough && photograph.faces[static_cast<std::size_t>(found.face)].landmarks.has_value();
      if (found.positive || points) {
        mined_[i].push_back(
            {window.box, found.positive ? SampleKind::kPositive : SampleKind::kLandmark, found.face, points});
      }
    }
  }
  index_mined();
}

void Sampler::use_negatives(const MinedWindows& windows) {
  for (std::size_t i = 0; i < windows.size(); ++i) {
    for (const ScoredBox& window : windows[i]) {
      if (look_at(window.box, photographs_.list[i]).negative) {
        mined_[i].push_back({window.box, SampleKind::kNegative, -1, false});
      }
    }
  }
  index_mined();
}

void Sampler::index_mined() {
  for (std::size_t kind = 0; kind < kSampleKinds; ++kind) {
    std::vector<bool> has(mined_.size());
    mined_counts_[kind] = 0;
    for (std::size_t i = 0; i < mined_.size(); ++i) {
      for (const Mined& mined : mined_[i]) {
        const bool counts = kind == static_cast<std::size_t>(SampleKind::kLandmark)
                                ? mined.landmarks
                                : mined.kind == static_cast<SampleKind>(kind);
        if (!counts) continue;
        has[i] = true;
        ++mined_counts_[kind];
      }
    }
    mined_sources_[kind] = make_source(has);
  }
}

bool Sampler::has(SampleKind kind) const {
  switch (kind) {
    case SampleKind::kNegative: return !background_.empty();
    case SampleKind::kLandmark: return !with_landmarks_.empty();
    default: return !with_faces_.empty();
  }
}

std::size_t Sampler::mined(SampleKind kind) const { return mined_counts_[static_cast<std::size_t>(kind)]; }

bool Sampler::draw_random(SampleKind kind, bool near, const Photograph& photograph, Size image,
                          Random& random, Drawn& drawn) const {
  const SampleConfig& config = config_.samples;
  const double width = image.width, height = image.height;
  if (kind == SampleKind::kNegative && !near) {
    const double most = std::min(width, height);
    const double least = std::min(kSmallestWindow, most);
    for (int i = 0; i < kTries; ++i) {
      const double side = least * std::pow(most / least, random.uniform());
      drawn.window = square_at(random.uniform(side / 2, width - side / 2),
                               random.uniform(side / 2, height - side / 2), side);
      if (look_at(drawn.window, photograph).negative) return true;
    }
    return false;
  }
  const std::size_t count = photograph.faces.size();
  if (count == 0) return false;
  std::size_t face = random.below(count);
  const auto teaches = [&](const LabelledFace& one) {
    if (kind == SampleKind::kNegative) return true;
    return kind == SampleKind::kLandmark ? one.landmarks.has_value() : !one.guessed_box;
  };
  for (std::size_t i = 0; i < count && !teaches(photograph.faces[face]); ++i) face = (face + 1) % count;
  if (!teaches(photograph.faces[face])) return false;
  const Box& box = photograph.faces[face].box;
  if (kind == SampleKind::kCalibration) {
    drawn.face = static_cast<int>(face);
    drawn.window = disturbed(squared(box), kCalibrationPatterns[random.below(kCalibrationPatterns.size())]);
    return true;
  }
  const double x = (box.left + box.right) / 2, y = (box.top + box.bottom) / 2;
  const double size = std::sqrt(double{box.width()} * box.height());
  const double spread = kind == SampleKind::kPart ? 2 : 1;
  for (int i = 0; i < kTries; ++i) {
    double side, dx, dy;
    if (near) {
      side = size * std::exp(random.uniform(-1.2, .9));
      dx = random.uniform(-.5, .5) * (size + side);
      dy = random.uniform(-.5, .5) * (size + side);
    } else {
      side = size * std::exp(random.uniform(-1, 1) * spread * config.scale);
      dx = random.uniform(-1, 1) * spread * config.shift * size;
      dy = random.uniform(-1, 1) * spread * config.shift * size;
    }
    // So far of the window's middle.
    side /= face_share_;
    drawn.window = square_at(x + dx, y + dy, side);
    if (kind == SampleKind::kNegative && side < kSmallestWindow) continue;
    const WindowClass found = look_at(drawn.window, photograph);
    if (!is(found, kind)) continue;
    // A window beside this face may lie on another one.
    if (kind != SampleKind::kNegative && found.face != static_cast<int>(face)) continue;
    drawn.face = found.face;
    return side >= 4;
  }
  return false;
}

bool Sampler::draw_mined(SampleKind kind, int photograph, Random& random, Drawn& drawn) const {
  const std::vector<Mined>& list = mined_[static_cast<std::size_t>(photograph)];
  const auto counts = [&](const Mined& mined) {
    return kind == SampleKind::kLandmark ? mined.landmarks : mined.kind == kind;
  };
  const auto among = static_cast<std::uint64_t>(std::count_if(list.begin(), list.end(), counts));
  if (among == 0) return false;
  std::uint64_t left = random.below(among);
  const Mined* chosen = nullptr;
  for (const Mined& mined : list) {
    if (!counts(mined) || left-- > 0) continue;
    chosen = &mined;
    break;
  }
  drawn = {chosen->box, chosen->face};
  const double jitter = config_.samples.mined_jitter;
  const Box& box = chosen->box;
  const double side = box.width();
  const Box other = square_at((box.left + box.right) / 2 + random.uniform(-1, 1) * jitter * side,
                              (box.top + box.bottom) / 2 + random.uniform(-1, 1) * jitter * side,
                              side * std::exp(random.uniform(-1, 1) * jitter));
  const WindowClass found = look_at(other, photographs_.list[static_cast<std::size_t>(photograph)]);
  if (is(found, kind) && (kind == SampleKind::kNegative || found.face == chosen->face)) drawn.window = other;
  return true;
}

bool Sampler::cut_from(SampleKind kind, bool mined, bool near, int index, const AugmentConfig& augment,
                       Random& random, SamplerScratch& scratch, float* pixels, SampleTarget& target) const {
  const Photograph& photograph = photographs_.list[static_cast<std::size_t>(index)];
  const auto photo = images_.get(photograph.file);
  if (!photo) return false;
  Drawn drawn;
  const bool found = mined ? draw_mined(kind, index, random, drawn)
                           : draw_random(kind, near, photograph, (*photo)->size, random, drawn);
  if (!found || !is_patchable(drawn.window)) return false;

  const bool has_face = kind != SampleKind::kNegative;
  View view = draw_view(augment, side_, random);
  view.pivot = {(drawn.window.left + drawn.window.right) / 2, (drawn.window.top + drawn.window.bottom) / 2};
  target = {};
  target.kind = kind;
  if (has_face) {
    const LabelledFace& face = photograph.faces[static_cast<std::size_t>(drawn.face)];
    // Turned around its own middle, a face keeps its box.
    view.pivot = {(face.box.left + face.box.right) / 2, (face.box.top + face.box.bottom) / 2};
    if (kind == SampleKind::kCalibration) {
      // The pattern of the mirrored window is that which lies as far on the other side.
      target.pattern = static_cast<int>(calibration_label(
          view.flip ? mirrored_about(drawn.window, squared(face.box)) : drawn.window, squared(face.box)));
    } else if (kind == SampleKind::kLandmark) {
      Landmarks points = *face.landmarks;
      for (Point& point : points) point = turned(view, point);
      target.landmarks = encode_landmarks(drawn.window, points);
      if (view.flip) target.landmarks = mirrored(target.landmarks);
    } else {
      target.box = encode_offsets(drawn.window, face.box);
      if (view.flip) target.box = mirrored(target.box);
    }
  }
  const double scale = (*photo)->scale;
  view.pivot = scaled(view.pivot, scale);
  cut_view((*photo)->image.view(), scaled(drawn.window, scale), view, side_, kPixelMean, kPixelScale,
           kernels_, scratch.patch, scratch.augment, pixels);
  change_pixels(augment, view.flip, side_, kPixelMean, kPixelScale, random, pixels);
  return true;
}

Result<SampleTarget> Sampler::cut(SampleKind kind, std::uint64_t position, SamplerScratch& scratch,
                                  float* pixels, bool plain) const {
  const std::uint64_t k = static_cast<std::uint64_t>(kind);
  // Several samples come from one visit of a photograph; a block's samples are mixed, so that those
  // of a visit do not stand beside one another.
  constexpr std::uint64_t kVisits = 1024;
  const std::uint64_t each = static_cast<std::uint64_t>(config_.data.crops_per_visit);
  const std::uint64_t block = position / (kVisits * each);
  Random mixing{config_.seed, stream_, k, block, 1};
  const std::uint64_t place = position % (kVisits * each);
  // A factor that has no divisor in common with the number of places permutes them.
  const std::uint64_t places = kVisits * each;
  std::uint64_t factor = mixing.bits() | 1;
  while (std::gcd(factor, places) != 1) factor = mixing.bits() | 1;
  const std::uint64_t mixed = (place * (factor % places) + mixing.below(places)) % places;
  const std::uint64_t visit = block * kVisits + mixed / each;

  SampleTarget target;
  for (std::uint64_t attempt = 0; attempt < kPhotographs; ++attempt) {
    Random visiting{config_.seed, stream_, k, visit, attempt, 2};
    const SampleConfig& config = config_.samples;
    const bool negative = kind == SampleKind::kNegative;
    const Source& mined_source = mined_sources_[static_cast<std::size_t>(kind)];
    const bool mined =
        visiting.chance(negative ? config.mined_negatives : config.mined_faces) && !mined_source.empty();
    const bool near = negative && visiting.chance(config.near_faces) && !near_faces_.empty();
    const Source& source = mined                           ? mined_source
                           : near                          ? near_faces_
                           : negative                      ? background_
                           : kind == SampleKind::kLandmark ? with_landmarks_
                                                           : with_faces_;
    const int photograph = source.draw(visiting);
    Random random{config_.seed, stream_, k, position, attempt, 3};
    if (!cut_from(kind, mined, near, photograph, plain ? plain_ : config_.augment, random, scratch, pixels,
                  target))
      continue;
    target.seed = Random{config_.seed, stream_, k, position, 4}.bits();
    return target;
  }
  return Error{ErrorCode::kFormat, std::string("no ") + kind_name(kind) + " sample could be cut from " +
                                       std::to_string(kPhotographs) + " photographs in a row"};
}

}  // namespace mtcnn
