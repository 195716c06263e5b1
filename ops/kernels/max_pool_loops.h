// The inner loops of max pooling, compiled for several instruction sets. What is long here lies in lanes: numbers next
// to each other in memory, one for each channel (or, in plain layouts, one for each window of a row).
#ifndef GRADUS_OPS_KERNELS_MAX_POOL_LOOPS_H_
#define GRADUS_OPS_KERNELS_MAX_POOL_LOOPS_H_

#include <cstdint>

#include "ops/kernels/pool_geometry.h"

namespace gradus {

// The taps of a window that lie inside x: where (offsets from the window's beginning) and which.
struct PoolTaps {
  static constexpr int kMost = 32;
  int count = 0;
  int64_t offset[kMost];
  uint8_t number[kMost];
};

// A rectangle of windows with the same taps. In y the next window lies `lanes` on.
struct PoolRun {
  int64_t rows, count;
  int64_t x_row_step, x_step;  // in x, from a window to the one below and to the next
  int64_t y_row_step;
  int64_t lanes;
};

// y[i, l] = max over t of x[i, offset[t] + l], for each window i of the run and lane l; argmax[i, l] = the number of
// the first tap with that value, not written when null.
void MaxOfTaps(const PoolTaps& taps, const PoolRun& run, const float* x, float* y, uint8_t* argmax);

// dx[i, offset[t] + l] += dy[i, l] for the tap whose number is argmax[i, l]. Without `add` all taps are written, 0
// where they are not meant: for windows that share no element.
void SpreadToTaps(const PoolTaps& taps, const PoolRun& run, bool add, const float* dy, const uint8_t* argmax,
                  float* dx);

// One window of any size. x is a whole channel [positions, lanes]. With Index int32_t, argmax says the place in x
// instead of the tap's number; not written when null.
void MaxOfWindow(const PoolGeometry& geometry, PoolPlace o, const float* x, int64_t lanes, float* y, uint8_t* argmax);
void MaxOfWindow(const PoolGeometry& geometry, PoolPlace o, const float* x, int64_t lanes, float* y, int32_t* argmax);

}  // namespace gradus

#endif  // GRADUS_OPS_KERNELS_MAX_POOL_LOOPS_H_
