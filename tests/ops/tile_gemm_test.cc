// The product of small matrices against plain loops, for all sizes around those of its tiles.
#include "ops/kernels/tile_gemm.h"

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace gradus {
namespace {

constexpr float kUntouched = 12345;

// Whole numbers, so that sums are exact in any order.
std::vector<float> Numbers(int64_t count, int64_t seed) {
  std::vector<float> numbers(count);
  for (int64_t i = 0; i < count; ++i) numbers[i] = static_cast<float>((i * 7 + seed * 13) % 11 - 5);
  return numbers;
}

// Three batches, rows of all operands apart, guarded by untouched elements.
class Product {
 public:
  Product(int64_t m, int64_t n, int64_t k) {
    gemm_.m = m, gemm_.n = n, gemm_.k = k;
    gemm_.a_m = k + 1, gemm_.a_k = 1;
    gemm_.b_k = n + 3, gemm_.c_m = n + 2;
    a_offset_ = {0, m * gemm_.a_m, 5};
    b_offset_ = {k * gemm_.b_k, 0, 1};
    gemm_.batches = 3;
    gemm_.a_batch = a_offset_.data();
    gemm_.b_batch = b_offset_.data();
    a_ = Numbers(2 * m * gemm_.a_m + 5, 1);
    b_ = Numbers(2 * k * gemm_.b_k + 1, 2);
    bias_ = Numbers(n, 3);
  }

  std::vector<float> Expected(bool add, bool bias) const {
    std::vector<float> c = Start();
    for (int64_t i = 0; i < gemm_.m; ++i) {
      for (int64_t j = 0; j < gemm_.n; ++j) {
        float& sum = c[i * gemm_.c_m + j];
        if (!add) sum = bias ? bias_[j] : 0;
        for (int64_t batch = 0; batch < gemm_.batches; ++batch) {
          for (int64_t p = 0; p < gemm_.k; ++p) {
            sum += a_[a_offset_[batch] + i * gemm_.a_m + p * gemm_.a_k] * b_[b_offset_[batch] + p * gemm_.b_k + j];
          }
        }
      }
    }
    return c;
  }

  std::vector<float> Run(bool add, bool bias) const {
    std::vector<float> c = Start();
    if (add) {
      AddProduct(gemm_, a_.data(), b_.data(), c.data());
    } else {
      SetProduct(gemm_, a_.data(), b_.data(), bias ? bias_.data() : nullptr, c.data());
    }
    return c;
  }

 private:
  std::vector<float> Start() const { return std::vector<float>(gemm_.m * gemm_.c_m, kUntouched); }

  TileGemm gemm_;
  std::vector<int64_t> a_offset_, b_offset_;
  std::vector<float> a_, b_, bias_;
};

TEST(TileGemmTest, EqualsPlainLoops) {
  for (int64_t m : {1, 2, 3, 5, 6, 7, 8, 12, 13, 25, 50}) {
    for (int64_t n : {4, 5, 7, 8, 9, 15, 16, 17, 20, 31, 32, 33, 48, 50, 64, 65, 80, 100, 130}) {
      for (int64_t k : {1, 2, 9}) {
        const Product product(m, n, k);
        const std::string sizes = absl::StrCat(m, " x ", n, " x ", k);
        EXPECT_EQ(product.Run(false, false), product.Expected(false, false)) << sizes;
        EXPECT_EQ(product.Run(false, true), product.Expected(false, true)) << sizes << " with bias";
        EXPECT_EQ(product.Run(true, false), product.Expected(true, false)) << sizes << " added";
      }
    }
  }
}

// B in blocks of eight columns is what contiguous rows are.
TEST(TileGemmTest, ReadsBlocks) {
  for (int64_t m : {1, 5, 6, 13}) {
    for (int64_t n : {8, 16, 24, 40, 64}) {
      constexpr int64_t kDepth = 5;
      TileGemm gemm;
      gemm.m = m, gemm.n = n, gemm.k = kDepth;
      gemm.a_m = kDepth, gemm.a_k = 1, gemm.b_k = n, gemm.c_m = n;
      const std::vector<float> a = Numbers(m * kDepth, 1), b = Numbers(kDepth * n, 2), bias = Numbers(n, 3);
      std::vector<float> blocks((kDepth + 1) * n, kUntouched), c(m * n), expected(m * n);
      SetProduct(gemm, a.data(), b.data(), bias.data(), expected.data());
      gemm.b_k = 8, gemm.b_block = (kDepth + 1) * 8;
      for (int64_t k = 0; k < kDepth; ++k) {
        for (int64_t j = 0; j < n; ++j) blocks[j / 8 * gemm.b_block + k * 8 + j % 8] = b[k * n + j];
      }
      SetProduct(gemm, a.data(), blocks.data(), bias.data(), c.data());
      EXPECT_EQ(c, expected) << m << " x " << n;
    }
  }
}

// C in blocks of eight columns gets what contiguous rows get.
TEST(TileGemmTest, WritesBlocks) {
  for (int64_t m : {1, 5, 6, 13}) {
    for (int64_t n : {8, 16, 24, 40, 64}) {
      TileGemm gemm;
      gemm.m = m, gemm.n = n, gemm.k = 5;
      gemm.a_m = 5, gemm.a_k = 1, gemm.b_k = n, gemm.c_m = n;
      const std::vector<float> a = Numbers(m * 5, 1), b = Numbers(5 * n, 2), bias = Numbers(n, 3);
      std::vector<float> rows(m * n), blocks((m + 1) * n, kUntouched), expected(blocks);
      SetProduct(gemm, a.data(), b.data(), bias.data(), rows.data());
      AddProduct(gemm, a.data(), b.data(), rows.data());
      gemm.c_m = 8, gemm.c_block = (m + 1) * 8;
      SetProduct(gemm, a.data(), b.data(), bias.data(), blocks.data());
      AddProduct(gemm, a.data(), b.data(), blocks.data());
      for (int64_t i = 0; i < m; ++i) {
        for (int64_t j = 0; j < n; ++j) expected[j / 8 * gemm.c_block + i * 8 + j % 8] = rows[i * n + j];
      }
      EXPECT_EQ(blocks, expected) << m << " x " << n;
    }
  }
}

TEST(TileGemmTest, KnowsItsVectors) {
  const int width = VectorWidth();
  EXPECT_TRUE(width == 4 || width == 8 || width == 16) << width;
}

}  // namespace
}  // namespace gradus
