#include "ops/dropout.h"

#include "graph/reference.h"

namespace gradus {
namespace {

absl::Status DropoutReference(ReferenceContext& context) {
  const auto& attrs = context.attrs<DropoutAttrs>();
  const DropoutNumbers numbers(attrs, context.state);
  for (size_t i = 0; i < context.out(0).size(); ++i) {
    const uint32_t number = numbers.Block(static_cast<int64_t>(i / 4))[i % 4];
    context.out(0)[i] = number < numbers.threshold ? 0 : context.in(0)[i] / (1 - attrs.rate);
  }
  return absl::OkStatus();
}

}  // namespace

REGISTER_REFERENCE(Dropout, DropoutReference);

}  // namespace gradus
