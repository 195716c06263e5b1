// RandomCrop and CenterCrop: a window of an image, which may reach into zeros around it.
#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "data/transform.h"
#include "proto/data.pb.h"

namespace gradus {
namespace {

// A window of output.H x output.W of the input [..., H, W] with `pad` zeros on every side, at a random place or in the
// middle. Works on bytes: elements of any type.
class Window : public ExampleTransform {
 public:
  Window(const TensorType& input, TensorType output, int64_t pad, bool random)
      : output_(std::move(output)),
        element_(static_cast<int64_t>(SizeOf(input.dtype))),
        planes_(input.shape.ElementsBetween(0, input.shape.rank() - 2)),
        height_(input.shape[input.shape.rank() - 2]),
        width_(input.shape[input.shape.rank() - 1]),
        pad_(pad),
        random_(random) {}

  const TensorType& output() const override { return output_; }

  void Apply(const uint8_t* in, uint8_t* out, RandomSequence* random) const override {
    const int64_t window_height = output_.shape[output_.shape.rank() - 2];
    const int64_t window_width = output_.shape[output_.shape.rank() - 1];
    const int64_t top = Place(height_, window_height, random);
    const int64_t left = Place(width_, window_width, random);
    const int64_t first = std::clamp<int64_t>(-left, 0, window_width);            // column of the window in the image
    const int64_t end = std::clamp<int64_t>(width_ - left, first, window_width);  // first column right of the image
    for (int64_t plane = 0; plane < planes_; ++plane) {
      for (int64_t y = 0; y < window_height; ++y) {
        const int64_t row = top + y;
        if (row < 0 || row >= height_ || first == end) {
          std::memset(out, 0, window_width * element_);
        } else {
          std::memset(out, 0, first * element_);
          std::memcpy(out + first * element_, in + (row * width_ + left + first) * element_, (end - first) * element_);
          std::memset(out + end * element_, 0, (window_width - end) * element_);
        }
        out += window_width * element_;
      }
      in += height_ * width_ * element_;
    }
  }

 private:
  // Where the window starts along one dimension; negative in the padding before the image.
  int64_t Place(int64_t image, int64_t window, RandomSequence* random) const {
    const int64_t room = image + 2 * pad_ - window;
    return (random_ ? static_cast<int64_t>(random->Below(room + 1)) : room / 2) - pad_;
  }

  const TensorType output_;
  const int64_t element_;  // bytes
  const int64_t planes_;
  const int64_t height_;
  const int64_t width_;
  const int64_t pad_;
  const bool random_;
};

// One side of the window: the one given or the image's own.
absl::StatusOr<int64_t> WindowSide(bool given, int64_t side, int64_t image, int64_t pad, const char* field,
                                   const TensorType& input) {
  if (!given) return image;
  if (side >= 1 && side <= image + 2 * pad) return side;
  return absl::InvalidArgumentError(absl::StrCat("a window of ", field, " ", side, " does not fit into ",
                                                 input.ToString(), pad > 0 ? absl::StrCat(" with pad ", pad) : "",
                                                 ": it is between 1 and ", image + 2 * pad));
}

template <typename Config>
absl::StatusOr<std::unique_ptr<ExampleTransform>> MakeWindow(const Config& config, int64_t pad, bool random,
                                                             const TensorType& input) {
  const int rank = input.shape.rank();
  if (rank < 2) return absl::InvalidArgumentError(absl::StrCat("takes images [..., H, W], not ", input.ToString()));
  if (pad < 0) return absl::InvalidArgumentError(absl::StrCat("pad ", pad, " is negative"));
  const int64_t height = input.shape[rank - 2];
  const int64_t width = input.shape[rank - 1];
  Dims dims = input.shape.dims();
  GRADUS_ASSIGN_OR_RETURN(dims[rank - 2],
                          WindowSide(config.has_height(), config.height(), height, pad, "height", input));
  GRADUS_ASSIGN_OR_RETURN(dims[rank - 1], WindowSide(config.has_width(), config.width(), width, pad, "width", input));
  GRADUS_ASSIGN_OR_RETURN(Shape shape, Shape::Make(dims));
  if (shape == input.shape && !(random && pad > 0)) return nullptr;
  return std::make_unique<Window>(input, TensorType{input.dtype, std::move(shape)}, pad, random);
}

absl::StatusOr<std::unique_ptr<ExampleTransform>> MakeRandomCrop(const google::protobuf::Message& message,
                                                                 const TensorType& input, TransformMode mode) {
  const RandomCrop& config = static_cast<const RandomCrop&>(message);
  return MakeWindow(config, config.pad(), mode == TransformMode::kTrain, input);
}

absl::StatusOr<std::unique_ptr<ExampleTransform>> MakeCenterCrop(const google::protobuf::Message& message,
                                                                 const TensorType& input, TransformMode) {
  return MakeWindow(static_cast<const CenterCrop&>(message), 0, false, input);
}

REGISTER_TRANSFORM("gradus.RandomCrop", MakeRandomCrop);
REGISTER_TRANSFORM("gradus.CenterCrop", MakeCenterCrop);

}  // namespace
}  // namespace gradus
