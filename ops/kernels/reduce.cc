#include "ops/reduce.h"

#include <vector>

#include "absl/status/statusor.h"
#include "graph/kernel.h"
#include "ops/kernels/reduction.h"

namespace gradus {
namespace {

absl::StatusOr<std::vector<Candidate>> ReduceCandidates(const KernelContext& context) {
  const auto& attrs = context.attrs<ReduceAttrs>();
  return ReductionCandidates(context, attrs.function, KeepDims(context.input_type(0).shape, attrs.axes));
}

REGISTER_KERNEL(Reduce, ReduceCandidates);

}  // namespace
}  // namespace gradus
