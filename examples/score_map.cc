#include "examples/score_map.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/check.h"
#include "core/random.h"
#include "core/status_macros.h"
#include "train/init_from.h"
#include "train/predictor.h"

namespace gradus {
namespace {

bool Overlap(int64_t a, int64_t b, int64_t length) { return std::abs(a - b) < length; }

}  // namespace

absl::StatusOr<Tensor> ScoreMap(const LoadedModel& model, const std::string& weights, const Tensor& image,
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
  const Shape& map = outputs[0].shape();
  if (map.rank() != 4 || map[1] < 2) {
    return absl::FailedPreconditionError(absl::StrCat(
        model.path, ": the output '", predictor->outputs()[0], "' is ", outputs[0].type().ToString(),
        "; a score map is f32[1, classes, h, w] of two classes or more: write its dense layers as convolutions"));
  }
  return Tensor::Of<float>({map[1], map[2], map[3]}, outputs[0].values<float>());
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

int64_t StepOf(int64_t image, int64_t window, int64_t places) {
  return places > 1 ? (image - window) / (places - 1) : 0;
}

std::vector<Sighting> FindSightings(const Tensor& scores, const Shape& window, const Shape& image) {
  const Shape& shape = scores.shape();
  const int64_t step_y = StepOf(image[1], window[1], shape[1]), step_x = StepOf(image[2], window[2], shape[2]);
  std::vector<Sighting> all;
  for (int64_t i = 0; i < shape.num_elements(); ++i) {
    const int64_t y = i / shape[2] % shape[1], x = i % shape[2];
    all.push_back({i / (shape[1] * shape[2]), y * step_y, x * step_x, scores.values<float>()[i]});
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

Tensor MapOverImage(const Tensor& scores, int64_t label, const Shape& window, const Shape& image) {
  const Shape& shape = scores.shape();
  const int64_t step_y = std::max<int64_t>(1, StepOf(image[1], window[1], shape[1]));
  const int64_t step_x = std::max<int64_t>(1, StepOf(image[2], window[2], shape[2]));
  const int64_t first_y = (window[1] - step_y) / 2, first_x = (window[2] - step_x) / 2;  // pixels of place (0, 0)
  Tensor map(TensorType{DType::kFloat32, {1, image[1], image[2]}});
  for (int64_t y = first_y; y < std::min(image[1], first_y + shape[1] * step_y); ++y) {
    for (int64_t x = first_x; x < std::min(image[2], first_x + shape[2] * step_x); ++x) {
      const int64_t place = (label * shape[1] + (y - first_y) / step_y) * shape[2] + (x - first_x) / step_x;
      map.values<float>()[y * image[2] + x] = scores.values<float>()[place];
    }
  }
  return map;
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
