// The ways of packing buffers that the memory planner chooses from (see graph/memory_planner.h). Here sizes are counted
// in units of the alignment and steps are numbered from 0 without gaps, so that only the packing is left. Pure
// functions, deterministic; thread-safe.
#ifndef GRADUS_GRAPH_MEMORY_HEURISTICS_H_
#define GRADUS_GRAPH_MEMORY_HEURISTICS_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/types/span.h"

namespace gradus {

// A buffer of `size` > 0 units that is live in the steps first..last, both included. All sizes together fit in 62 bits.
struct MemoryBlock {
  int64_t size = 0;
  int first = 0;
  int last = 0;

  int length() const { return last - first + 1; }
};

struct Packing {
  std::vector<int64_t> offsets;  // by block
  int64_t height = 0;            // the largest offset + size
};

// Places blocks in the given order, each into the smallest gap that is long enough between those placed before it
// (Pisarchyk and Lee, "Efficient Memory Management for Deep Neural Net Inference", MLSys 2020). O(n^2).
Packing PackInOrder(absl::Span<const MemoryBlock> blocks, absl::Span<const int> order);

// The best of PackInOrder over several orders: by size, by size x length, by length, and then again and again the best
// of these with the block that sticks out at the top moved to the front. Stops at the height `enough` or after `effort`
// comparisons of two blocks; at least n^2 x 3 are made.
Packing PackBySearch(absl::Span<const MemoryBlock> blocks, int64_t enough, int64_t effort);

// Walks through time as an allocator would at run time: blocks come into the smallest free range that is long enough,
// and go; neighbouring free ranges join. O(n log n).
Packing PackThroughTime(absl::Span<const MemoryBlock> blocks);

// For programs that go forward and back. Blocks that live longer than `longest_short` steps are stacked, longest first,
// on the floor or under the ceiling, where they lie flatter: activations nest (the first made is the last used) and
// stack without gaps on the floor; weight gradients that wait for the update stack under the ceiling. The short blocks
// then go through time in what is left between, and above the ceiling where nothing is. The ceiling is at `ceiling`, or
// higher if the stacks need it. O(n log n); gives up when so many short blocks are live together that it would take
// longer.
std::optional<Packing> PackOnStacks(absl::Span<const MemoryBlock> blocks, int steps, int longest_short,
                                    int64_t ceiling);

}  // namespace gradus

#endif  // GRADUS_GRAPH_MEMORY_HEURISTICS_H_
