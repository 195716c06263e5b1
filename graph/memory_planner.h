// Where in one arena each buffer of a plan lies: a puzzle over integers that knows nothing of graphs, tensors or
// kernels.
//
// A buffer is live from its first step to its last, both included; buffers that are live in a common step may not
// overlap in memory. Planning is deterministic and takes O(n log n) for n buffers (60,000 of a training program in 0.05
// s), with more searching where n is small. Pure functions; thread-safe.
#ifndef GRADUS_GRAPH_MEMORY_PLANNER_H_
#define GRADUS_GRAPH_MEMORY_PLANNER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace gradus {

struct BufferUse {
  int64_t bytes = 0;  // 0 is allowed: such a buffer overlaps nothing
  int first_step = 0;
  int last_step = 0;  // >= first_step
};

struct MemoryPlan {
  std::vector<int64_t> offsets;  // by buffer, in bytes, multiples of the alignment; 0 for buffers of no bytes
  int64_t total_bytes = 0;       // the largest offset + bytes

  friend bool operator==(const MemoryPlan& a, const MemoryPlan& b) {
    return a.offsets == b.offsets && a.total_bytes == b.total_bytes;
  }
};

// The best plan found. `alignment` is a power of two. If all sizes, rounded up to it, come to 2^62 bytes or more, there
// is no plan: total_bytes is 2^63 - 1, which every limit refuses, and the offsets mean nothing.
MemoryPlan PlanMemory(absl::Span<const BufferUse> uses, int64_t alignment = 64);

// The most bytes that are live in one step: no plan is smaller. At most 2^63 - 1.
int64_t PeakLowerBound(absl::Span<const BufferUse> uses);

// OK when each buffer lies within [0, total_bytes) and none overlap; otherwise an error that names the buffers. An
// oracle for tests and debugging: it shares no logic with the planner.
absl::Status CheckMemoryPlan(absl::Span<const BufferUse> uses, const MemoryPlan& plan);

// A picture for people, `width` columns of time by `height` rows of memory, offset 0 at the bottom. Buffers are the
// given letters, or else letters in turn (a to z, A to Z, then a again); '.' is free. A cell shows the buffer at its
// middle.
std::string DrawMemoryPlan(absl::Span<const BufferUse> uses, const MemoryPlan& plan, int width, int height,
                           absl::string_view letters = "");

}  // namespace gradus

#endif  // GRADUS_GRAPH_MEMORY_PLANNER_H_
