// Whether gradients are right: AddGradients against central differences, both in float64 through EvaluateReference.
//
// For L = sum_i <dys[i], ys[i]> and each wanted tensor, sampled elements and one random direction are moved a little,
// and the change of L is compared with what the gradient promises. A central difference of fourth order (Richardson's)
// of steps h and h/2 is used. Where that disagrees with the gradient and the differences also disagree with each other,
// there is a kink within h (ReLU's at 0, two candidates for a maximum): the step is made smaller, then another point is
// drawn.
//
// The error of a probe is |analytic - numeric| beyond rounding, relative to the largest of |analytic|, |numeric| and
// the root mean square of the tensor's gradient: an element whose own gradient is a millionth of its neighbours' is not
// judged by its last digit.
#ifndef GRADUS_GRAPH_GRADIENT_CHECK_H_
#define GRADUS_GRAPH_GRADIENT_CHECK_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "graph/gradient.h"
#include "graph/graph.h"
#include "graph/reference.h"

namespace gradus {

struct GradientCheckOptions {
  int elements = 20;         // sampled from each tensor; all of a smaller one
  double tolerance = 1e-6;   // of a probe's error
  uint64_t seed = 1;         // of the sampled elements and directions
  RunState state;            // what random operations see
  GradientOptions gradient;  // rules to use
};

// One comparison.
struct GradientProbe {
  int64_t element = -1;  // row-major; -1: along the random direction
  double analytic = 0, numeric = 0;
  double error = 0;       // beyond what rounding explains; what is judged
  double difference = 0;  // relative, rounding included; what people are shown
};

struct TensorGradientCheck {
  std::string name;  // of the Input node or variable
  Shape shape;
  GradientProbe worst;
  int probes = 0;  // compared
  int kinks = 0;   // given up: no smooth neighbourhood

  // "conv1/weights f32 [20, 1, 5, 5]: element 17 = [0, 0, 3, 2]: analytic 0.25, numeric 0.5, relative error 0.5".
  // The error is the relative difference, rounding included.
  std::string ToString() const;
};

struct GradientReport {
  std::vector<TensorGradientCheck> tensors;  // in the order of `wrt`
  double tolerance = 0;

  double worst_error() const;  // beyond rounding
  // Every tensor with elements was compared somewhere, and every error is within the tolerance.
  bool ok() const;
  std::string ToString() const;  // a line for each tensor
};

// Adds gradients to `graph` and compares. ys: f32 values; dys: as in AddGradients; wrt: f32 Input nodes and variables,
// with `feeds` for these and all else that is read.
absl::StatusOr<GradientReport> CheckGradients(Graph* graph, absl::Span<const Value> ys, absl::Span<const Value> dys,
                                              absl::Span<const Value> wrt, const ReferenceFeeds& feeds,
                                              const GradientCheckOptions& options = {});

// "[0, 2, 1]": where the element is that has so many before it in row-major order.
std::string IndexText(const Shape& shape, int64_t element);

}  // namespace gradus

#endif  // GRADUS_GRAPH_GRADIENT_CHECK_H_
