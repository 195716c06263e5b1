#include "data/transform_chain.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/check.h"
#include "core/random.h"
#include "data/chosen_member.h"

namespace gradus {
namespace {

absl::StatusOr<std::unique_ptr<ExampleTransform>> MakeChosen(const Transform& transform, const TensorType& input,
                                                             TransformMode mode) {
  const absl::StatusOr<const google::protobuf::Message*> config = ChosenMember(transform, "transform");
  if (!config.ok()) return config.status();
  absl::StatusOr<std::unique_ptr<ExampleTransform>> made = MakeTransform(**config, input, mode);
  if (made.ok()) return made;
  return absl::Status(made.status().code(),
                      absl::StrCat((*config)->GetDescriptor()->name(), ": ", made.status().message()));
}

}  // namespace

absl::StatusOr<TransformChain> TransformChain::Make(const google::protobuf::RepeatedPtrField<Transform>& transforms,
                                                    const Column& column, TransformMode mode) {
  TransformChain chain;
  chain.output_ = column.type;
  for (int i = 0; i < transforms.size(); ++i) {
    if (transforms[i].column() != column.name) continue;
    absl::StatusOr<std::unique_ptr<ExampleTransform>> made = MakeChosen(transforms[i], chain.output_, mode);
    if (!made.ok()) {
      return absl::Status(made.status().code(),
                          absl::StrCat("transform ", i, " of column '", column.name, "': ", made.status().message()));
    }
    if (*made == nullptr) continue;
    chain.buffer_bytes_ = std::max(chain.buffer_bytes_, chain.output_.bytes());
    chain.output_ = (*made)->output();
    chain.steps_.push_back({*std::move(made), absl::StrCat("transform/", i)});
  }
  return chain;
}

void TransformChain::Apply(uint64_t seed, ExamplePlace place, uint8_t* buffer, uint8_t* other_buffer,
                           uint8_t* out) const {
  GRADUS_CHECK(!empty());
  constexpr int kIndexBits = 40;  // more examples than any data set has; the epoch takes the bits above
  const uint64_t substream = (static_cast<uint64_t>(place.epoch) << kIndexBits) ^ static_cast<uint64_t>(place.index);
  for (size_t i = 0; i < steps_.size(); ++i) {
    RandomSequence random(seed, steps_[i].random_name, substream);
    steps_[i].transform->Apply(buffer, i + 1 == steps_.size() ? out : other_buffer, &random);
    std::swap(buffer, other_buffer);
  }
}

}  // namespace gradus
