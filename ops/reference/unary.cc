#include "ops/unary.h"

#include "graph/reference.h"

namespace gradus {
namespace {

absl::Status UnaryReference(ReferenceContext& context) {
  const auto& attrs = context.attrs<UnaryAttrs>();
  const UnaryRow& row = *FindUnary(attrs.function);
  for (size_t i = 0; i < context.out(0).size(); ++i) context.out(0)[i] = row.value(context.in(0)[i], attrs.alpha);
  return absl::OkStatus();
}

absl::Status UnaryBackwardReference(ReferenceContext& context) {
  const auto& attrs = context.attrs<UnaryAttrs>();
  const UnaryRow& row = *FindUnary(attrs.function);
  for (size_t i = 0; i < context.out(0).size(); ++i) {
    context.out(0)[i] = context.in(1)[i] * row.slope(context.in(0)[i], attrs.alpha);
  }
  return absl::OkStatus();
}

REGISTER_REFERENCE(Unary, UnaryReference);
REGISTER_REFERENCE(UnaryBackward, UnaryBackwardReference);

}  // namespace
}  // namespace gradus
