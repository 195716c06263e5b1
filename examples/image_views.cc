#include "examples/image_views.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/check.h"
#include "core/random.h"
#include "core/status_macros.h"
#include "examples/evaluation_data.h"

namespace gradus {
namespace {

// Elements of a unit: its map, or 1.
int64_t ElementsOfUnit(const Shape& layer) { return layer.ElementsBetween(1, layer.rank()); }

// 0, stride, ... while a square of `size` fits into `length`, and the last place where it does.
std::vector<int64_t> Starts(int64_t length, int64_t size, int64_t stride) {
  std::vector<int64_t> starts;
  for (int64_t i = 0; i < length - size; i += stride) starts.push_back(i);
  starts.push_back(length - size);
  return starts;
}

Tensor Occluded(const Tensor& image, const Box& box, float fill) {
  Tensor result = image.Clone();
  const Shape& shape = image.shape();
  for (int64_t row = 0; row < shape[0] * box.height; ++row) {
    const int64_t c = row / box.height, y = box.y + row % box.height;
    std::fill_n(result.values<float>().begin() + (c * shape[1] + y) * shape[2] + box.x, box.width, fill);
  }
  return result;
}

// Puts an example among the `count` strongest of a unit, if it is one of them.
void Keep(Strongest candidate, int64_t count, std::vector<Strongest>* kept) {
  const auto after =
      std::find_if(kept->begin(), kept->end(), [&](const Strongest& other) { return other.value < candidate.value; });
  kept->insert(after, std::move(candidate));
  if (static_cast<int64_t>(kept->size()) > count) kept->pop_back();
}

bool WouldKeep(float value, int64_t count, const std::vector<Strongest>& kept) {
  return static_cast<int64_t>(kept.size()) < count || value > kept.back().value;
}

// The examples of a batch that count; the others are told on stderr.
std::vector<Tensor> ImagesOf(const Batch& batch, int column) {
  TellSkipped(batch);
  const Tensor& all = batch.columns[column];
  const Shape& shape = all.shape();
  const Shape one = *Shape::Make(Dims(shape.dims().begin() + 1, shape.dims().end()));
  std::vector<Tensor> images;
  for (int64_t i = 0; i < shape[0]; ++i) {
    if (batch.weights.values<float>()[i] == 0) continue;
    images.push_back(Tensor::Of<float>(one, all.values<float>().subspan(i * one.num_elements(), one.num_elements())));
  }
  return images;
}

}  // namespace

int64_t StrongestPlace(const Tensor& value, int64_t unit) {
  const int64_t elements = ElementsOfUnit(value.shape());
  const auto begin = value.values<float>().begin() + unit * elements;
  return std::max_element(begin, begin + elements) - value.values<float>().begin();
}

int64_t MiddlePlace(const Shape& layer, int64_t unit) {
  if (layer.rank() == 1) return unit;
  return (unit * layer[1] + layer[1] / 2) * layer[2] + layer[2] / 2;
}

Tensor SeedAt(const Shape& layer, int64_t place, float value) {
  Tensor seed(TensorType{DType::kFloat32, layer});
  seed.values<float>()[place] = value;
  return seed;
}

float MeanOf(absl::Span<const Tensor> images) {
  double sum = 0, count = 0;
  for (const Tensor& image : images) {
    for (float value : image.values<float>()) sum += value, ++count;
  }
  GRADUS_CHECK(count > 0);
  return static_cast<float>(sum / count);
}

Tensor NoiseAround(float mean, const ShadeRange& range, const Shape& image, uint64_t seed, int64_t unit) {
  RandomSequence random(seed, "visualize", static_cast<uint64_t>(unit));
  Tensor start(TensorType{DType::kFloat32, image});
  const double half = 0.05 * (double{range.largest} - range.least);
  for (float& value : start.values<float>()) {
    value = std::clamp(static_cast<float>(mean + random.Uniform(-half, half)), range.least, range.largest);
  }
  return start;
}

absl::StatusOr<std::vector<Tensor>> FirstImages(Loader* loader, int column, int64_t count) {
  std::vector<Tensor> images;
  for (int64_t b = 0; b < loader->BatchesInEpoch(0) && static_cast<int64_t>(images.size()) < count; ++b) {
    GRADUS_ASSIGN_OR_RETURN(const Batch* batch, loader->Next());
    for (Tensor& image : ImagesOf(*batch, column)) {
      if (static_cast<int64_t>(images.size()) < count) images.push_back(std::move(image));
    }
  }
  return images;
}

absl::StatusOr<std::vector<std::vector<Strongest>>> FindStrongest(NetworkView* view, Loader* loader, int column,
                                                                  int64_t examples, absl::Span<const int64_t> units,
                                                                  int64_t count) {
  std::vector<std::vector<Strongest>> strongest(units.size());
  int64_t seen = 0;
  for (int64_t b = 0; b < loader->BatchesInEpoch(0) && seen < examples; ++b) {
    GRADUS_ASSIGN_OR_RETURN(const Batch* batch, loader->Next());
    std::vector<Tensor> images = ImagesOf(*batch, column);
    while (static_cast<int64_t>(images.size()) > examples - seen) images.pop_back();
    seen += static_cast<int64_t>(images.size());
    GRADUS_ASSIGN_OR_RETURN(const std::vector<Tensor> values, view->Forward(images));
    for (size_t i = 0; i < images.size(); ++i) {
      for (size_t u = 0; u < units.size(); ++u) {
        const int64_t place = StrongestPlace(values[i], units[u]);
        const float value = values[i].values<float>()[place];
        if (!WouldKeep(value, count, strongest[u])) continue;
        Keep({images[i].Clone(), place, value}, count, &strongest[u]);
      }
    }
  }
  return strongest;
}

absl::StatusOr<std::vector<Projection>> Project(NetworkView* view, NetworkView* field,
                                                absl::Span<const Strongest> strongest) {
  std::vector<Tensor> images, seeds, ones;
  for (const Strongest& s : strongest) {
    images.push_back(s.image.Clone());
    seeds.push_back(SeedAt(view->layer_shape(), s.place, s.value));
    ones.push_back(SeedAt(view->layer_shape(), s.place));
  }
  GRADUS_ASSIGN_OR_RETURN(std::vector<Tensor> pictures, view->Backward(images, seeds));
  GRADUS_ASSIGN_OR_RETURN(const std::vector<Tensor> reached, field->Backward(images, ones));
  std::vector<Projection> projections;
  for (size_t i = 0; i < pictures.size(); ++i) {
    projections.push_back({std::move(pictures[i]), NonzeroBox(reached[i])});
  }
  return projections;
}

Tensor SaliencyOf(const Tensor& gradient) {
  const Shape& shape = gradient.shape();
  const int64_t pixels = shape.ElementsBetween(1, 3);
  Tensor map(TensorType{DType::kFloat32, {1, shape[1], shape[2]}});
  for (int64_t i = 0; i < shape.num_elements(); ++i) {
    float& largest = map.values<float>()[i % pixels];
    largest = std::max(largest, std::abs(gradient.values<float>()[i]));
  }
  return map;
}

absl::StatusOr<Tensor> OcclusionMap(NetworkView* view, const Tensor& image, int64_t place,
                                    const OcclusionOptions& options) {
  const Shape& shape = image.shape();
  GRADUS_CHECK(options.size >= 1 && options.size <= std::min(shape[1], shape[2]) && options.stride >= 1);
  std::vector<Box> boxes;
  for (int64_t y : Starts(shape[1], options.size, options.stride)) {
    for (int64_t x : Starts(shape[2], options.size, options.stride)) {
      boxes.push_back({y, x, options.size, options.size});
    }
  }
  const Shape one{1, shape[1], shape[2]};
  std::vector<double> sums(one.num_elements());
  std::vector<int64_t> counts(one.num_elements());
  constexpr size_t kAtOnce = 64;  // copies of the image
  for (size_t begin = 0; begin < boxes.size(); begin += kAtOnce) {
    std::vector<Tensor> occluded;
    for (size_t i = begin; i < std::min(begin + kAtOnce, boxes.size()); ++i) {
      occluded.push_back(Occluded(image, boxes[i], options.fill));
    }
    GRADUS_ASSIGN_OR_RETURN(const std::vector<Tensor> values, view->Forward(occluded));
    for (size_t i = 0; i < values.size(); ++i) {
      const Box& box = boxes[begin + i];
      for (int64_t k = 0; k < box.height * box.width; ++k) {
        const int64_t pixel = (box.y + k / box.width) * shape[2] + box.x + k % box.width;
        sums[pixel] += values[i].values<float>()[place];
        ++counts[pixel];
      }
    }
  }
  // Of pixels that a stride larger than the square leaves out nothing is known: they look like the untouched image.
  GRADUS_ASSIGN_OR_RETURN(const std::vector<Tensor> untouched, view->Forward(absl::MakeConstSpan(&image, 1)));
  Tensor map(TensorType{DType::kFloat32, one});
  for (size_t i = 0; i < sums.size(); ++i) {
    map.values<float>()[i] = counts[i] > 0 ? static_cast<float>(sums[i] / static_cast<double>(counts[i]))
                                           : untouched[0].values<float>()[place];
  }
  return map;
}

absl::StatusOr<std::vector<Maximized>> MaximizeActivations(NetworkView* view, absl::Span<const Tensor> starts,
                                                           absl::Span<const int64_t> places, int64_t steps) {
  GRADUS_CHECK(starts.size() == places.size());
  std::vector<Tensor> images, seeds;
  for (size_t i = 0; i < starts.size(); ++i) {
    images.push_back(starts[i].Clone());
    seeds.push_back(SeedAt(view->layer_shape(), places[i]));
  }
  GRADUS_ASSIGN_OR_RETURN(const std::vector<Tensor> before, view->Forward(images));
  for (int64_t step = 0; step < steps; ++step) {
    GRADUS_ASSIGN_OR_RETURN(images, view->Ascend(images, seeds));
  }
  GRADUS_ASSIGN_OR_RETURN(const std::vector<Tensor> after, view->Forward(images));
  std::vector<Maximized> maximized;
  for (size_t i = 0; i < images.size(); ++i) {
    maximized.push_back(
        {std::move(images[i]), before[i].values<float>()[places[i]], after[i].values<float>()[places[i]]});
  }
  return maximized;
}

}  // namespace gradus
