#include "ops/kernels/lrn_loops.h"

#include <cmath>
#include <cstring>

#include "ops/kernels/multiversion.h"

namespace gradus {
namespace {

constexpr int kWidth = kLrnWidth;  // narrower instruction sets take it in parts

typedef float Vector __attribute__((vector_size(kWidth * sizeof(float))));
typedef int32_t Bits __attribute__((vector_size(kWidth * sizeof(int32_t))));

GRADUS_INLINE Vector Load(const float* from) {
  Vector v;
  std::memcpy(&v, from, sizeof v);
  return v;
}
GRADUS_INLINE void Store(const Vector& v, float* to) { std::memcpy(to, &v, sizeof v); }

// s^(-1/4) for s > 0, to 2 units in the last place: a quarter of the exponent, then two steps of the binomial series of
// s^(-1/4) = y (1 - e)^(-1/4), e = 1 - s y^4, of fourth and of third order. No root and no division.
GRADUS_INLINE void InverseFourthRoot(const Vector& s, Vector* root) {
  Bits bits;
  std::memcpy(&bits, &s, sizeof bits);
  bits = 0x4f581800 - (bits >> 2);  // |e| < 0.124
  Vector y;
  std::memcpy(&y, &bits, sizeof y);
  const Vector e = 1 - s * ((y * y) * (y * y));
  y += y * (e * (0.25f + e * (5.0f / 32 + e * (15.0f / 128))));
  const Vector rest = 1 - s * ((y * y) * (y * y));
  *root = y + y * (rest * (0.25f + rest * (5.0f / 32)));
}

// s^-beta and s^(-beta - 1). kQuarters is 4 beta; 0: any beta.
template <int kQuarters>
GRADUS_INLINE void Powers(const Vector& s, float beta, Vector* factor, Vector* slope) {
  if (kQuarters == 0) {
    for (int l = 0; l < kWidth; ++l) (*factor)[l] = std::pow(s[l], -beta);
    *slope = *factor / s;
    return;
  }
  Vector root;
  InverseFourthRoot(s, &root);
  const Vector square = root * root;
  *factor = kQuarters == 1 ? root : kQuarters == 2 ? square : kQuarters == 3 ? square * root : square * square;
  *slope = *factor * (square * square);
}

// kTaps is 0 when known only at run time.
template <int kTaps>
GRADUS_INLINE void WindowSum(const LrnWindow window, const float* v, Vector* sum) {
  *sum = Load(v);
  if (kTaps > 0) {
#pragma GCC unroll 8
    for (int64_t tap = 1; tap < kTaps; ++tap) *sum += Load(v + tap * window.step);
  } else {
    for (int64_t tap = 1; tap < window.taps; ++tap) *sum += Load(v + tap * window.step);
  }
}

template <int kTaps, int kQuarters>
GRADUS_INLINE void Factors(const LrnFormula formula, const LrnLine line, const LrnAhead ahead, const float* squares,
                           float* factor, float* product) {
  for (int64_t segment = 0, i = 0; segment < line.segments; ++segment) {
    int64_t next = segment * ahead.segment;
    for (const int64_t end = i + line.length; i < end; i += kWidth, next += kWidth) {
      for (const float* tensor : ahead.tensors) __builtin_prefetch(tensor + next);
      Vector sum, power, slope;
      WindowSum<kTaps>(line.window, squares + i, &sum);
      Powers<kQuarters>(formula.k + formula.scale * sum, formula.beta, &power, &slope);
      Store(power, factor + i);
      if (product != nullptr) Store(Load(product + i) * slope, product + i);
    }
  }
}

template <int kTaps>
GRADUS_INLINE void FactorsOfTaps(const LrnFormula& formula, const LrnLine& line, const LrnAhead& ahead,
                                 const float* squares, float* factor, float* product) {
  if (formula.beta == 0.75f) return Factors<kTaps, 3>(formula, line, ahead, squares, factor, product);
  if (formula.beta == 0.5f) return Factors<kTaps, 2>(formula, line, ahead, squares, factor, product);
  if (formula.beta == 1.0f) return Factors<kTaps, 4>(formula, line, ahead, squares, factor, product);
  if (formula.beta == 0.25f) return Factors<kTaps, 1>(formula, line, ahead, squares, factor, product);
  Factors<kTaps, 0>(formula, line, ahead, squares, factor, product);
}

template <int kTaps>
GRADUS_INLINE void Sums(const LrnLine line, float scale, const float* v, float* sums) {
  for (int64_t i = 0; i < line.segments * line.length; i += kWidth) {
    Vector sum;
    WindowSum<kTaps>(line.window, v + i, &sum);
    Store(scale * sum, sums + i);
  }
}

// Calls body.Vectors or body.Single(offset in the tensor, offset in lines) for all numbers. kLength is 0 when known
// only at run time. Arguments are copies, which no store can change.
template <int kLength, typename Body>
GRADUS_INLINE void ForEachNumber(const LrnTile tile, const Body body) {
  const int64_t length = kLength == 0 ? tile.length : kLength;
  for (int64_t segment = 0; segment < tile.segments; ++segment) {
    int64_t x = segment * tile.tensor_segment, at = segment * tile.line_segment;
    for (int64_t line = 0; line < tile.lines; ++line, x += tile.tensor_line, at += tile.line_step) {
      int64_t i = 0;
#pragma GCC unroll 2
      for (; i + kWidth <= length; i += kWidth) body.Vectors(x + i, at + i);
      for (; i < length; ++i) body.Single(x + i, at + i);
    }
  }
}

template <typename Body>
GRADUS_INLINE void ForEachVector(const LrnTile& tile, const Body& body) {
  if (tile.length == 8) return ForEachNumber<8>(tile, body);
  if (tile.length == 16) return ForEachNumber<16>(tile, body);
  ForEachNumber<0>(tile, body);
}

struct SquaresBody {
  const float* x;
  float* squares;
  GRADUS_INLINE void Vectors(int64_t from, int64_t at) const {
    const Vector v = Load(x + from);
    Store(v * v, squares + at);
  }
  GRADUS_INLINE void Single(int64_t from, int64_t at) const { squares[at] = x[from] * x[from]; }
};

struct ProductsBody {
  const float* x;
  const float* dy;
  float* squares;
  float* products;
  GRADUS_INLINE void Vectors(int64_t from, int64_t at) const {
    const Vector v = Load(x + from);
    Store(v * v, squares + at);
    Store(v * Load(dy + from), products + at);
  }
  GRADUS_INLINE void Single(int64_t from, int64_t at) const {
    squares[at] = x[from] * x[from];
    products[at] = x[from] * dy[from];
  }
};

struct ScaleBody {
  const float* x;
  const float* factor;
  float* y;
  GRADUS_INLINE void Vectors(int64_t to, int64_t at) const { Store(Load(x + to) * Load(factor + at), y + to); }
  GRADUS_INLINE void Single(int64_t to, int64_t at) const { y[to] = x[to] * factor[at]; }
};

struct CombineBody {
  const float* x;
  const float* dy;
  const float* factor;
  const float* sum;
  float* dx;
  GRADUS_INLINE void Vectors(int64_t to, int64_t at) const {
    Store(Load(dy + to) * Load(factor + at) - Load(x + to) * Load(sum + at), dx + to);
  }
  GRADUS_INLINE void Single(int64_t to, int64_t at) const { dx[to] = dy[to] * factor[at] - x[to] * sum[at]; }
};

}  // namespace

GRADUS_MULTIVERSION void LrnSquares(const LrnTile& tile, const float* x, float* squares) {
  ForEachVector(tile, SquaresBody{x, squares});
}

GRADUS_MULTIVERSION void LrnSquaresAndProducts(const LrnTile& tile, const float* x, const float* dy, float* squares,
                                               float* products) {
  ForEachVector(tile, ProductsBody{x, dy, squares, products});
}

GRADUS_MULTIVERSION void LrnFactors(const LrnFormula& formula, const LrnLine& line, const LrnAhead& ahead,
                                    const float* squares, float* factor) {
  if (line.window.taps == 5) return FactorsOfTaps<5>(formula, line, ahead, squares, factor, nullptr);
  FactorsOfTaps<0>(formula, line, ahead, squares, factor, nullptr);
}

GRADUS_MULTIVERSION void LrnFactorsAndSlopes(const LrnFormula& formula, const LrnLine& line, const LrnAhead& ahead,
                                             const float* squares, float* factor, float* product) {
  if (line.window.taps == 5) return FactorsOfTaps<5>(formula, line, ahead, squares, factor, product);
  FactorsOfTaps<0>(formula, line, ahead, squares, factor, product);
}

GRADUS_MULTIVERSION void LrnSums(const LrnLine& line, float scale, const float* v, float* sum) {
  if (line.window.taps == 5) return Sums<5>(line, scale, v, sum);
  Sums<0>(line, scale, v, sum);
}

GRADUS_MULTIVERSION void LrnScale(const LrnTile& tile, const float* x, const float* factor, float* y) {
  ForEachVector(tile, ScaleBody{x, factor, y});
}

GRADUS_MULTIVERSION void LrnCombine(const LrnTile& tile, const float* x, const float* dy, const float* factor,
                                    const float* sum, float* dx) {
  ForEachVector(tile, CombineBody{x, dy, factor, sum, dx});
}

}  // namespace gradus
