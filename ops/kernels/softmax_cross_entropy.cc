#include "ops/softmax_cross_entropy.h"

#include <cmath>

#include "core/parallel.h"
#include "core/status_macros.h"
#include "graph/kernel.h"
#include "ops/kernels/fast_exp.h"
#include "ops/kernels/multiversion.h"

namespace gradus {
namespace {

// Labels and logits: `rows` lines of `classes`; `per_example` labels make an example.
struct Rows {
  int64_t rows, classes, per_example;
};

// Scanned by one thread: a batch of labels is short, and the first bad one is to be named.
absl::Status CheckLabels(const int32_t* labels, const Rows& r) {
  for (int64_t n = 0; n < r.rows; ++n) {
    if (labels[n] < 0 || labels[n] >= r.classes) return LabelError(labels[n], r.classes, n, r.per_example);
  }
  return absl::OkStatus();
}

struct RowSums {
  float largest, exp_sum, sum;
};

GRADUS_INLINE RowSums SumsOfLong(const float* x, int64_t classes) {
  float largest = x[0], exp_sum = 0, sum = 0;
#pragma omp simd reduction(max : largest)
  for (int64_t c = 0; c < classes; ++c) largest = x[c] > largest ? x[c] : largest;
#pragma omp simd reduction(+ : exp_sum, sum)
  for (int64_t c = 0; c < classes; ++c) {
    const float shifted = x[c] - largest;
    exp_sum += FastExp(shifted);
    sum += shifted;
  }
  return {largest, exp_sum, sum};
}

// A few classes, such as ten digits: filled up to whole vectors, because loops end in single elements otherwise.
constexpr int kShort = 16;
GRADUS_INLINE RowSums SumsOfShort(const float* x, int64_t classes) {
  float line[kShort];
  for (int c = 0; c < kShort; ++c) line[c] = x[0];
  for (int64_t c = 1; c < classes; ++c) line[c] = x[c];
  float largest = line[0], exp_sum = 0, sum = 0;
#pragma omp simd reduction(max : largest)
  for (int c = 0; c < kShort; ++c) largest = line[c] > largest ? line[c] : largest;
#pragma omp simd reduction(+ : exp_sum, sum)
  for (int c = 0; c < kShort; ++c) {
    const float shifted = line[c] - largest, counts = c < classes ? 1.0f : 0.0f;
    exp_sum += counts * FastExp(shifted);
    sum += counts * shifted;
  }
  return {largest, exp_sum, sum};
}

GRADUS_INLINE RowSums Sums(const float* x, int64_t classes) {
  return classes <= kShort ? SumsOfShort(x, classes) : SumsOfLong(x, classes);
}

// In terms of shifted logits: log(sum(exp)) - (1 - s) x_label - s mean(x).
GRADUS_MULTIVERSION float RowLoss(const float* x, int64_t classes, int32_t label, float smoothing) {
  const RowSums s = Sums(x, classes);
  return std::log(s.exp_sum) - (1 - smoothing) * (x[label] - s.largest) -
         smoothing / static_cast<float>(classes) * s.sum;
}

// dx may be x.
GRADUS_MULTIVERSION void RowGradient(const float* x, int64_t classes, int32_t label, float smoothing, float dloss,
                                     float* dx) {
  const RowSums s = Sums(x, classes);
  const float scale = dloss / s.exp_sum, even = dloss * smoothing / static_cast<float>(classes);
#pragma omp simd
  for (int64_t c = 0; c < classes; ++c) dx[c] = FastExp(x[c] - s.largest) * scale - even;
  dx[label] -= dloss * (1 - smoothing);
}

// A batch without rows or classes: no label is good then.
Rows RowsOf(const KernelContext& context, int labels) {
  const Shape& shape = context.input_type(labels).shape;
  const Shape& logits = context.input_type(0).shape;
  return {shape.num_elements(), logits.rank() == 0 ? 0 : logits[logits.rank() - 1],
          shape.rank() == 0 ? 1 : shape.ElementsBetween(1, shape.rank())};
}

std::vector<Layout> PlainInputs(const KernelContext& context) {
  std::vector<Layout> layouts;
  for (Value input : context.node.inputs) layouts.push_back(Layout::Plain(context.graph.type(input)));
  return layouts;
}

absl::StatusOr<std::vector<Candidate>> CrossEntropyCandidates(const KernelContext& context) {
  const Rows r = RowsOf(context, 1);
  const auto smoothing = static_cast<float>(context.attrs<CrossEntropyAttrs>().label_smoothing);
  auto run = [r, smoothing](const Buffers& b) {
    GRADUS_RETURN_IF_ERROR(CheckLabels(b.in<int32_t>(1), r));
    ParallelFor(r.rows, std::max<int64_t>(1, 4096 / std::max<int64_t>(1, r.classes)), [&](int64_t begin, int64_t end) {
      for (int64_t n = begin; n < end; ++n) {
        b.out<float>(0)[n] = RowLoss(b.in<float>(0) + n * r.classes, r.classes, b.in<int32_t>(1)[n], smoothing);
      }
    });
    return absl::OkStatus();
  };
  return std::vector<Candidate>{
      FunctionCandidate("gradus:rows", PlainInputs(context), {Layout::Plain(context.output_type(0))}, run)};
}

absl::StatusOr<std::vector<Candidate>> BackwardCandidates(const KernelContext& context) {
  const Rows r = RowsOf(context, 1);
  const auto smoothing = static_cast<float>(context.attrs<CrossEntropyAttrs>().label_smoothing);
  auto run = [r, smoothing](const Buffers& b) {
    GRADUS_RETURN_IF_ERROR(CheckLabels(b.in<int32_t>(1), r));
    ParallelFor(r.rows, std::max<int64_t>(1, 4096 / std::max<int64_t>(1, r.classes)), [&](int64_t begin, int64_t end) {
      for (int64_t n = begin; n < end; ++n) {
        RowGradient(b.in<float>(0) + n * r.classes, r.classes, b.in<int32_t>(1)[n], smoothing, b.in<float>(2)[n],
                    b.out<float>(0) + n * r.classes);
      }
    });
    return absl::OkStatus();
  };
  return std::vector<Candidate>{
      FunctionCandidate("gradus:rows", PlainInputs(context), {Layout::Plain(context.output_type(0))}, run)};
}

absl::StatusOr<std::vector<Candidate>> LabelWeightCandidates(const KernelContext& context) {
  std::vector<float> weights;
  for (double weight : context.attrs<LabelWeightAttrs>().weights) weights.push_back(static_cast<float>(weight));
  const Shape& shape = context.input_type(0).shape;
  const Rows r = {shape.num_elements(), static_cast<int64_t>(weights.size()),
                  shape.rank() == 0 ? 1 : shape.ElementsBetween(1, shape.rank())};
  auto run = [weights, r](const Buffers& b) {
    GRADUS_RETURN_IF_ERROR(CheckLabels(b.in<int32_t>(0), r));
    for (int64_t n = 0; n < r.rows; ++n) b.out<float>(0)[n] = weights[b.in<int32_t>(0)[n]];
    return absl::OkStatus();
  };
  return std::vector<Candidate>{
      FunctionCandidate("gradus:rows", PlainInputs(context), {Layout::Plain(context.output_type(0))}, run)};
}

}  // namespace

REGISTER_KERNEL(SoftmaxCrossEntropy, CrossEntropyCandidates);
REGISTER_KERNEL(SoftmaxCrossEntropyBackward, BackwardCandidates);
REGISTER_KERNEL(LabelWeight, LabelWeightCandidates);

}  // namespace gradus
