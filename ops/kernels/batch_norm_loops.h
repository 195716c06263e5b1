// The innermost loops of batch norm: over neighbours in memory whose channels repeat, element i being of the channel
// that entry i % period of a table says. A layout with few lanes repeats its table until it is long enough for vector
// code, so the same loops serve every layout. Thread-safe.
#ifndef GRADUS_OPS_KERNELS_BATCH_NORM_LOOPS_H_
#define GRADUS_OPS_KERNELS_BATCH_NORM_LOOPS_H_

#include <cstdint>

namespace gradus {

// sum[i % period] += x[i], square[i % period] += x[i]^2: in double, so that a large mean costs the variance nothing.
void AddSquares(const float* x, int64_t n, int64_t period, double* sum, double* square);

// The normalisation: (x - mean) factor + shift. Tables of `period` entries.
struct NormaliseTables {
  const float *mean, *factor, *shift;
};

// What becomes of it: y = relu(normal + residual). No residual: null.
struct NormaliseThen {
  const float* residual;
  bool relu;
};
void Normalise(const float* x, int64_t n, int64_t period, const NormaliseTables& tables, const NormaliseThen& then,
               float* y);  // y may be x or the residual

// g is dy or, with `relu`, dy where the normalisation of x is above 0 and 0 elsewhere: bit for bit where Normalise
// gives more than 0.

// sum[i % period] += g[i], product[i % period] += g[i] x[i].
void AddProducts(const float* dy, const float* x, int64_t n, int64_t period, const NormaliseTables& tables, bool relu,
                 double* sum, double* product);

// dx = factor g - slope (x - mean) - offset; dx may be dy.
struct BackwardTables {
  NormaliseTables normalise;
  const float *slope, *offset;
};
void NormaliseBackward(const float* x, const float* dy, int64_t n, int64_t period, const BackwardTables& tables,
                       bool relu, float* dx);

}  // namespace gradus

#endif  // GRADUS_OPS_KERNELS_BATCH_NORM_LOOPS_H_
