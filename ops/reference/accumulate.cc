#include "graph/reference.h"

namespace gradus {
namespace {

absl::Status AccumulateReference(ReferenceContext& context) {
  for (size_t i = 0; i < context.out(0).size(); ++i) {
    context.out(0)[i] = (context.state.micro_step == 0 ? 0 : context.in(0)[i]) + context.in(1)[i];
  }
  return absl::OkStatus();
}

}  // namespace

REGISTER_REFERENCE(Accumulate, AccumulateReference);

}  // namespace gradus
