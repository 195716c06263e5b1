// The inner loops of local response normalisation, compiled for several instruction sets. The channels of some
// positions are brought into a line: numbers next to each other in memory, those of neighbouring channels `step` apart,
// with zeros before the first and behind the last channel. Sums over windows are then sums of unaligned vectors. Lines
// hold whole vectors of kLrnWidth numbers. Thread-safe.
#ifndef GRADUS_OPS_KERNELS_LRN_LOOPS_H_
#define GRADUS_OPS_KERNELS_LRN_LOOPS_H_

#include <cstdint>

namespace gradus {

constexpr int64_t kLrnWidth = 8;

// Some positions of a tensor and where lines have them: element [line, segment, i] lies at
// line * tensor_line + segment * tensor_segment + i in the tensor and line * line_step + segment * line_segment + i in
// a buffer of lines.
struct LrnTile {
  int64_t lines, segments, length;
  int64_t tensor_line, tensor_segment;
  int64_t line_step, line_segment;
};

// The sum over tap < taps of v[i + tap * step].
struct LrnWindow {
  int64_t taps, step;
};

// A line as `segments` times `length` numbers, whole vectors.
struct LrnLine {
  LrnWindow window;
  int64_t segments, length;
};

// What will be read and written next, brought near while the factors are computed: the same positions of the next tile,
// whose segments are `segment` apart. Addresses need not exist.
struct LrnAhead {
  const float* tensors[3];
  int64_t segment;
};

struct LrnFormula {
  float scale, k, beta;  // s = k + scale * sum of squares over a window; the factor is s^-beta
};

// squares = x^2
void LrnSquares(const LrnTile& tile, const float* x, float* squares);
// products = x dy as well
void LrnSquaresAndProducts(const LrnTile& tile, const float* x, const float* dy, float* squares, float* products);

// One line: factor = s^-beta.
void LrnFactors(const LrnFormula& formula, const LrnLine& line, const LrnAhead& ahead, const float* squares,
                float* factor);
// The same, and product *= s^(-beta - 1).
void LrnFactorsAndSlopes(const LrnFormula& formula, const LrnLine& line, const LrnAhead& ahead, const float* squares,
                         float* factor, float* product);
// sum = scale * the sum over a window of v.
void LrnSums(const LrnLine& line, float scale, const float* v, float* sum);

// y = x factor
void LrnScale(const LrnTile& tile, const float* x, const float* factor, float* y);
// dx = dy factor - x sum
void LrnCombine(const LrnTile& tile, const float* x, const float* dy, const float* factor, const float* sum, float* dx);

}  // namespace gradus

#endif  // GRADUS_OPS_KERNELS_LRN_LOOPS_H_
