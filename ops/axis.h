// Axes as users write them: negative ones count from the last.
#ifndef GRADUS_OPS_AXIS_H_
#define GRADUS_OPS_AXIS_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "graph/layer.h"

namespace gradus {

// The axis of `x` that the field says, counted from the first; an error at the field when x has no such axis.
absl::StatusOr<int> ResolveAxis(const LayerContext& context, absl::string_view field, int64_t axis,
                                const TensorType& x);

}  // namespace gradus

#endif  // GRADUS_OPS_AXIS_H_
