// The data set gradus.SyntheticPoints.
#include <cmath>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/random.h"
#include "data/dataset_registry.h"
#include "proto/data.pb.h"

namespace gradus {
namespace {

constexpr int64_t kMostExamples = int64_t{1} << 40;
constexpr int64_t kMostDims = int64_t{1} << 16;
constexpr double kMostMargin = 0.5;
constexpr double kMostNoise = 1e30;  // times any normal number it is one that f32 holds
constexpr double kMostOffset = 0.3;  // with it there is room for both classes whatever the margin

// w x + offset with a random unit vector w.
struct Plane {
  explicit Plane(uint64_t seed, int64_t dims) : w(dims) {
    RandomSequence random(seed, "synthetic_points/plane");
    double squares = 0;
    for (double& element : w) {
      element = random.NextNormal();
      squares += element * element;
    }
    for (double& element : w) element /= std::sqrt(squares);
    offset = random.Uniform(-kMostOffset, kMostOffset);
  }

  double At(const float* x) const {
    double sum = offset;
    for (size_t i = 0; i < w.size(); ++i) sum += w[i] * static_cast<double>(x[i]);
    return sum;
  }

  std::vector<double> w;
  double offset = 0;
};

std::vector<Column> ColumnsOf(const SyntheticPoints& config) {
  const bool line = config.kind() == SyntheticPoints::LINE;
  return {{"point", {DType::kFloat32, {config.dims()}}},
          line ? Column{"value", {DType::kFloat32, {1}}} : Column{"label", {DType::kInt32, {}}}};
}

class SyntheticPointsDataset : public Dataset {
 public:
  SyntheticPointsDataset(SyntheticPoints config, int64_t size)
      : config_(std::move(config)),
        size_(size),
        name_(config_.split() == DatasetSplit::TEST ? "synthetic_points/test" : "synthetic_points/train"),
        plane_(config_.seed(), config_.dims()),
        columns_(ColumnsOf(config_)) {}

  int64_t size() const override { return size_; }
  const std::vector<Column>& columns() const override { return columns_; }

  absl::Status Read(int64_t index, absl::Span<uint8_t* const> columns) const override {
    RandomSequence random(config_.seed(), name_, static_cast<uint64_t>(index));
    auto* const point = reinterpret_cast<float*>(columns[0]);
    auto* const label = reinterpret_cast<int32_t*>(columns[1]);
    switch (config_.kind()) {
      case SyntheticPoints::SEPARABLE:
        do {
          DrawFromCube(&random, point);
        } while (std::abs(plane_.At(point)) < config_.margin());
        *label = plane_.At(point) > 0 ? 1 : 0;
        break;
      case SyntheticPoints::XOR:
        *label = 0;
        for (int i = 0; i < 2; ++i) {
          const auto bit = static_cast<int32_t>(random.Below(2));
          point[i] = static_cast<float>(2 * bit - 1 + config_.noise() * random.NextNormal());
          *label ^= bit;
        }
        break;
      case SyntheticPoints::LINE:
        DrawFromCube(&random, point);
        *reinterpret_cast<float*>(columns[1]) =
            static_cast<float>(plane_.At(point) + config_.noise() * random.NextNormal());
        break;
    }
    return absl::OkStatus();
  }

 private:
  void DrawFromCube(RandomSequence* random, float* point) const {
    for (int64_t i = 0; i < config_.dims(); ++i) point[i] = static_cast<float>(random->Uniform(-1, 1));
  }

  const SyntheticPoints config_;
  const int64_t size_;
  const std::string name_;  // of the randomness: training and test examples differ
  const Plane plane_;
  const std::vector<Column> columns_;
};

absl::StatusOr<std::unique_ptr<Dataset>> OpenSyntheticPoints(const google::protobuf::Message& message,
                                                             const DatasetContext&) {
  const auto& config = static_cast<const SyntheticPoints&>(message);
  const auto wrong = [](const auto&... parts) {
    return absl::InvalidArgumentError(absl::StrCat("synthetic_points: ", parts...));
  };
  const std::string kind = SyntheticPoints::Kind_Name(config.kind());
  const bool separable = config.kind() == SyntheticPoints::SEPARABLE;
  const int64_t examples = config.has_examples()                  ? config.examples()
                           : config.split() == DatasetSplit::TEST ? 500
                                                                  : 1000;
  if (examples < 1 || examples > kMostExamples) return wrong("examples ", examples, " is not between 1 and 2^40");
  if (config.dims() < 1 || config.dims() > kMostDims) {
    return wrong("dims ", config.dims(), " is not between 1 and ", kMostDims);
  }
  if (config.kind() == SyntheticPoints::XOR && config.dims() != 2) {
    return wrong("dims ", config.dims(), ", but XOR's points have 2 coordinates");
  }
  if (config.has_margin() && !separable) return wrong("margin is for SEPARABLE; ", kind, " has noise");
  if (config.has_noise() && separable) return wrong("noise is for XOR and LINE; SEPARABLE has a margin");
  if (!(config.margin() >= 0 && config.margin() <= kMostMargin)) {
    return wrong("margin ", config.margin(), " is not between 0 and ", kMostMargin);
  }
  if (!(config.noise() >= 0 && config.noise() <= kMostNoise)) {
    return wrong("noise ", config.noise(), " is not between 0 and ", kMostNoise);
  }
  return std::make_unique<SyntheticPointsDataset>(config, examples);
}

REGISTER_DATASET("gradus.SyntheticPoints", OpenSyntheticPoints);

}  // namespace
}  // namespace gradus
