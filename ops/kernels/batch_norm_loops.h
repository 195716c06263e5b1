// The innermost loops of batch norm: over neighbours in memory whose channels repeat, element i being of the channel
// that entry i % period of a table says. A layout with few lanes repeats its table until it is long enough for vector
// code, so the same loops serve every layout. Thread-safe.
#ifndef GRADUS_OPS_KERNELS_BATCH_NORM_LOOPS_H_
#define GRADUS_OPS_KERNELS_BATCH_NORM_LOOPS_H_

#include <cstdint>

namespace gradus {

// sum[i % period] += x[i], square[i % period] += x[i]^2: in double, so that a large mean costs the variance nothing.
void AddSquares(const float* x, int64_t n, int64_t period, double* sum, double* square);

// sum[i % period] += x[i], product[i % period] += x[i] y[i].
void AddProducts(const float* x, const float* y, int64_t n, int64_t period, double* sum, double* product);

// y = (x - mean) factor + shift; y may be x. Tables of `period` entries.
struct NormaliseTables {
  const float *mean, *factor, *shift;
};
void Normalise(const float* x, int64_t n, int64_t period, const NormaliseTables& tables, float* y);

// dx = factor dy - slope (x - mean) - offset; dx may be dy.
struct BackwardTables {
  const float *mean, *factor, *slope, *offset;
};
void NormaliseBackward(const float* x, const float* dy, int64_t n, int64_t period, const BackwardTables& tables,
                       float* dx);

}  // namespace gradus

#endif  // GRADUS_OPS_KERNELS_BATCH_NORM_LOOPS_H_
