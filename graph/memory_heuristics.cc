#include "graph/memory_heuristics.h"

#include <algorithm>
#include <limits>
#include <map>
#include <numeric>
#include <set>
#include <utility>

#include "graph/skyline.h"

namespace gradus {
namespace {

constexpr int64_t kInfinity = std::numeric_limits<int64_t>::max();

// The smallest of the gaps between obstacles that is long enough; of equal ones the lowest. Obstacles come by rising
// begins and may overlap.
class GapSearch {
 public:
  GapSearch(int64_t size, int64_t low, int64_t high) : size_(size), used_(low), high_(high) {}

  void Pass(int64_t begin, int64_t end) {
    Offer(used_, std::min(begin, high_));
    used_ = std::max(used_, end);
  }

  // The beginning of the gap, or -1.
  int64_t Finish() {
    Offer(used_, high_);
    return best_;
  }

 private:
  void Offer(int64_t begin, int64_t end) {
    if (end - begin < size_ || (best_ >= 0 && end - begin >= best_length_)) return;
    best_ = begin;
    best_length_ = end - begin;
  }

  const int64_t size_;
  int64_t used_;  // everything below is behind us
  const int64_t high_;
  int64_t best_ = -1, best_length_ = 0;
};

// The free parts of an endless range of memory; none touch each other.
class FreeList {
 public:
  // The beginning of `size` units from the smallest part that is long enough, else from the end of all that was used.
  int64_t Take(int64_t size) {
    const auto found = by_size_.lower_bound({size, 0});
    if (found == by_size_.end()) return TakeFromEnd(size);
    const auto [length, begin] = *found;
    Remove(begin, length);
    if (length > size) Insert(begin + size, length - size);
    return begin;
  }

  void Give(int64_t begin, int64_t size) {
    const auto after = by_begin_.lower_bound(begin);
    if (after != by_begin_.begin()) {
      const auto [before, length] = *std::prev(after);
      if (before + length == begin) {
        Remove(before, length);
        begin = before;
        size += length;
      }
    }
    if (after != by_begin_.end() && after->first == begin + size) {
      const auto [next, length] = *after;
      Remove(next, length);
      size += length;
    }
    Insert(begin, size);
  }

 private:
  int64_t TakeFromEnd(int64_t size) {
    int64_t begin = end_;
    if (!by_begin_.empty()) {
      const auto [last, length] = *by_begin_.rbegin();
      if (last + length == end_) {
        begin = last;
        Remove(last, length);
      }
    }
    end_ = begin + size;
    return begin;
  }

  void Insert(int64_t begin, int64_t size) {
    by_begin_.emplace(begin, size);
    by_size_.emplace(size, begin);
  }

  void Remove(int64_t begin, int64_t size) {
    by_begin_.erase(begin);
    by_size_.erase({size, begin});
  }

  std::map<int64_t, int64_t> by_begin_;            // begin -> size
  std::set<std::pair<int64_t, int64_t>> by_size_;  // (size, begin)
  int64_t end_ = 0;
};

// The blocks' indices, by rising key; equal keys by index.
template <typename Key>
std::vector<int> Order(absl::Span<const MemoryBlock> blocks, const Key& key) {
  std::vector<int> order(blocks.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return key(blocks[a]) < key(blocks[b]); });
  return order;
}

std::vector<int> OrderByTime(absl::Span<const MemoryBlock> blocks) {
  return Order(blocks, [](const MemoryBlock& b) { return std::make_pair(b.first, -b.size); });
}

void Place(absl::Span<const MemoryBlock> blocks, int block, int64_t offset, Packing* packing) {
  packing->offsets[block] = offset;
  packing->height = std::max(packing->height, offset + blocks[block].size);
}

// A block that has its place, for lists by rising begin.
struct Placed {
  int64_t begin, end;
  int first, last;
};

void InsertByBegin(const MemoryBlock& block, int64_t offset, std::vector<Placed>* placed) {
  const auto above = std::upper_bound(placed->begin(), placed->end(), offset,
                                      [](int64_t begin, const Placed& other) { return begin < other.begin; });
  placed->insert(above, {offset, offset + block.size, block.first, block.last});
}

int64_t FindGap(const std::vector<Placed>& live, int64_t size, int64_t low, int64_t high) {
  GapSearch gap(size, low, high);
  for (const Placed& other : live) gap.Pass(other.begin, other.end);
  return gap.Finish();
}

}  // namespace

Packing PackInOrder(absl::Span<const MemoryBlock> blocks, absl::Span<const int> order) {
  Packing packing;
  packing.offsets.resize(blocks.size());
  std::vector<Placed> placed;
  placed.reserve(blocks.size());
  for (int i : order) {
    const MemoryBlock& block = blocks[i];
    GapSearch gap(block.size, 0, kInfinity);
    for (const Placed& other : placed) {
      if (other.first <= block.last && block.first <= other.last) gap.Pass(other.begin, other.end);
    }
    Place(blocks, i, gap.Finish(), &packing);
    InsertByBegin(block, packing.offsets[i], &placed);
  }
  return packing;
}

Packing PackBySearch(absl::Span<const MemoryBlock> blocks, int64_t enough, int64_t effort) {
  const int64_t cost = static_cast<int64_t>(blocks.size()) * static_cast<int64_t>(blocks.size());
  std::vector<int> order;
  Packing best;
  best.height = kInfinity;
  const auto attempt = [&](std::vector<int> next) {
    Packing packing = PackInOrder(blocks, next);
    effort -= cost;
    if (packing.height >= best.height) return packing;
    order = std::move(next);
    best = packing;
    return packing;
  };
  attempt(Order(blocks, [](const MemoryBlock& b) { return -b.size; }));
  attempt(Order(blocks, [](const MemoryBlock& b) { return -static_cast<double>(b.size) * b.length(); }));
  attempt(Order(blocks, [](const MemoryBlock& b) { return -b.length(); }));

  std::vector<int> next = order;
  Packing packing = best;
  while (best.height > enough && effort >= cost) {
    const auto top = std::find_if(next.begin(), next.end(),
                                  [&](int i) { return packing.offsets[i] + blocks[i].size == packing.height; });
    if (top == next.begin()) break;  // it alone is as high
    std::rotate(next.begin(), top, top + 1);
    packing = attempt(next);
  }
  return best;
}

Packing PackThroughTime(absl::Span<const MemoryBlock> blocks) {
  Packing packing;
  packing.offsets.resize(blocks.size());
  FreeList free;
  std::set<std::pair<int, int>> live;  // (last step, block)
  for (int i : OrderByTime(blocks)) {
    while (!live.empty() && live.begin()->first < blocks[i].first) {
      const int gone = live.begin()->second;
      free.Give(packing.offsets[gone], blocks[gone].size);
      live.erase(live.begin());
    }
    Place(blocks, i, free.Take(blocks[i].size), &packing);
    live.emplace(blocks[i].last, i);
  }
  return packing;
}

std::optional<Packing> PackOnStacks(absl::Span<const MemoryBlock> blocks, int steps, int longest_short,
                                    int64_t ceiling) {
  Packing packing;
  packing.offsets.resize(blocks.size());
  std::vector<int> order = OrderByTime(blocks);
  const auto shorts =
      std::stable_partition(order.begin(), order.end(), [&](int i) { return blocks[i].length() > longest_short; });
  std::stable_sort(order.begin(), shorts, [&](int a, int b) { return blocks[a].length() > blocks[b].length(); });

  // The long blocks. Those under the ceiling are measured downwards from it until all are stacked.
  Skyline standing(steps), hanging(steps);
  std::vector<bool> hangs(blocks.size());
  for (auto it = order.begin(); it != shorts; ++it) {
    const MemoryBlock& block = blocks[*it];
    hangs[*it] = hanging.Waste(block.first, block.last) < standing.Waste(block.first, block.last);
    Skyline& skyline = hangs[*it] ? hanging : standing;
    packing.offsets[*it] = skyline.Drop(block.first, block.last, block.size);
  }
  const std::vector<int64_t> floor = standing.Heights(), depth = hanging.Heights();
  for (int step = 0; step < steps; ++step) ceiling = std::max(ceiling, floor[step] + depth[step]);
  for (auto it = order.begin(); it != shorts; ++it) {
    const int64_t offset = packing.offsets[*it];
    Place(blocks, *it, hangs[*it] ? ceiling - offset - blocks[*it].size : offset, &packing);
  }

  // The short blocks.
  std::vector<Placed> live;
  int64_t effort = 64 * static_cast<int64_t>(blocks.size());
  for (auto it = shorts; it != order.end(); ++it) {
    const MemoryBlock& block = blocks[*it];
    const auto gone = [&](const Placed& other) { return other.last < block.first; };
    live.erase(std::remove_if(live.begin(), live.end(), gone), live.end());
    effort -= static_cast<int64_t>(live.size());
    if (effort < 0) return std::nullopt;
    const int64_t low = *std::max_element(&floor[block.first], &floor[block.last] + 1);
    const int64_t high = ceiling - *std::max_element(&depth[block.first], &depth[block.last] + 1);
    int64_t offset = FindGap(live, block.size, low, high);
    if (offset < 0) offset = FindGap(live, block.size, ceiling, kInfinity);
    Place(blocks, *it, offset, &packing);
    InsertByBegin(block, offset, &live);
  }
  return packing;
}

}  // namespace gradus
