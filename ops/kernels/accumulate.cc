#include "core/parallel.h"
#include "graph/kernel.h"

namespace gradus {
namespace {

absl::StatusOr<std::vector<Candidate>> AccumulateCandidates(const KernelContext& context) {
  const Layout& layout = context.flexible[0] ? context.inputs[1] : context.inputs[0];
  const int64_t elements = layout.stored_elements();
  auto run = [elements](const Buffers& buffers) {
    const float* sum = buffers.in<float>(0);
    const float* gradient = buffers.in<float>(1);
    float* out = buffers.out<float>(0);
    const float keep = buffers.state->micro_step == 0 ? 0.0f : 1.0f;
    ParallelFor(elements, 1 << 15, [=](int64_t begin, int64_t end) {
      if (keep == 0) {  // a sum from an earlier step is not even read: it may be anything
        for (int64_t i = begin; i < end; ++i) out[i] = gradient[i];
      } else {
        for (int64_t i = begin; i < end; ++i) out[i] = sum[i] + gradient[i];
      }
    });
    return absl::OkStatus();
  };
  return std::vector<Candidate>{FunctionCandidate("gradus:loop", {layout, layout}, {layout}, run)};
}

}  // namespace

REGISTER_KERNEL(Accumulate, AccumulateCandidates);

}  // namespace gradus
