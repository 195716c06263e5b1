#include "ops/embedding.h"

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "core/parallel.h"
#include "core/status_macros.h"
#include "graph/kernel.h"

namespace gradus {
namespace {

constexpr int64_t kGrain = 16384;  // elements worth a thread

struct Sizes {
  int64_t ids, per_example, size, units;
};

absl::Status CheckIds(const Sizes& sizes, const int32_t* ids) {
  for (int64_t i = 0; i < sizes.ids; ++i) {
    if (ids[i] >= 0 && ids[i] < sizes.size) continue;
    std::string place = absl::StrCat("example ", i / sizes.per_example, " of the batch");
    if (sizes.per_example > 1) absl::StrAppend(&place, ", position ", i % sizes.per_example);
    return absl::OutOfRangeError(absl::StrCat("the id ", ids[i], " of ", place, " is outside 0 ... ", sizes.size - 1));
  }
  return absl::OkStatus();
}

Sizes SizesOf(const Shape& ids, const Shape& table) {
  const int64_t count = ids.num_elements();
  return {count, std::max<int64_t>(1, ids[0] == 0 ? 1 : count / ids[0]), table[0], table[1]};
}

Candidate Plain(const KernelContext& context, FunctionKernel::Function run) {
  return FunctionCandidate("gradus:rows", {Layout::Plain(context.input_type(0)), Layout::Plain(context.input_type(1))},
                           {Layout::Plain(context.output_type(0))}, std::move(run));
}

absl::StatusOr<std::vector<Candidate>> EmbeddingCandidates(const KernelContext& context) {
  const Sizes sizes = SizesOf(context.input_type(0).shape, context.input_type(1).shape);
  return std::vector<Candidate>{Plain(context, [sizes](const Buffers& b) -> absl::Status {
    const auto* const ids = b.in<int32_t>(0);
    GRADUS_RETURN_IF_ERROR(CheckIds(sizes, ids));
    ParallelFor(sizes.ids, std::max<int64_t>(1, kGrain / sizes.units), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        std::memcpy(b.out<float>(0) + i * sizes.units, b.in<float>(1) + ids[i] * sizes.units,
                    sizes.units * sizeof(float));
      }
    });
    return absl::OkStatus();
  })};
}

// Each thread has columns of its own and goes through the ids in their order, so sums do not depend on the threads.
absl::StatusOr<std::vector<Candidate>> EmbeddingBackwardCandidates(const KernelContext& context) {
  const Sizes sizes = SizesOf(context.input_type(0).shape, context.output_type(0).shape);
  return std::vector<Candidate>{Plain(context, [sizes](const Buffers& b) -> absl::Status {
    const auto* const ids = b.in<int32_t>(0);
    GRADUS_RETURN_IF_ERROR(CheckIds(sizes, ids));
    constexpr int64_t kLine = 16;  // floats
    ParallelFor(
        sizes.units, std::max<int64_t>(1, kGrain / std::max<int64_t>(1, sizes.ids + sizes.size)),
        [&](int64_t begin, int64_t end) {
          float* const table = b.out<float>(0);
          for (int64_t row = 0; row < sizes.size; ++row) {
            std::fill(table + row * sizes.units + begin, table + row * sizes.units + end, 0.0f);
          }
          for (int64_t i = 0; i < sizes.ids; ++i) {
            float* const to = table + ids[i] * sizes.units;
            const float* const dy = b.in<float>(1) + i * sizes.units;
            for (int64_t j = begin; j < end; ++j) to[j] += dy[j];
          }
        },
        kLine);
    return absl::OkStatus();
  })};
}

REGISTER_KERNEL(Embedding, EmbeddingCandidates);
REGISTER_KERNEL(EmbeddingBackward, EmbeddingBackwardCandidates);

}  // namespace
}  // namespace gradus
