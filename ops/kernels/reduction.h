// Sums, means and maxima over axes: the kernel of Reduce and of SumTo.
#ifndef GRADUS_OPS_KERNELS_REDUCTION_H_
#define GRADUS_OPS_KERNELS_REDUCTION_H_

#include <vector>

#include "absl/status/statusor.h"
#include "core/shape.h"
#include "graph/kernel.h"
#include "proto/layers.pb.h"

namespace gradus {

// Candidates for a node whose output, seen as `kept`, broadcasts to its input 0: it is reduced along the axes that
// stretch. Accumulates in float64.
absl::StatusOr<std::vector<Candidate>> ReductionCandidates(const KernelContext& context, Reduce::Function function,
                                                           const Shape& kept);

}  // namespace gradus

#endif  // GRADUS_OPS_KERNELS_REDUCTION_H_
