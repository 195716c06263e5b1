// What a stream does to a column of each example: normalise, crop, flip. A transform is made from its config message
// for one input and one mode. Random ones exist in kTrain only; in kEvaluate they give way to their deterministic
// counterpart (a random crop to a centre crop of the same size, a random flip to nothing).
//
// There are two kinds. An ExampleTransform computes values of one type from values of another. A GeometricTransform
// moves an image (data/image_view.h), also one whose size is known only when it is read; neighbours in a chain become
// one resampling.
//
// Both are registered by the full name of their config message, members of Transform's oneof and extensions alike:
//
//   REGISTER_TRANSFORM(acme::Solarize::descriptor()->full_name(), MakeSolarize);
//   REGISTER_GEOMETRIC_TRANSFORM(acme::Tilt::descriptor()->full_name(), MakeTilt);
#ifndef GRADUS_DATA_TRANSFORM_H_
#define GRADUS_DATA_TRANSFORM_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/random.h"
#include "core/shape.h"
#include "data/image.h"
#include "data/image_view.h"
#include "google/protobuf/message.h"

namespace gradus {

enum class TransformMode { kTrain, kEvaluate };

// Immutable: Apply may be called from several threads at once.
class ExampleTransform {
 public:
  virtual ~ExampleTransform() = default;

  // The type of what Apply writes.
  virtual const TensorType& output() const = 0;

  // Whether it wants colours in 0...1 and whether it may leave others.
  virtual bool wants_unit_range() const { return false; }
  virtual bool leaves_unit_range() const { return false; }

  // Reads one value of the input type, writes one of the output type; they do not overlap. All randomness comes from
  // `random`, which depends on (seed, epoch, index, number of the transform) alone. Must not enter OpenMP.
  virtual void Apply(const uint8_t* in, uint8_t* out, RandomSequence* random) const = 0;
};

// Images as a transform finds them: the last two dimensions are height and width.
struct ImageInput {
  TensorType type;
  bool any_size = false;  // height and width differ from image to image; the type's are 0

  int64_t height() const { return type.shape[type.shape.rank() - 2]; }
  int64_t width() const { return type.shape[type.shape.rank() - 1]; }
  std::string ToString() const;  // "f32[3, 32, 32]", or "images of any size"
};

// Immutable: Apply may be called from several threads at once.
class GeometricTransform {
 public:
  virtual ~GeometricTransform() = default;

  // The size of all results, or nothing when it depends on the image.
  virtual std::optional<ImageSize> size() const = 0;

  // Whether it calls ImageView::Resize, which wants f32 images without zeros around them; whether it may crop beyond
  // the image.
  virtual bool resizes() const { return false; }
  virtual bool pads() const { return false; }

  // Changes what is seen, with randomness as above. An error when the image is of no use to it.
  virtual absl::Status Apply(ImageView* view, RandomSequence* random) const = 0;
};

// A transform for `input`, null when the mode needs none, or an error that says what is wrong with the config or the
// type. `config` has the message type that the factory is registered for, and is only borrowed.
using TransformFactory = absl::StatusOr<std::unique_ptr<ExampleTransform>> (*)(const google::protobuf::Message& config,
                                                                               const TensorType& input,
                                                                               TransformMode mode);
using GeometricTransformFactory = absl::StatusOr<std::unique_ptr<GeometricTransform>> (*)(
    const google::protobuf::Message& config, const ImageInput& input, TransformMode mode);

// Registers for the life of the process; a second registration of a name is a bug. Not thread-safe: static
// initialisation only.
bool RegisterTransform(absl::string_view message_name, TransformFactory factory);
bool RegisterGeometricTransform(absl::string_view message_name, GeometricTransformFactory factory);

// The transform of `config` by its message's name, of whichever kind it is; both null when the mode needs none.
// Thread-safe.
struct MadeTransform {
  std::unique_ptr<ExampleTransform> example;
  std::unique_ptr<GeometricTransform> geometric;
};
absl::StatusOr<MadeTransform> MakeTransform(const google::protobuf::Message& config, const ImageInput& input,
                                            TransformMode mode);

}  // namespace gradus

#define REGISTER_TRANSFORM(message_name, factory) \
  [[maybe_unused]] static const bool gradus_transform_##factory = ::gradus::RegisterTransform(message_name, factory)
#define REGISTER_GEOMETRIC_TRANSFORM(message_name, factory)       \
  [[maybe_unused]] static const bool gradus_transform_##factory = \
      ::gradus::RegisterGeometricTransform(message_name, factory)

#endif  // GRADUS_DATA_TRANSFORM_H_
