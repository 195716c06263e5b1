// Normalize: y = (x - mean) / std, for all values or channel by channel.
#include <cmath>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "data/transform.h"
#include "google/protobuf/repeated_field.h"
#include "proto/data.pb.h"

namespace gradus {
namespace {

class NormalizeTransform : public ExampleTransform {
 public:
  // `mean` and `scale` hold one value for each of equally large, contiguous parts of the input.
  NormalizeTransform(TensorType type, std::vector<float> mean, std::vector<float> scale)
      : type_(std::move(type)), mean_(std::move(mean)), scale_(std::move(scale)) {}

  const TensorType& output() const override { return type_; }
  bool leaves_unit_range() const override { return true; }

  void Apply(const uint8_t* in, uint8_t* out, RandomSequence*) const override {
    const float* x = reinterpret_cast<const float*>(in);
    float* y = reinterpret_cast<float*>(out);
    const int64_t part = type_.shape.num_elements() / static_cast<int64_t>(mean_.size());
    for (size_t c = 0; c < mean_.size(); ++c) {
      const float mean = mean_[c];
      const float scale = scale_[c];
      for (int64_t i = 0; i < part; ++i) y[i] = (x[i] - mean) * scale;
      x += part;
      y += part;
    }
  }

 private:
  const TensorType type_;
  const std::vector<float> mean_;
  const std::vector<float> scale_;
};

// `count` values of the field: those given, its only one repeated, or the default.
absl::StatusOr<std::vector<float>> PerChannel(const google::protobuf::RepeatedField<float>& given, float default_value,
                                              size_t count, const char* field, const TensorType& input) {
  if (given.size() > 1 && static_cast<size_t>(given.size()) != count) {
    return absl::InvalidArgumentError(absl::StrCat(given.size(), " values of ", field, " for ", input.ToString(),
                                                   "; give one, or one for each channel (the first dimension)"));
  }
  std::vector<float> values(given.begin(), given.end());
  if (values.empty()) values = {default_value};
  if (values.size() < count) values.assign(count, values[0]);
  for (float value : values) {
    if (!std::isfinite(value)) return absl::InvalidArgumentError(absl::StrCat(field, " ", value, " is not finite"));
  }
  return values;
}

absl::StatusOr<std::unique_ptr<ExampleTransform>> MakeNormalize(const google::protobuf::Message& message,
                                                                const TensorType& input, TransformMode) {
  const Normalize& config = static_cast<const Normalize&>(message);
  if (input.dtype != DType::kFloat32) {
    return absl::InvalidArgumentError(absl::StrCat("takes f32 values, not ", input.ToString()));
  }
  const bool by_channel = config.mean_size() > 1 || config.std_size() > 1;
  const size_t parts = by_channel && input.shape.rank() > 0 ? input.shape[0] : 1;
  GRADUS_ASSIGN_OR_RETURN(std::vector<float> mean, PerChannel(config.mean(), 0, parts, "mean", input));
  GRADUS_ASSIGN_OR_RETURN(std::vector<float> scale, PerChannel(config.std(), 1, parts, "std", input));
  for (float& value : scale) {
    const float inverse = 1 / value;
    if (!(value > 0) || !std::isfinite(inverse)) {
      return absl::InvalidArgumentError(absl::StrCat("std ", value, " is not positive"));
    }
    value = inverse;
  }
  return std::make_unique<NormalizeTransform>(input, std::move(mean), std::move(scale));
}

REGISTER_TRANSFORM("gradus.Normalize", MakeNormalize);

}  // namespace
}  // namespace gradus
