// ColorJitter and Lighting: random changes of colour.
#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "data/transform.h"
#include "proto/data.pb.h"

namespace gradus {
namespace {

constexpr float kRed = 0.299f, kGreen = 0.587f, kBlue = 0.114f;  // of luminance

float Unit(float value) { return std::clamp(value, 0.0f, 1.0f); }

// f32[C, H, W] in 0...1.
class ColorTransform : public ExampleTransform {
 public:
  explicit ColorTransform(TensorType type) : type_(std::move(type)) {}
  const TensorType& output() const override { return type_; }
  bool wants_unit_range() const override { return true; }

 protected:
  int64_t elements() const { return type_.shape.num_elements(); }
  int64_t channels() const { return type_.shape[0]; }
  int64_t plane() const { return type_.shape.ElementsBetween(1, 3); }

 private:
  const TensorType type_;
};

class Jitter : public ColorTransform {
 public:
  struct Strengths {
    double brightness, contrast, saturation, hue;
  };

  Jitter(TensorType type, Strengths strengths) : ColorTransform(std::move(type)), strengths_(strengths) {}

  void Apply(const uint8_t* in, uint8_t* out, RandomSequence* random) const override {
    std::copy(in, in + output().bytes(), out);
    float* image = reinterpret_cast<float*>(out);
    std::array<int, 4> order = {0, 1, 2, 3};
    for (int i = 3; i > 0; --i) std::swap(order[i], order[random->Below(i + 1)]);
    for (int which : order) {
      switch (which) {
        case 0:
          if (strengths_.brightness > 0) Brightness(Factor(strengths_.brightness, random), image);
          break;
        case 1:
          if (strengths_.contrast > 0) Contrast(Factor(strengths_.contrast, random), image);
          break;
        case 2:
          if (strengths_.saturation > 0) Saturation(Factor(strengths_.saturation, random), image);
          break;
        case 3:
          if (strengths_.hue > 0) Hue(static_cast<float>(random->Uniform(-strengths_.hue, strengths_.hue)), image);
          break;
      }
    }
  }

 private:
  static float Factor(double strength, RandomSequence* random) {
    return static_cast<float>(random->Uniform(std::max(0.0, 1 - strength), 1 + strength));
  }

  void Brightness(float factor, float* image) const {
    for (int64_t i = 0; i < elements(); ++i) image[i] = Unit(factor * image[i]);
  }

  void Contrast(float factor, float* image) const {
    double sum = 0;
    for (int64_t i = 0; i < plane(); ++i) sum += LuminanceOf(image, i);
    const float rest = (1 - factor) * static_cast<float>(sum / static_cast<double>(plane()));
    for (int64_t i = 0; i < elements(); ++i) image[i] = Unit(factor * image[i] + rest);
  }

  void Saturation(float factor, float* image) const {
    for (int64_t i = 0; i < plane(); ++i) {
      const float rest = (1 - factor) * LuminanceOf(image, i);
      for (int64_t c = 0; c < 3; ++c) image[c * plane() + i] = Unit(factor * image[c * plane() + i] + rest);
    }
  }

  // By way of hue, saturation and value, of which the first is turned: then a channel is v - v s max(0, min(k, 4 - k,
  // 1)) with k = (n + 6 hue) mod 6, where n is 5 for red, 3 for green and 1 for blue.
  void Hue(float turn, float* image) const {
    float *red = image, *green = image + plane(), *blue = image + 2 * plane();
    for (int64_t i = 0; i < plane(); ++i) {
      const float value = std::max({red[i], green[i], blue[i]});
      const float chroma = value - std::min({red[i], green[i], blue[i]});
      if (chroma <= 0) continue;
      float hue;  // in sixths of the circle
      if (value == red[i]) {
        hue = (green[i] - blue[i]) / chroma;
      } else if (value == green[i]) {
        hue = 2 + (blue[i] - red[i]) / chroma;
      } else {
        hue = 4 + (red[i] - green[i]) / chroma;
      }
      hue += 6 * turn;
      const auto channel = [&](float n) {
        float k = n + hue;
        k -= 6 * std::floor(k / 6);
        return Unit(value - chroma * std::clamp(std::min(k, 4 - k), 0.0f, 1.0f));
      };
      red[i] = channel(5);
      green[i] = channel(3);
      blue[i] = channel(1);
    }
  }

  float LuminanceOf(const float* image, int64_t i) const {
    if (channels() == 1) return image[i];
    return kRed * image[i] + kGreen * image[plane() + i] + kBlue * image[2 * plane() + i];
  }

  const Strengths strengths_;
};

class PrincipalComponents : public ColorTransform {
 public:
  PrincipalComponents(TensorType type, double stddev) : ColorTransform(std::move(type)), stddev_(stddev) {}

  void Apply(const uint8_t* in, uint8_t* out, RandomSequence* random) const override {
    // Of the colours, in 0...1, of ImageNet's training images: as fb.resnet.torch and others give them.
    constexpr double kEigenvalues[3] = {0.2175, 0.0188, 0.0045};
    constexpr double kEigenvectors[3][3] = {// [channel][component]
                                            {-0.5675, 0.7192, 0.4009},
                                            {-0.5808, -0.0045, -0.8140},
                                            {-0.5836, -0.6948, 0.4203}};
    double shift[3] = {0, 0, 0};
    for (int k = 0; k < 3; ++k) {
      const double amount = stddev_ * random->NextNormal() * kEigenvalues[k];
      for (int c = 0; c < 3; ++c) shift[c] += amount * kEigenvectors[c][k];
    }
    const float* x = reinterpret_cast<const float*>(in);
    float* y = reinterpret_cast<float*>(out);
    for (int64_t c = 0; c < 3; ++c) {
      const auto by = static_cast<float>(shift[c]);
      for (int64_t i = c * plane(); i < (c + 1) * plane(); ++i) y[i] = x[i] + by;
    }
  }

 private:
  const double stddev_;
};

absl::Status CheckColors(const TensorType& input, bool needs_three) {
  const Shape& shape = input.shape;
  if (input.dtype == DType::kFloat32 && shape.rank() == 3 && (shape[0] == 3 || (shape[0] == 1 && !needs_three))) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("takes images f32[3, H, W]", needs_three ? "" : " or f32[1, H, W]", ", not ", input.ToString()));
}

absl::StatusOr<std::unique_ptr<ExampleTransform>> MakeColorJitter(const google::protobuf::Message& message,
                                                                  const TensorType& input, TransformMode mode) {
  const ColorJitter& config = static_cast<const ColorJitter&>(message);
  const std::pair<const char*, double> strengths[] = {{"brightness", config.brightness()},
                                                      {"contrast", config.contrast()},
                                                      {"saturation", config.saturation()},
                                                      {"hue", config.hue()}};
  for (const auto& [field, value] : strengths) {
    const double most = field == std::string("hue") ? 0.5 : 100;
    if (value >= 0 && value <= most) continue;
    return absl::InvalidArgumentError(absl::StrCat(field, " ", value, " is not between 0 and ", most));
  }
  const bool needs_three = config.saturation() > 0 || config.hue() > 0;
  if (absl::Status status = CheckColors(input, needs_three); !status.ok()) return status;
  if (mode == TransformMode::kEvaluate) return nullptr;
  return std::make_unique<Jitter>(
      input, Jitter::Strengths{config.brightness(), config.contrast(), config.saturation(), config.hue()});
}

absl::StatusOr<std::unique_ptr<ExampleTransform>> MakeLighting(const google::protobuf::Message& message,
                                                               const TensorType& input, TransformMode mode) {
  const double stddev = static_cast<const Lighting&>(message).stddev();
  if (!(stddev >= 0 && stddev <= 100)) {
    return absl::InvalidArgumentError(absl::StrCat("stddev ", stddev, " is not between 0 and 100"));
  }
  if (absl::Status status = CheckColors(input, true); !status.ok()) return status;
  if (mode == TransformMode::kEvaluate) return nullptr;
  return std::make_unique<PrincipalComponents>(input, stddev);
}

REGISTER_TRANSFORM("gradus.ColorJitter", MakeColorJitter);
REGISTER_TRANSFORM("gradus.Lighting", MakeLighting);

}  // namespace
}  // namespace gradus
