#include "examples/face_detections.h"

#include <algorithm>
#include <cmath>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "core/status_macros.h"
#include "data/face_columns.h"

namespace gradus {
namespace {

// More candidates than any picture has faces; the best are kept.
constexpr size_t kMostCandidates = 2000;

void SortByScore(std::vector<Detection>* detections) {
  std::stable_sort(detections->begin(), detections->end(),
                   [](const Detection& a, const Detection& b) { return a.score > b.score; });
}

absl::Status CheckMap(const Tensor& map, const Tensor& like, int64_t values, absl::string_view name) {
  const Shape &shape = map.shape(), &grid = like.shape();
  if (!map.empty() && map.dtype() == DType::kFloat32 && shape.rank() == 4 && grid.rank() == 4 && shape[0] == grid[0] &&
      shape[1] == grid[1] && shape[2] == grid[2] && shape[3] == values) {
    return absl::OkStatus();
  }
  return absl::FailedPreconditionError(absl::StrCat("the model's output '", name, "' is ", map.type().ToString(),
                                                    "; a detector's is f32[N, h, w, ", values, "]"));
}

}  // namespace

std::vector<Detection> SuppressOverlapping(std::vector<Detection> detections, double overlap) {
  SortByScore(&detections);
  if (detections.size() > kMostCandidates) detections.resize(kMostCandidates);
  std::vector<Detection> kept;
  for (const Detection& detection : detections) {
    const bool hidden = std::any_of(kept.begin(), kept.end(), [&](const Detection& better) {
      return IntersectionOverUnion(better.box, detection.box) > overlap;
    });
    if (!hidden) kept.push_back(detection);
  }
  return kept;
}

absl::Status CheckDetectorOutput(const DetectorOutput& output) {
  GRADUS_RETURN_IF_ERROR(CheckMap(output.face, output.face, 1, "face"));
  GRADUS_RETURN_IF_ERROR(CheckMap(output.box, output.face, 4, "box"));
  return CheckMap(output.points, output.face, 2 * kLandmarks, "points");
}

std::vector<Detection> DecodeDetections(const DetectorOutput& output, int64_t n, double stride,
                                        const DetectionOptions& options) {
  const int64_t height = output.face.shape()[1], width = output.face.shape()[2];
  const auto step = static_cast<float>(stride), unit = kCellUnit * step;
  std::vector<Detection> detections;
  for (int64_t cell = 0; cell < height * width; ++cell) {
    const int64_t at = n * height * width + cell;
    const float score = 1 / (1 + std::exp(-output.face.values<float>()[at]));
    if (!(score >= options.threshold)) continue;
    const float x = (static_cast<float>(cell % width) + 0.5f) * step;
    const float y = (static_cast<float>(cell / width) + 0.5f) * step;
    const float* box = output.box.values<float>().data() + 4 * at;
    const float* points = output.points.values<float>().data() + 2 * kLandmarks * at;
    const Point2 middle = {x + box[0] * unit, y + box[1] * unit};
    const float half_width = std::exp(box[2]) * unit / 2, half_height = std::exp(box[3]) * unit / 2;
    Detection detection;
    detection.score = score;
    detection.box = {middle.x - half_width, middle.y - half_height, middle.x + half_width, middle.y + half_height};
    for (int i = 0; i < kLandmarks; ++i) {
      detection.landmarks[i] = {x + points[2 * i] * unit, y + points[2 * i + 1] * unit};
    }
    if (std::isfinite(half_width) && std::isfinite(half_height) && std::isfinite(middle.x + middle.y)) {
      detections.push_back(detection);
    }
  }
  return SuppressOverlapping(std::move(detections), options.overlap);
}

void DetectionJudge::Add(std::vector<Detection> detections, absl::Span<const Extent> truth) {
  SortByScore(&detections);
  faces_ += static_cast<int64_t>(truth.size());
  std::vector<bool> taken(truth.size());
  for (const Detection& detection : detections) {
    double most = 0;
    size_t best = 0;
    for (size_t i = 0; i < truth.size(); ++i) {
      const double overlap = IntersectionOverUnion(detection.box, truth[i]);
      if (overlap <= most) continue;
      most = overlap;
      best = i;
    }
    const bool right = most > 0 && most >= overlap_ && !taken[best];
    if (right) taken[best] = true;
    scored_.push_back({detection.score, right});
  }
}

}  // namespace gradus
