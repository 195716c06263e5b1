// RandomHorizontalFlip: the mirror image, now and then.
#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "data/transform.h"
#include "proto/data.pb.h"

namespace gradus {
namespace {

class FlipTransform : public ExampleTransform {
 public:
  FlipTransform(TensorType type, double probability) : type_(std::move(type)), probability_(probability) {}

  const TensorType& output() const override { return type_; }

  void Apply(const uint8_t* in, uint8_t* out, RandomSequence* random) const override {
    if (random->Uniform() >= probability_) {
      std::memcpy(out, in, type_.bytes());
      return;
    }
    switch (SizeOf(type_.dtype)) {
      case 1:
        return ReverseRows<uint8_t>(in, out);
      case 4:
        return ReverseRows<uint32_t>(in, out);
      case 8:
        return ReverseRows<uint64_t>(in, out);
    }
  }

 private:
  template <typename Element>
  void ReverseRows(const uint8_t* in, uint8_t* out) const {
    const int64_t width = type_.shape[type_.shape.rank() - 1];
    const int64_t rows = width == 0 ? 0 : type_.shape.num_elements() / width;
    const Element* from = reinterpret_cast<const Element*>(in);
    Element* to = reinterpret_cast<Element*>(out);
    for (int64_t row = 0; row < rows; ++row) {
      std::reverse_copy(from + row * width, from + (row + 1) * width, to + row * width);
    }
  }

  const TensorType type_;
  const double probability_;
};

absl::StatusOr<std::unique_ptr<ExampleTransform>> MakeFlip(const google::protobuf::Message& message,
                                                           const TensorType& input, TransformMode mode) {
  const double probability = static_cast<const RandomHorizontalFlip&>(message).probability();
  if (!(probability >= 0 && probability <= 1)) {
    return absl::InvalidArgumentError(absl::StrCat("probability ", probability, " is not between 0 and 1"));
  }
  if (input.shape.rank() < 2) {
    return absl::InvalidArgumentError(absl::StrCat("takes images [..., H, W], not ", input.ToString()));
  }
  if (mode == TransformMode::kEvaluate) return nullptr;
  return std::make_unique<FlipTransform>(input, probability);
}

REGISTER_TRANSFORM("gradus.RandomHorizontalFlip", MakeFlip);

}  // namespace
}  // namespace gradus
