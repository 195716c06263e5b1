#include "examples/score_map.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <memory>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/check.h"
#include "core/random.h"
#include "core/status_macros.h"
#include "graph/lower.h"
#include "graph/receptive_field.h"
#include "train/init_from.h"
#include "train/predictor.h"

namespace gradus {
namespace {

bool Overlap(int64_t a, int64_t b, int64_t length) { return std::abs(a - b) < length; }

// What the places of a map see of the image, by axis 2 or 3 of both. Of a map that sees all of the image everywhere the
// places are spread over it.
MapAxis AxisOf(const AxisField& field, int axis, int64_t image, int64_t places) {
  if (field.axis != axis) {
    const double step = static_cast<double>(image) / static_cast<double>(places);
    return {(step - 1) / 2, step};
  }
  const FieldExtent extent = ExtentOf(field, image);
  return {extent.offset, extent.stride};
}

// Where the places of output `output` are in an image.
absl::Status FindPlaces(const LoadedModel& model, const std::string& output, const Shape& image, ScoreMap* map) {
  LowerOptions options;
  options.mode = Mode::kInfer;
  options.input_dims = {{model.model.model().input(0).name(), image}};
  GRADUS_ASSIGN_OR_RETURN(const Network network, Lower(model.model, options));
  const auto named = std::find_if(network.outputs.begin(), network.outputs.end(),
                                  [&output](const NamedValue& value) { return value.name == output; });
  GRADUS_CHECK(named != network.outputs.end());
  const std::optional<ReceptiveField> field =
      ReceptiveFields(network.graph, network.inputs[0].value)[named->value.node];
  if (!field) {
    return absl::FailedPreconditionError(
        absl::StrCat(model.path, ": the output '", output, "' does not depend on the image"));
  }
  map->y = AxisOf((*field)[2], 2, image[1], map->scores.shape()[1]);
  map->x = AxisOf((*field)[3], 3, image[2], map->scores.shape()[2]);
  return absl::OkStatus();
}

// The first pixel of a window at place i.
int64_t WindowAt(const MapAxis& axis, int64_t i, int64_t window) {
  return std::lround(axis.middle + static_cast<double>(i) * axis.step - static_cast<double>(window - 1) / 2);
}

// The place whose middle is nearest to a pixel, as far as the image's places go on.
int64_t PlaceAt(const MapAxis& axis, int64_t pixel) {
  return static_cast<int64_t>(std::floor((static_cast<double>(pixel) - axis.middle) / axis.step + 0.5));
}

}  // namespace

absl::StatusOr<ScoreMap> ScoreImage(const LoadedModel& model, const std::string& weights, const Tensor& image,
                                    int threads) {
  const Model& expanded = model.model.model();
  if (expanded.input_size() != 1) {
    return absl::FailedPreconditionError(absl::StrCat(model.path, ": the model has ", expanded.input_size(),
                                                      " inputs; a score map needs one, the image"));
  }
  const std::string& input = expanded.input(0).name();
  auto variables = std::make_shared<VariableStore>();
  SessionOptions options;
  options.threads = threads;
  GRADUS_ASSIGN_OR_RETURN(const std::unique_ptr<Predictor> predictor,
                          Predictor::Create(model.model, variables, 1, std::move(options), {{input, image.shape()}}));
  InitFrom init;
  init.set_reshape(true);
  GRADUS_RETURN_IF_ERROR(InitializeFrom(init, weights, variables.get(), [](const std::string&) {}));
  const Shape& shape = image.shape();
  const Tensor batch = Tensor::Of<float>({1, shape[0], shape[1], shape[2]}, image.values<float>());
  GRADUS_ASSIGN_OR_RETURN(const std::vector<Tensor> outputs, predictor->Run({{input, &batch}}));
  const Shape& scores = outputs[0].shape();
  if (scores.rank() != 4 || scores[1] < 2 || scores.num_elements() == 0 || outputs[0].dtype() != DType::kFloat32) {
    return absl::FailedPreconditionError(absl::StrCat(
        model.path, ": the output '", predictor->outputs()[0], "' is ", outputs[0].type().ToString(),
        "; a score map is f32[1, classes, h, w] of two classes or more: write its dense layers as convolutions"));
  }
  ScoreMap map;
  map.scores = Tensor::Of<float>({scores[1], scores[2], scores[3]}, outputs[0].values<float>());
  GRADUS_RETURN_IF_ERROR(FindPlaces(model, predictor->outputs()[0], shape, &map));
  return map;
}

Tensor LogOdds(const Tensor& scores) {
  const Shape& shape = scores.shape();
  const int64_t classes = shape[0], places = shape[1] * shape[2];
  Tensor odds(scores.type());
  for (int64_t i = 0; i < shape.num_elements(); ++i) {
    double most = -INFINITY, sum = 0;
    for (const bool second : {false, true}) {
      for (int64_t c = 0; c < classes; ++c) {
        if (c == i / places) continue;
        const double other = scores.values<float>()[c * places + i % places];
        if (second) {
          sum += std::exp(other - most);
        } else {
          most = std::max(most, other);
        }
      }
    }
    odds.values<float>()[i] = static_cast<float>(scores.values<float>()[i] - most - std::log(sum));
  }
  return odds;
}

std::vector<Sighting> FindSightings(const ScoreMap& map, const Shape& window) {
  const Shape& shape = map.scores.shape();
  std::vector<Sighting> all;
  for (int64_t i = 0; i < shape.num_elements(); ++i) {
    const int64_t y = i / shape[2] % shape[1], x = i % shape[2];
    all.push_back({i / (shape[1] * shape[2]), WindowAt(map.y, y, window[1]), WindowAt(map.x, x, window[2]),
                   map.scores.values<float>()[i]});
  }
  std::stable_sort(all.begin(), all.end(), [](const Sighting& a, const Sighting& b) { return a.score > b.score; });
  std::vector<Sighting> found;
  for (const Sighting& candidate : all) {
    if (candidate.score < all[0].score / 2) break;
    const bool taken = std::any_of(found.begin(), found.end(), [&](const Sighting& better) {
      return Overlap(candidate.y, better.y, window[1] / 2) && Overlap(candidate.x, better.x, window[2] / 2);
    });
    if (!taken) found.push_back(candidate);
  }
  return found;
}

Tensor MapOverImage(const ScoreMap& map, int64_t label, const Shape& image) {
  const Shape& shape = map.scores.shape();
  Tensor over(TensorType{DType::kFloat32, {1, image[1], image[2]}});
  for (int64_t y = 0; y < image[1]; ++y) {
    const int64_t row = PlaceAt(map.y, y);
    if (row < 0 || row >= shape[1]) continue;
    for (int64_t x = 0; x < image[2]; ++x) {
      const int64_t column = PlaceAt(map.x, x);
      if (column < 0 || column >= shape[2]) continue;
      over.values<float>()[y * image[2] + x] = map.scores.values<float>()[(label * shape[1] + row) * shape[2] + column];
    }
  }
  return over;
}

Tensor MakeScene(absl::Span<const Tensor> examples, float least, int64_t height, int64_t width, uint64_t seed) {
  GRADUS_CHECK(!examples.empty());
  const Shape& one = examples[0].shape();
  GRADUS_CHECK(one[1] <= height && one[2] <= width);
  Tensor scene(TensorType{DType::kFloat32, {one[0], height, width}});
  std::fill(scene.values<float>().begin(), scene.values<float>().end(), least);
  RandomSequence random(seed, "scene");
  std::vector<std::pair<int64_t, int64_t>> taken;
  for (const Tensor& example : examples) {
    constexpr int kTries = 1000;
    int64_t y = 0, x = 0;
    for (int i = 0; i < kTries; ++i) {
      y = static_cast<int64_t>(random.Below(height - one[1] + 1));
      x = static_cast<int64_t>(random.Below(width - one[2] + 1));
      const bool free = std::none_of(taken.begin(), taken.end(), [&](const auto& other) {
        return Overlap(y, other.first, one[1]) && Overlap(x, other.second, one[2]);
      });
      if (free) break;
    }
    taken.emplace_back(y, x);
    for (int64_t i = 0; i < one.num_elements(); ++i) {
      const int64_t c = i / (one[1] * one[2]), row = i / one[2] % one[1], column = i % one[2];
      float& pixel = scene.values<float>()[(c * height + y + row) * width + x + column];
      pixel = std::max(pixel, example.values<float>()[i]);
    }
  }
  return scene;
}

}  // namespace gradus
