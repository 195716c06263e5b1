#include "graph/kernel.h"

#include <utility>

namespace gradus {

Candidate FunctionCandidate(std::string implementation, std::vector<Layout> inputs, std::vector<Layout> outputs,
                            FunctionKernel::Function function, int64_t scratch_bytes) {
  Candidate candidate;
  candidate.implementation = std::move(implementation);
  candidate.inputs = std::move(inputs);
  candidate.outputs = std::move(outputs);
  candidate.scratch_bytes = scratch_bytes;
  candidate.make = [function = std::move(function)]() -> absl::StatusOr<std::unique_ptr<Kernel>> {
    return std::make_unique<FunctionKernel>(function);
  };
  return candidate;
}

}  // namespace gradus
