// Small matrix products on operands as they lie in larger tensors: what our own convolutions are made of. Accumulators
// stay in registers; nothing is packed or copied, so the operands should be in the first two levels of cache.
//
//   C[m, n] = (C[m, n] or bias[n] or 0) + sum over batch b and k of A_b[m, k] B_b[k, n]
//
// The vectors lie along n, which is contiguous in B and C; the last one overlaps the one before where the width does
// not divide n. Pure functions; thread-safe.
#ifndef GRADUS_OPS_KERNELS_TILE_GEMM_H_
#define GRADUS_OPS_KERNELS_TILE_GEMM_H_

#include <cstdint>

namespace gradus {

// Sizes and strides in elements.
struct TileGemm {
  int64_t m, n, k;
  int64_t a_m, a_k;  // from A[m, k] to A[m + 1, k] and to A[m, k + 1]
  int64_t b_k;       // from B[k, n] to B[k + 1, n]
  int64_t c_m;       // from C[m, n] to C[m + 1, n]
  // From a block of eight columns of B or C to the next, where they lie apart (nChw8c); n is whole blocks then. Else 0.
  int64_t b_block = 0, c_block = 0;
  // Where A_b and B_b begin; null: there is one batch, at 0.
  int64_t batches = 1;
  const int64_t* a_batch = nullptr;
  const int64_t* b_batch = nullptr;
};

inline constexpr int64_t kTileGemmLeastN = 4;  // n is at least this

// C = bias + sum; zeros for a null bias.
void SetProduct(const TileGemm& gemm, const float* a, const float* b, const float* bias, float* c);

// C += sum.
void AddProduct(const TileGemm& gemm, const float* a, const float* b, float* c);

// Floats in a vector of the instruction set that oneDNN may use too (ONEDNN_MAX_CPU_ISA limits both): 16, 8 or 4.
int VectorWidth();

}  // namespace gradus

#endif  // GRADUS_OPS_KERNELS_TILE_GEMM_H_
