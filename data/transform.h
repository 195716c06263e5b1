// What a stream does to a column of each example: normalise, crop, flip. A transform is made from its config message
// for one input type and one mode. Random ones exist in kTrain only; in kEvaluate they give way to their deterministic
// counterpart (a random crop to a centre crop of the same size, a random flip to nothing).
//
// Transforms are registered by the full name of their config message, members of Transform's oneof and extensions
// alike:
//
//   REGISTER_TRANSFORM(acme::Solarize::descriptor()->full_name(), MakeSolarize);
#ifndef GRADUS_DATA_TRANSFORM_H_
#define GRADUS_DATA_TRANSFORM_H_

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/random.h"
#include "core/shape.h"
#include "google/protobuf/message.h"

namespace gradus {

enum class TransformMode { kTrain, kEvaluate };

// Immutable: Apply may be called from several threads at once.
class ExampleTransform {
 public:
  virtual ~ExampleTransform() = default;

  // The type of what Apply writes.
  virtual const TensorType& output() const = 0;

  // Reads one value of the input type, writes one of the output type; they do not overlap. All randomness comes from
  // `random`, which depends on (seed, epoch, index, number of the transform) alone. Must not enter OpenMP.
  virtual void Apply(const uint8_t* in, uint8_t* out, RandomSequence* random) const = 0;
};

// A transform for `input`, null when the mode needs none, or an error that says what is wrong with the config or the
// type. `config` has the message type that the factory is registered for, and is only borrowed.
using TransformFactory = absl::StatusOr<std::unique_ptr<ExampleTransform>> (*)(const google::protobuf::Message& config,
                                                                               const TensorType& input,
                                                                               TransformMode mode);

// Registers for the life of the process; a second registration of a name is a bug. Not thread-safe: static
// initialisation only.
bool RegisterTransform(absl::string_view message_name, TransformFactory factory);

// The transform of `config` by its message's name. Thread-safe.
absl::StatusOr<std::unique_ptr<ExampleTransform>> MakeTransform(const google::protobuf::Message& config,
                                                                const TensorType& input, TransformMode mode);

}  // namespace gradus

#define REGISTER_TRANSFORM(message_name, factory) \
  [[maybe_unused]] static const bool gradus_transform_##factory = ::gradus::RegisterTransform(message_name, factory)

#endif  // GRADUS_DATA_TRANSFORM_H_
