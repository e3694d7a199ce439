#include "eval/fddb.h"

#include <algorithm>
#include <filesystem>
#include <limits>
#include <numbers>
#include <sstream>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "datasets/reader.h"
#include "eval/assignment.h"
#include "eval/fddb_sizes.h"
#include "eval/region.h"

namespace mtcnn {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kEllipseColumns[] = {6};
constexpr std::string_view kEllipseEnding = "-ellipseList.txt";
// A pair of more than this overlap is a face found; exactly half is not.
constexpr double kFound = .5;

// Reports the names that are in only one of an ellipse list and the plain list beside it.
void compare_with_plain_list(const std::string& ellipse_file, std::span<const Block> blocks,
                             std::vector<Problem>& problems) {
  if (!ellipse_file.ends_with(kEllipseEnding)) return;
  const std::string plain = ellipse_file.substr(0, ellipse_file.size() - kEllipseEnding.size()) + ".txt";
  std::error_code error;
  if (!fs::is_regular_file(plain, error)) return;
  const auto text = read_text(plain);
  if (!text) {
    problems.push_back(problem_of(plain, text.error()));
    return;
  }
  std::unordered_set<std::string> with_ellipses, listed;
  for (const Block& block : blocks) with_ellipses.insert(block.name);
  for (const Line& line : split_lines(*text)) {
    if (line.empty()) continue;
    const std::string name = image_name(line.text);
    listed.insert(name);
    if (!with_ellipses.count(name)) {
      problems.push_back({plain, line.number, name + ": has no ellipses in " + ellipse_file + ", left out"});
    }
  }
  for (const Block& block : blocks) {
    if (!listed.count(block.name)) {
      problems.push_back({ellipse_file, block.line, block.name + ": is not listed in " + plain});
    }
  }
}

std::optional<std::string> complaint_about_ellipse(std::span<const double> row) {
  if (auto wrong = complaint_about(row.first(5))) return wrong;
  if (row[0] < 0 || row[1] < 0) {
    return "radii " + show(row[0]) + " and " + show(row[1]) + ", expected none below 0";
  }
  if (row[5] != 0 && row[5] != 1) return "sixth number " + show(row[5]) + ", expected 1 or 0";
  return std::nullopt;
}

// The ellipse of FddbOptions::ellipse_stretch.
Ellipse stretched(const Rectangle& box, double stretch) {
  return {box.height * stretch / 2, box.width / 2, std::numbers::pi / 2, box.x + box.width / 2,
          box.y + box.height / 2};
}

// Where regions end that end nowhere: beyond any photograph, so that an absurd one takes little memory.
constexpr Size kNowhere{1 << 15, 1 << 15};

// Where regions of this image end.
Size frame(const FddbImage& image, const FddbOptions& options, bool& known) {
  if (options.image_size) {
    if (const auto size = options.image_size(image.name)) {
      known = true;
      return *size;
    }
  }
  if (const auto size = fddb_image_size(image.name)) {
    known = true;
    return *size;
  }
  known = false;
  if (!options.assumed_size) return kNowhere;
  for (const FddbFace& face : image.faces) {
    if (face.ellipse.x > options.assumed_size->width || face.ellipse.y > options.assumed_size->height) {
      return kNowhere;
    }
  }
  return *options.assumed_size;
}

// What the detections of at least `threshold` amount to, in one image or in all.
struct Counts {
  double threshold = 0;
  std::int64_t found = 0;
  std::int64_t false_positives = 0;
  double overlap = 0;  // sum over the pairs
};

struct ScoredRegion {
  Region region;
  double score = 0;
};

// The counts of one image at each of its scores, the best first.
std::vector<Counts> match_image(const std::vector<Region>& faces, const std::vector<Region>& ignored,
                                std::vector<ScoredRegion> detections) {
  std::stable_sort(detections.begin(), detections.end(),
                   [](const ScoredRegion& a, const ScoredRegion& b) { return a.score > b.score; });
  std::vector<Counts> result;
  // Only detections that touch a face can be matched: these are `overlaps`, a row of faces.size()
  // each, and whether they lie on an ignored face. Of the others it is enough to count those that
  // don't.
  std::vector<double> overlaps;
  std::vector<bool> on_ignored;
  std::int64_t astray = 0;
  Counts matched;
  std::vector<double> row(faces.size());
  for (std::size_t i = 0; i < detections.size();) {
    const double threshold = detections[i].score;
    const std::size_t before = on_ignored.size();
    for (; i < detections.size() && detections[i].score == threshold; ++i) {
      const Region& region = detections[i].region;
      const auto overlap_with = [&](const Region& face) { return overlap(region, face); };
      std::transform(faces.begin(), faces.end(), row.begin(), overlap_with);
      const bool ignore = std::any_of(ignored.begin(), ignored.end(),
                                      [&](const Region& face) { return overlap_with(face) > kFound; });
      if (std::any_of(row.begin(), row.end(), [](double shared) { return shared > 0; })) {
        overlaps.insert(overlaps.end(), row.begin(), row.end());
        on_ignored.push_back(ignore);
      } else if (!ignore) {
        ++astray;
      }
    }
    if (on_ignored.size() != before) {
      matched = {};
      const std::vector<int> face_of = assign(overlaps, on_ignored.size(), faces.size());
      for (std::size_t d = 0; d < face_of.size(); ++d) {
        double shared = 0;
        if (face_of[d] >= 0) shared = overlaps[d * faces.size() + static_cast<std::size_t>(face_of[d])];
        matched.overlap += shared;
        if (shared > kFound) {
          ++matched.found;
        } else if (!on_ignored[d]) {
          ++matched.false_positives;
        }
      }
    }
    result.push_back({threshold, matched.found, matched.false_positives + astray, matched.overlap});
  }
  return result;
}

double rate(double count, std::size_t faces) { return faces ? count / static_cast<double>(faces) : 0; }

// Sums up the changes from threshold to threshold of all images.
std::vector<FddbResult::RocPoint> make_curve(std::vector<Counts> changes, std::size_t faces) {
  std::stable_sort(changes.begin(), changes.end(),
                   [](const Counts& a, const Counts& b) { return a.threshold > b.threshold; });
  std::vector<FddbResult::RocPoint> curve{{std::numeric_limits<double>::max(), 0, 0, 0}};
  Counts sum;
  for (std::size_t i = 0; i < changes.size(); ++i) {
    sum.found += changes[i].found;
    sum.false_positives += changes[i].false_positives;
    sum.overlap += changes[i].overlap;
    if (i + 1 < changes.size() && changes[i + 1].threshold == changes[i].threshold) continue;
    curve.push_back({changes[i].threshold, sum.false_positives, rate(static_cast<double>(sum.found), faces),
                     rate(sum.overlap, faces)});
  }
  return curve;
}

FddbResult::RateAt rate_at(const std::vector<FddbResult::RocPoint>& curve, std::int64_t false_positives) {
  FddbResult::RateAt result{false_positives, 0, 0, false};
  for (const FddbResult::RocPoint& point : curve) {
    // Matching anew at a lower threshold may turn a false positive into a face found: look on.
    if (point.false_positives >= false_positives) result.reached = true;
    if (point.false_positives > false_positives) continue;
    result.discrete = std::max(result.discrete, point.discrete);
    result.continuous = std::max(result.continuous, point.continuous);
  }
  return result;
}

std::string number_text(double value) {
  std::ostringstream text;  // six significant digits, as the official tool's streams
  text.imbue(std::locale::classic());
  text << value;
  return text.str();
}

}  // namespace

Result<FddbTruth> read_fddb_truth(const std::string& path) {
  std::error_code error;
  auto files = list_label_files(path, ".txt");
  if (!files) return files.error();
  if (fs::is_directory(path, error)) {
    std::erase_if(*files, [](const LabelFile& file) { return !file.path.ends_with("ellipseList.txt"); });
    if (files->empty()) {
      return Error{ErrorCode::kIo, path + ": no file named *ellipseList.txt in this folder"};
    }
  }
  FddbTruth truth;
  std::unordered_set<std::string> seen;
  for (const LabelFile& file : *files) {
    auto blocks = read_blocks(file.path, kEllipseColumns);
    if (!blocks) {
      if (files->size() == 1) return blocks.error();
      truth.problems.push_back(problem_of(file.path, blocks.error()));
      continue;
    }
    const auto problem = [&](int line, std::string what) {
      truth.problems.push_back({file.path, line, std::move(what)});
    };
    std::move(blocks->problems.begin(), blocks->problems.end(), std::back_inserter(truth.problems));
    truth.left_out += blocks->left_out;
    compare_with_plain_list(file.path, blocks->blocks, truth.problems);
    for (const Block& block : blocks->blocks) {
      if (!seen.insert(block.name).second) {
        problem(block.line, block.name + ": a second time, expected once");
        truth.left_out += static_cast<std::int64_t>(block.rows.size());
        continue;
      }
      FddbImage image{block.name, truth.folds.size(), {}, block.line};
      for (const BlockRow& row : block.rows) {
        const std::vector<double>& n = row.numbers;
        if (const auto wrong = complaint_about_ellipse(n)) {
          problem(row.line, *wrong);
          ++truth.left_out;
          continue;
        }
        image.faces.push_back({{n[0], n[1], n[2], n[3], n[4]}, n[5] != 0});
      }
      truth.images.push_back(std::move(image));
    }
    truth.folds.push_back(file.path);
  }
  return truth;
}

FddbResult evaluate_fddb(const FddbTruth& truth, const DetectionSet& detections, const FddbOptions& options) {
  FddbResult result;
  result.ignore_cut_faces = options.ignore_cut_faces;
  result.ellipse_stretch = options.ellipse_stretch;
  result.assumed_size = options.assumed_size;
  result.problems = truth.problems;
  result.problems.insert(result.problems.end(), detections.problems.begin(), detections.problems.end());
  result.left_out = truth.left_out + detections.left_out;
  for (const std::string& file : truth.folds) result.folds.push_back({file});

  std::unordered_map<std::string, const DetectedImage*> by_name;
  for (const DetectedImage& image : detections.images) by_name.emplace(image.name, &image);

  std::vector<Problem> missing;
  std::vector<Counts> changes;
  for (const FddbImage& image : truth.images) {
    FddbResult::Fold& fold = result.folds[image.fold];
    ++fold.images;
    bool known = false;
    const Size end = frame(image, options, known);
    if (!known) ++result.images_unknown_size;

    std::vector<Region> faces, ignored;
    for (const FddbFace& face : image.faces) {
      const bool ignore = options.ignore_cut_faces && !face.whole;
      (ignore ? ignored : faces).push_back(clipped(draw(face.ellipse), end));
    }
    fold.faces += faces.size();
    result.ignored_faces += ignored.size();

    const auto found = by_name.find(image.name);
    if (found == by_name.end()) {
      ++result.images_not_listed;
      if (!detections.failed.contains(image.name)) {
        missing.push_back(missing_image(truth.folds[image.fold], image.line, image.name, options.run));
      }
      continue;
    }
    std::vector<ScoredRegion> regions;
    for (const Detection& detection : found->second->detections) {
      const bool stretch = options.ellipse_stretch > 0 && !detection.ellipse;
      const Region region = detection.ellipse ? draw(*detection.ellipse)
                            : stretch         ? draw(stretched(detection.box, options.ellipse_stretch))
                                              : draw(detection.box);
      regions.push_back({clipped(region, end), detection.score});
    }
    by_name.erase(found);
    fold.detections += regions.size();

    Counts before;
    for (const Counts& now : match_image(faces, ignored, std::move(regions))) {
      changes.push_back({now.threshold, now.found - before.found,
                         now.false_positives - before.false_positives, now.overlap - before.overlap});
      before = now;
    }
    fold.false_positives += before.false_positives;
    fold.discrete += static_cast<double>(before.found);  // divided below
    fold.continuous += before.overlap;
  }

  for (const DetectedImage& image : detections.images) {
    if (!by_name.count(image.name)) continue;
    result.problems.push_back(
        {image.file, image.line, image.name + ": no such image in the folds, left out"});
    result.left_out += static_cast<std::int64_t>(image.detections.size());
  }
  result.images = truth.images.size();
  // Of a run of other images that is said once, by whoever shows it.
  if (result.any_listed()) result.problems.insert(result.problems.end(), missing.begin(), missing.end());
  for (FddbResult::Fold& fold : result.folds) {
    result.faces += fold.faces;
    result.detections += fold.detections;
    fold.discrete = rate(fold.discrete, fold.faces);
    fold.continuous = rate(fold.continuous, fold.faces);
  }
  result.curve = make_curve(std::move(changes), result.faces);
  for (const std::int64_t count : options.false_positives)
    result.rates.push_back(rate_at(result.curve, count));
  return result;
}

std::string fddb_discrete_text(const FddbResult& result) {
  std::string text;
  for (auto point = result.curve.rbegin(); point != result.curve.rend(); ++point) {
    text += number_text(point->discrete) + ' ' + std::to_string(point->false_positives) + ' ' +
            number_text(point->threshold) + '\n';
  }
  return text;
}

std::string fddb_continuous_text(const FddbResult& result) {
  std::string text;
  for (auto point = result.curve.rbegin(); point != result.curve.rend(); ++point) {
    text += number_text(point->continuous) + ' ' + std::to_string(point->false_positives) + '\n';
  }
  return text;
}

void to_json(nlohmann::ordered_json& json, const FddbResult& result) {
  using Json = nlohmann::ordered_json;
  Json rates = Json::array(), folds = Json::array(), problems = Json::array();
  const auto share = [&](double value, std::size_t faces) {
    return faces > 0 && result.any_listed() ? Json(value) : Json();
  };
  for (const FddbResult::RateAt& at : result.rates) {
    rates.push_back({{"false_positives", at.false_positives},
                     {"discrete", share(at.discrete, result.faces)},
                     {"continuous", share(at.continuous, result.faces)},
                     {"reached", at.reached}});
  }
  for (const FddbResult::Fold& fold : result.folds) {
    folds.push_back({{"file", fold.file},
                     {"images", fold.images},
                     {"faces", fold.faces},
                     {"detections", fold.detections},
                     {"false_positives", fold.false_positives},
                     {"discrete", share(fold.discrete, fold.faces)},
                     {"continuous", share(fold.continuous, fold.faces)}});
  }
  for (const Problem& problem : result.problems) problems.push_back(problem.text());
  Json discrete = Json::array(), continuous = Json::array();
  for (const FddbResult::RocPoint& point : result.curve) {
    if (!result.any_listed()) break;
    discrete.push_back({point.false_positives, point.discrete, point.threshold});
    continuous.push_back({point.false_positives, point.continuous, point.threshold});
  }
  json = Json{{"rates", std::move(rates)},
              {"images", result.images},
              {"images_without_entry", result.images_not_listed},
              {"faces", result.faces},
              {"ignored_faces", result.ignored_faces},
              {"detections", result.detections},
              {"left_out", result.left_out},
              {"images_of_unknown_size", result.images_unknown_size}};
  json["settings"] = {{"ignore_cut_faces", result.ignore_cut_faces},
                      {"ellipse_stretch", result.ellipse_stretch}};
  json["settings"]["assumed_size"] =
      result.assumed_size ? Json::array({result.assumed_size->width, result.assumed_size->height}) : Json();
  json["folds"] = std::move(folds);
  json["discrete"] = std::move(discrete);
  json["continuous"] = std::move(continuous);
  json["problems"] = std::move(problems);
}

}  // namespace mtcnn
