#include "ops/kernels/tile_gemm.h"

#include <oneapi/dnnl/dnnl.h>

#include <algorithm>
#include <cstring>

#include "ops/kernels/multiversion.h"

namespace gradus {
namespace {

// A vector of W floats. Functions over it are inlined into one that is compiled for an instruction set that has it.
template <int W>
struct VectorOf {
  typedef float Type __attribute__((vector_size(W * sizeof(float))));
};
template <int W>
using Vector = typename VectorOf<W>::Type;

constexpr int64_t kOneBatch[] = {0};
constexpr int kMostColumns = 4;  // vectors of C side by side
constexpr int64_t kBlock = 8;    // columns of B and C in a block

struct Operands {
  const float* a;
  const float* b;
  const float* bias;  // what C starts with; null: zeros
  float* c;
  bool add;  // to what C holds
};

// Where the vectors of a panel begin in the bias and in a row of B and of C.
struct Offsets {
  int64_t bias[kMostColumns], b[kMostColumns], c[kMostColumns];
};

// One tile of C in Rows x Columns registers.
template <int W, int Rows, int Columns>
GRADUS_INLINE void Tile(const TileGemm& gemm, const Operands& operands, const Offsets& offsets) {
  Vector<W> sum[Rows][Columns];
#pragma GCC unroll 4
  for (int column = 0; column < Columns; ++column) {
    Vector<W> start{};
    if (operands.bias != nullptr) std::memcpy(&start, operands.bias + offsets.bias[column], sizeof start);
      // Unrolled, or the compiler clears the array in memory, which takes as long as many products.
#pragma GCC unroll 16
    for (int row = 0; row < Rows; ++row) sum[row][column] = start;
  }
  for (int64_t batch = 0; batch < gemm.batches; ++batch) {
    const float* a = operands.a + gemm.a_batch[batch];
    const float* b = operands.b + gemm.b_batch[batch];
    for (int64_t k = 0; k < gemm.k; ++k, a += gemm.a_k, b += gemm.b_k) {
      Vector<W> right[Columns];
#pragma GCC unroll 4
      for (int column = 0; column < Columns; ++column)
        std::memcpy(&right[column], b + offsets.b[column], sizeof(right[0]));
#pragma GCC unroll 16
      for (int row = 0; row < Rows; ++row) {
        const float left = a[row * gemm.a_m];
#pragma GCC unroll 4
        for (int column = 0; column < Columns; ++column) sum[row][column] += left * right[column];
      }
    }
  }
#pragma GCC unroll 16
  for (int row = 0; row < Rows; ++row) {
    float* const c = operands.c + row * gemm.c_m;
    if (operands.add) {
#pragma GCC unroll 4
      for (int column = 0; column < Columns; ++column) {
        Vector<W> old;
        std::memcpy(&old, c + offsets.c[column], sizeof(old));
        sum[row][column] += old;
      }
    }
#pragma GCC unroll 4
    for (int column = 0; column < Columns; ++column)
      std::memcpy(c + offsets.c[column], &sum[row][column], sizeof(sum[0][0]));
  }
}

// A tile with `rows` <= Most rows.
template <int W, int Columns, int Most>
GRADUS_INLINE void TileOfRows(int rows, const TileGemm& gemm, const Operands& operands, const Offsets& offsets) {
  if (rows == Most) {
    Tile<W, Most, Columns>(gemm, operands, offsets);
  } else if constexpr (Most > 1) {
    TileOfRows<W, Columns, Most - 1>(rows, gemm, operands, offsets);
  }
}

// All rows, in tiles of about equal size.
template <int W, int Columns, int Most>
GRADUS_INLINE void AllRows(const TileGemm& gemm, const Operands& operands, const Offsets& offsets) {
  const int64_t tiles = (gemm.m + Most - 1) / Most;
  for (int64_t tile = 0; tile < tiles; ++tile) {
    const int64_t begin = gemm.m * tile / tiles, end = gemm.m * (tile + 1) / tiles;
    Operands part = operands;
    part.a += begin * gemm.a_m;
    part.c += begin * gemm.c_m;
    TileOfRows<W, Columns, Most>(static_cast<int>(end - begin), gemm, part, offsets);
  }
}

// All columns, in panels of at most four vectors. R1 to R4: rows whose accumulators fit the registers beside so many
// vectors of B.
template <int W, int R1, int R2, int R3, int R4>
GRADUS_INLINE void AllColumns(const TileGemm& gemm, const Operands& operands) {
  const int64_t vectors = (gemm.n + W - 1) / W, panels = (vectors + kMostColumns - 1) / kMostColumns;
  for (int64_t panel = 0; panel < panels; ++panel) {
    const int64_t begin = vectors * panel / panels, end = vectors * (panel + 1) / panels;
    Offsets offsets;
    for (int64_t vector = begin; vector < end; ++vector) {
      const int64_t at = std::min(vector * W, gemm.n - W);
      const int64_t block = at / kBlock, lane = at % kBlock;
      offsets.bias[vector - begin] = at;
      offsets.b[vector - begin] = gemm.b_block == 0 ? at : block * gemm.b_block + lane;
      offsets.c[vector - begin] = gemm.c_block == 0 ? at : block * gemm.c_block + lane;
    }
    switch (end - begin) {
      case 1:
        AllRows<W, 1, R1>(gemm, operands, offsets);
        break;
      case 2:
        AllRows<W, 2, R2>(gemm, operands, offsets);
        break;
      case 3:
        AllRows<W, 3, R3>(gemm, operands, offsets);
        break;
      default:
        AllRows<W, 4, R4>(gemm, operands, offsets);
    }
  }
}

#if defined(__x86_64__) && defined(__GNUC__)
__attribute__((target("arch=x86-64-v4"))) void Multiply16(const TileGemm& gemm, const Operands& operands) {
  AllColumns<16, 12, 12, 8, 6>(gemm, operands);
}
__attribute__((target("arch=x86-64-v3"))) void Multiply8(const TileGemm& gemm, const Operands& operands) {
  AllColumns<8, 8, 6, 4, 3>(gemm, operands);
}
__attribute__((target("arch=x86-64-v3"))) void Multiply4Fused(const TileGemm& gemm, const Operands& operands) {
  AllColumns<4, 8, 6, 4, 3>(gemm, operands);
}
#endif
void Multiply4(const TileGemm& gemm, const Operands& operands) { AllColumns<4, 8, 6, 4, 3>(gemm, operands); }

void Multiply(TileGemm gemm, const Operands& operands) {
  if (gemm.a_batch == nullptr) gemm.a_batch = kOneBatch;
  if (gemm.b_batch == nullptr) gemm.b_batch = kOneBatch;
#if defined(__x86_64__) && defined(__GNUC__)
  const int width = VectorWidth();
  if (width >= 16 && gemm.n >= 16 && gemm.b_block == 0 && gemm.c_block == 0) return Multiply16(gemm, operands);
  if (width >= 8) return gemm.n >= 8 ? Multiply8(gemm, operands) : Multiply4Fused(gemm, operands);
#endif
  Multiply4(gemm, operands);
}

}  // namespace

void SetProduct(const TileGemm& gemm, const float* a, const float* b, const float* bias, float* c) {
  Multiply(gemm, {a, b, bias, c, false});
}

void AddProduct(const TileGemm& gemm, const float* a, const float* b, float* c) {
  Multiply(gemm, {a, b, nullptr, c, true});
}

int VectorWidth() {
#if defined(__x86_64__) && defined(__GNUC__)
  static const int width = [] {
    const auto has = [](dnnl_cpu_isa_t isa) { return (dnnl_get_effective_cpu_isa() & isa) == isa; };
    return has(dnnl_cpu_isa_avx512_core) ? 16 : has(dnnl_cpu_isa_avx2) ? 8 : 4;
  }();
  return width;
#else
  return 4;
#endif
}

}  // namespace gradus
