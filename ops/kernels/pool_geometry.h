// Where the windows of a pooling lie: index arithmetic for each of three spatial dimensions (missing ones have size 1).
// Values.
#ifndef GRADUS_OPS_KERNELS_POOL_GEOMETRY_H_
#define GRADUS_OPS_KERNELS_POOL_GEOMETRY_H_

#include <algorithm>
#include <cstdint>

#include "core/shape.h"
#include "ops/window.h"

namespace gradus {

// One dimension. Window o covers the input from o * stride - pad on, `kernel` elements, those outside [0, in) not
// counted.
struct PoolAxis {
  int64_t in = 1, out = 1, kernel = 1, stride = 1, pad = 0;

  int64_t Start(int64_t o) const { return o * stride - pad; }

  // The taps [FirstTap, EndTap) of window o lie inside the input.
  int64_t FirstTap(int64_t o) const { return std::max<int64_t>(0, -Start(o)); }
  int64_t EndTap(int64_t o) const { return std::min(kernel, in - Start(o)); }

  // Calls body(o, count) for the windows of [begin, end) in runs: o, o + 1, ... have the same taps inside the input.
  template <typename Body>
  void ForEachRun(int64_t begin, int64_t end, const Body& body) const {
    for (int64_t o = begin, next; o < end; o = next) {
      next = o + 1;
      while (next < end && FirstTap(next) == FirstTap(o) && EndTap(next) == EndTap(o)) ++next;
      body(o, next - o);
    }
  }
};

// The place of a window (or element) in each dimension.
struct PoolPlace {
  int64_t depth, height, width;
};

struct PoolGeometry {
  PoolGeometry(const Window& window, const Shape& x, const Shape& y);

  PoolAxis depth, height, width;

  int64_t inputs() const { return depth.in * height.in * width.in; }
  int64_t outputs() const { return depth.out * height.out * width.out; }
  int64_t taps() const { return depth.kernel * height.kernel * width.kernel; }
};

}  // namespace gradus

#endif  // GRADUS_OPS_KERNELS_POOL_GEOMETRY_H_
