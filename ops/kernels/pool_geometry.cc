#include "ops/kernels/pool_geometry.h"

namespace gradus {

PoolGeometry::PoolGeometry(const Window& window, const Shape& x, const Shape& y) {
  PoolAxis* const axes[3] = {&depth, &height, &width};
  const int rank = window.spatial_rank();
  for (int i = 0; i < rank; ++i) {
    *axes[3 - rank + i] = {x[2 + i], y[2 + i], window.kernel[i], window.stride[i], window.pad_begin[i]};
  }
}

}  // namespace gradus
