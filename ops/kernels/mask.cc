#include <algorithm>
#include <cstdint>
#include <vector>

#include "core/parallel.h"
#include "graph/kernel.h"

namespace gradus {
namespace {

// Each element of the mask stands for `inner` values.
template <typename Mask>
void Apply(const float* x, const Mask* mask, int64_t elements, int64_t inner, float* y) {
  ParallelFor(elements, std::max<int64_t>(1, 16384 / std::max<int64_t>(1, inner)), [&](int64_t begin, int64_t end) {
    for (int64_t m = begin; m < end; ++m) {
      const auto weight = static_cast<float>(mask[m]);
      for (int64_t i = m * inner; i < (m + 1) * inner; ++i) y[i] = weight == 0 ? 0.0f : x[i] * weight;
    }
  });
}

template <typename Mask>
void Normalize(const Mask* mask, int64_t elements, float* y) {
  double sum = 0;
  for (int64_t i = 0; i < elements; ++i) sum += static_cast<double>(mask[i]);
  const double factor = sum == 0 ? 0 : static_cast<double>(elements) / sum;
  for (int64_t i = 0; i < elements; ++i) y[i] = static_cast<float>(static_cast<double>(mask[i]) * factor);
}

absl::StatusOr<std::vector<Candidate>> ApplyMaskCandidates(const KernelContext& context) {
  const TensorType &values = context.input_type(0), &mask = context.input_type(1);
  const int64_t elements = mask.shape.num_elements();
  const int64_t inner = values.shape.ElementsBetween(mask.shape.rank(), values.shape.rank());
  const bool whole = mask.dtype == DType::kInt32;
  const Layout plain = Layout::Plain(values);
  const auto run = [=](const Buffers& b) {
    if (whole) {
      Apply(b.in<float>(0), b.in<int32_t>(1), elements, inner, b.out<float>(0));
    } else {
      Apply(b.in<float>(0), b.in<float>(1), elements, inner, b.out<float>(0));
    }
    return absl::OkStatus();
  };
  return std::vector<Candidate>{FunctionCandidate("gradus:plain", {plain, Layout::Plain(mask)}, {plain}, run)};
}

absl::StatusOr<std::vector<Candidate>> NormalizeMaskCandidates(const KernelContext& context) {
  const TensorType& mask = context.input_type(0);
  const int64_t elements = mask.shape.num_elements();
  const bool whole = mask.dtype == DType::kInt32;
  const auto run = [=](const Buffers& b) {
    if (whole) {
      Normalize(b.in<int32_t>(0), elements, b.out<float>(0));
    } else {
      Normalize(b.in<float>(0), elements, b.out<float>(0));
    }
    return absl::OkStatus();
  };
  return std::vector<Candidate>{
      FunctionCandidate("gradus:plain", {Layout::Plain(mask)}, {Layout::Plain(context.output_type(0))}, run)};
}

REGISTER_KERNEL(ApplyMask, ApplyMaskCandidates);
REGISTER_KERNEL(NormalizeMask, NormalizeMaskCandidates);

}  // namespace
}  // namespace gradus
