// An elementwise function and its derivative over a range of numbers, as a network computes them: one node of a graph,
// its gradient by automatic differentiation, both compiled and run. Functions; thread-safe.
#ifndef GRADUS_EXAMPLES_ACTIVATION_CURVES_H_
#define GRADUS_EXAMPLES_ACTIVATION_CURVES_H_

#include <vector>

#include "absl/status/statusor.h"
#include "examples/svg_plot.h"
#include "proto/layers.pb.h"

namespace gradus {

struct ActivationCurves {
  std::vector<Point> value, slope;  // at `count` equal steps of the range, its ends included
};

// `function`: not NONE; its alpha is the default. At least 2 points. Values are not finite where the function is not.
absl::StatusOr<ActivationCurves> CurvesOf(UnaryFunction function, Range range, int count);

}  // namespace gradus

#endif  // GRADUS_EXAMPLES_ACTIVATION_CURVES_H_
