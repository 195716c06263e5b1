// The products of fully connected layers, for batches that are small beside the weights: what costs is to bring the
// weights near, once, and never to meet the same cache sets because rows are a power of two apart. All matrices are
// row-major: x[batch, inputs], w[units, inputs], y[batch, units].
//
// Forward keeps the batch in vectors: panels of x transposed, [inputs, 16], against rows of w as they lie. Backward
// copies blocks of w into panels of 24 columns while it multiplies with the block before. Sums run in the same order
// for any number of threads. Scratch memory is the caller's. Thread-safe.
#ifndef GRADUS_OPS_KERNELS_DENSE_PRODUCTS_H_
#define GRADUS_OPS_KERNELS_DENSE_PRODUCTS_H_

#include <cstdint>

namespace gradus {

struct DenseSizes {
  int64_t batch, inputs, units;
};

// y = x w^T + bias (null: none).
int64_t DenseForwardBytes(const DenseSizes& sizes);
void DenseForward(const DenseSizes& sizes, const float* x, const float* w, const float* bias, float* y, void* scratch);

// dx = dy w.
int64_t DenseBackwardDataBytes(const DenseSizes& sizes, int threads);
void DenseBackwardData(const DenseSizes& sizes, const float* dy, const float* w, float* dx, void* scratch);

}  // namespace gradus

#endif  // GRADUS_OPS_KERNELS_DENSE_PRODUCTS_H_
