// All steps of one direction of one recurrent layer. The weights are copied into panels of `kPanel` columns that stay
// in the second cache; each thread owns panels, that is hidden units: it multiplies all examples' states by one and
// takes those units through the step while the products are still in the first cache. Threads meet once a step. The
// gradient by the weights is one product over all steps.
//
// Nothing is allocated, except by oneDNN's product inside. Not for empty tensors: the caller sees to those.
#ifndef GRADUS_OPS_KERNELS_RECURRENT_STEPS_H_
#define GRADUS_OPS_KERNELS_RECURRENT_STEPS_H_

#include <cstdint>

#include "absl/status/status.h"
#include "ops/kernels/recurrent_cells.h"

namespace gradus {

// Tensors as in ops/recurrent.h; null where the cell has none, and gates and inner of the forward pass where nobody
// reads them later but the kernel (they are then scratch memory of the caller's).
struct ForwardTensors {
  const float *x, *w, *h0, *bias, *c0;
  const int32_t* lengths;
  float *y, *h, *gates, *inner, *c;
};
int64_t RunForwardBytes(const RecurrentSizes& sizes, int threads);
void RunForward(const RecurrentSizes& sizes, const ForwardTensors& tensors, void* scratch);

struct BackwardTensors {
  const float *w, *h0, *y, *dy, *dh, *gates, *inner, *c0, *dc;
  const int32_t* lengths;
  float *dx, *dw, *dh0, *db, *dc0;
};
int64_t RunBackwardBytes(const RecurrentSizes& sizes, int threads);
absl::Status RunBackward(const RecurrentSizes& sizes, const BackwardTensors& tensors, void* scratch);

}  // namespace gradus

#endif  // GRADUS_OPS_KERNELS_RECURRENT_STEPS_H_
