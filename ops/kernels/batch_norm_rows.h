// How batch norm walks over a tensor in a layout of channels: which blocks at a time, which part of their rows a task
// takes, which runs of memory that is. Parts depend on the shape alone, so that sums over them do not depend on
// threads. Values; safe to share between threads.
#ifndef GRADUS_OPS_KERNELS_BATCH_NORM_ROWS_H_
#define GRADUS_OPS_KERNELS_BATCH_NORM_ROWS_H_

#include <omp.h>

#include <algorithm>
#include <cstdint>

#include "core/parallel.h"
#include "ops/kernels/channel_layout.h"

namespace gradus {

constexpr int64_t kPartElements = 1 << 14;  // worth a task of its own
constexpr int64_t kMostParts = 64;          // of a block
constexpr int64_t kShortPeriod = 128;       // fewer lanes are repeated to at least as many
constexpr int64_t kStackPeriod = 2 * kShortPeriod;
constexpr int64_t kCacheBytes = 1 << 20;  // of each thread, between the passes

struct BlockRange {
  int64_t begin, end;
};

// A tensor as blocks of `rows` of `lanes` neighbours each. Rows run through all images; `run` of them are neighbours.
struct ChannelRows {
  explicit ChannelRows(const ChannelSizes& sizes)
      : blocks(sizes.blocks),
        rows(sizes.batch * sizes.positions),
        run(sizes.blocks == 1 ? rows : sizes.positions),
        lanes(sizes.lanes),
        channels(sizes.channels),
        period(lanes >= kShortPeriod ? lanes : (kShortPeriod + lanes - 1) / lanes * lanes),
        parts(std::clamp<int64_t>(rows * lanes / kPartElements, 1, kMostParts)) {}

  int64_t stored_channels() const { return blocks * lanes; }

  // Calls body(range) for blocks of which `tensors` tensors fit into caches; for one when none do.
  template <typename Body>
  void ForEachRange(int tensors, const Body& body) const {
    const int64_t block_bytes = std::max<int64_t>(1, rows * lanes) * tensors * static_cast<int64_t>(sizeof(float));
    const int64_t count = std::max<int64_t>(1, kCacheBytes * omp_get_max_threads() / block_bytes);
    for (int64_t begin = 0; begin < blocks; begin += count) body(BlockRange{begin, std::min(blocks, begin + count)});
  }

  // Calls body(block, part) for all parts of blocks in the range, in parallel.
  template <typename Body>
  void ForEachPart(const BlockRange& range, const Body& body) const {
    const int64_t elements = std::max<int64_t>(1, rows * lanes / parts);
    const int64_t count = range.end - range.begin;
    ParallelFor(parts * count, std::max<int64_t>(1, kPartElements / elements), [&](int64_t begin, int64_t end) {
      for (int64_t task = begin; task < end; ++task) body(range.begin + task % count, task / count);
    });
  }

  // Calls body(channel) for the channels of the range.
  template <typename Body>
  void ForEachChannel(const BlockRange& range, const Body& body) const {
    for (int64_t c = range.begin * lanes; c < std::min(channels, range.end * lanes); ++c) body(c);
  }

  // Calls body(offset, elements) for the runs of neighbours of a part.
  template <typename Body>
  void ForEachRun(int64_t block, int64_t part, const Body& body) const {
    const int64_t end = rows * (part + 1) / parts;
    for (int64_t row = rows * part / parts; row < end;) {
      const int64_t image = row / run, first = row % run;
      const int64_t count = std::min(end - row, run - first);
      body(((image * blocks + block) * run + first) * lanes, count * lanes);
      row += count;
    }
  }

  int64_t blocks, rows, run, lanes, channels;
  int64_t period;
  int64_t parts;
};

}  // namespace gradus

#endif  // GRADUS_OPS_KERNELS_BATCH_NORM_ROWS_H_
