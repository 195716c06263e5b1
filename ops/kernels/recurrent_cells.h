// What happens to each hidden unit in one step of a recurrent layer, between the products of the states with their
// weights. For a range of units of all examples. Called by several threads, each with units of its own.
#ifndef GRADUS_OPS_KERNELS_RECURRENT_CELLS_H_
#define GRADUS_OPS_KERNELS_RECURRENT_CELLS_H_

#include <cstdint>

#include "ops/recurrent.h"

namespace gradus {

// One direction of one layer. Names as in ops/recurrent.h.
struct RecurrentSizes {
  int64_t batch, steps, units, gates;
  RecurrentAttrs attrs;
};

// All pointers are to whole tensors; `t` is the step. Those that a cell does not have are null.
struct ForwardStep {
  int64_t t;
  const float* x;
  // The states before the step times the weights: of example n, gate g and unit `first` + i at
  // products[n product_row + g product_gate + i].
  const float* products;
  int64_t product_row, product_gate;
  const float* bias;
  const int32_t* lengths;
  const float* h;  // f32[N, H] before the step
  float* h_next;
  float* c;  // f32[N, H], changed in place
  float *y, *gates, *inner;
};

// Units [first, end). `gates` may be `x`.
void StepForward(const RecurrentSizes& sizes, const ForwardStep& step, int64_t first, int64_t end);

struct BackwardStep {
  int64_t t;
  const float *dy, *y, *gates, *inner, *h0, *c0;
  const int32_t* lengths;
  // The gradient by the states behind the step: of example n and unit `first` + i at dh[n dh_row + i].
  const float* dh;
  int64_t dh_row;
  float* direct;    // f32[N, H]: by the states before the step, what does not go through the weights
  float* dc;        // f32[N, H], changed in place
  float* dx;        // f32[N, T, G H]
  float* dq;        // f32[N, T, H]: by the products of the last gate, where they are not dx (kGru)
  float* previous;  // f32[N, T, H]: the states before the step
};

// Units [first, end). `dx` may be `gates`.
void StepBackward(const RecurrentSizes& sizes, const BackwardStep& step, int64_t first, int64_t end);

}  // namespace gradus

#endif  // GRADUS_OPS_KERNELS_RECURRENT_CELLS_H_
