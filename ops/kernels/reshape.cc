// What remains of views where the plan cannot use their input's memory: copies of bytes.
#include <vector>

#include "absl/status/statusor.h"
#include "graph/kernel.h"
#include "ops/kernels/copy.h"

namespace gradus {
namespace {

absl::StatusOr<std::vector<Candidate>> ReshapeCandidates(const KernelContext& context) {
  return std::vector<Candidate>{
      BytesCandidate(Layout::Plain(context.input_type(0)), Layout::Plain(context.output_type(0)))};
}

absl::StatusOr<std::vector<Candidate>> StopGradientCandidates(const KernelContext& context) {
  return std::vector<Candidate>{BytesCandidate(context.inputs[0], context.inputs[0])};
}

REGISTER_KERNEL(Reshape, ReshapeCandidates);
REGISTER_KERNEL(StopGradient, StopGradientCandidates);

}  // namespace
}  // namespace gradus
