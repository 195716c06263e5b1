// Local response normalisation in any layout of ops/kernels/channel_layout.h, in one pass over memory: all channels of
// a few positions at a time, whose squares and factors stay in caches. Backward makes the factors anew, which costs
// less than reading them would.
//
// With 8 lanes or more a line holds the channels of one position; with a single lane it holds a row of positions for
// each channel.
#include "ops/lrn.h"

#include <omp.h>

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/parallel.h"
#include "graph/kernel.h"
#include "graph/onednn_kernel.h"
#include "ops/kernels/channel_layout.h"
#include "ops/kernels/lrn_loops.h"

namespace gradus {
namespace {

constexpr int64_t kGrain = 8192;          // the least work worth a thread: elements of x
constexpr int64_t kLinesElements = 4096;  // of a buffer of lines of single positions: near the processor
constexpr int64_t kRowsElements = 16384;  // of one of rows of positions, which are better long
constexpr int64_t kLeastRow = 16;         // positions

int64_t RoundUp(int64_t n) { return (n + kLrnWidth - 1) / kLrnWidth * kLrnWidth; }

// One normalisation in one layout.
class Job {
 public:
  Job(const LrnAttrs& attrs, const Shape& shape, int64_t lanes) : sizes_(shape, lanes) {
    if (sizes_.blocks == 1) sizes_.positions *= std::exchange(sizes_.batch, 1);
    const int64_t half = std::min((attrs.size - 1) / 2, sizes_.channels - 1);
    const int64_t stored = sizes_.blocks * lanes;
    rows_ = lanes == 1;
    if (rows_) {
      const int64_t fitting = kRowsElements / (stored + 2 * half) / kLrnWidth * kLrnWidth;
      tile_ = std::min(std::max<int64_t>(fitting, kLeastRow), RoundUp(sizes_.positions));
    } else {
      tile_ = std::clamp<int64_t>(kLinesElements / RoundUp(stored + 2 * half), 1, sizes_.positions);
    }
    numbers_.window = {2 * half + 1, rows_ ? tile_ : 1};
    numbers_.segments = sizes_.blocks;
    numbers_.length = RoundUp(rows_ ? tile_ : lanes);
    halo_ = half * numbers_.window.step;
    line_ = RoundUp(numbers_.segments * numbers_.length + 2 * halo_);
    formula_ = {static_cast<float>(attrs.alpha / static_cast<double>(attrs.size)), static_cast<float>(attrs.k),
                static_cast<float>(attrs.beta)};
    slope_ = static_cast<float>(2 * attrs.alpha * attrs.beta / static_cast<double>(attrs.size));
  }

  int64_t ScratchBytes(int threads) const {
    return threads * kBuffers * buffer() * static_cast<int64_t>(sizeof(float));
  }

  void Forward(const float* x, float* y, void* scratch) const {
    ForEachTile(scratch, [&](int64_t offset, const LrnTile& tile, float* squares, float* factors, float*) {
      LrnSquares(tile, x + offset, squares + halo_);
      for (int64_t line = 0; line < tile.lines; ++line) {
        LrnFactors(formula_, numbers_, Ahead(offset, line, x, y, y), squares + line * line_, factors + line * line_);
      }
      LrnScale(tile, x + offset, factors, y + offset);
    });
  }

  void Backward(const float* x, const float* dy, float* dx, void* scratch) const {
    ForEachTile(scratch, [&](int64_t offset, const LrnTile& tile, float* squares, float* factors, float* slopes) {
      LrnSquaresAndProducts(tile, x + offset, dy + offset, squares + halo_, slopes + halo_);
      float* const sums = squares;
      for (int64_t line = 0; line < tile.lines; ++line) {
        const int64_t at = line * line_;
        LrnFactorsAndSlopes(formula_, numbers_, Ahead(offset, line, x, dy, dx), squares + at, factors + at,
                            slopes + halo_ + at);
        LrnSums(numbers_, slope_, slopes + at, sums + halo_ + at);
      }
      LrnCombine(tile, x + offset, dy + offset, factors, sums + halo_, dx + offset);
      // Sums are whole vectors, and those behind the last channel lie where the next tile's windows expect zeros.
      for (int64_t line = 0; !rows_ && line < tile.lines; ++line) {
        float* const last = squares + halo_ + line * line_;
        std::fill(last + sizes_.lanes, last + numbers_.length, 0.0f);
      }
    });
  }

 private:
  static constexpr int kBuffers = 3;

  LrnAhead Ahead(int64_t offset, int64_t line, const float* x, const float* y, const float* z) const {
    const int64_t next = offset + (tile_ + line) * sizes_.lanes;
    return {{x + next, y + next, z + next}, sizes_.positions * sizes_.lanes};
  }

  int64_t buffer() const { return rows_ ? line_ : tile_ * line_; }

  // Calls body(offset of the tile's first element, tile, three buffers of zeros before and behind each line).
  template <typename Body>
  void ForEachTile(void* scratch, const Body& body) const {
    const int64_t tiles = (sizes_.positions + tile_ - 1) / tile_, stored = sizes_.blocks * sizes_.lanes;
    ParallelFor(sizes_.batch * tiles, std::max<int64_t>(1, kGrain / (tile_ * stored)), [&](int64_t begin, int64_t end) {
      float* const memory = static_cast<float*>(scratch) + omp_get_thread_num() * kBuffers * buffer();
      std::memset(memory, 0, kBuffers * buffer() * sizeof(float));
      for (int64_t i = begin; i < end; ++i) {
        const int64_t first = i % tiles * tile_, count = std::min(tile_, sizes_.positions - first);
        LrnTile tile;
        tile.lines = rows_ ? 1 : count;
        tile.segments = sizes_.blocks;
        tile.length = rows_ ? count : sizes_.lanes;
        tile.tensor_line = sizes_.lanes;
        tile.tensor_segment = sizes_.positions * sizes_.lanes;
        tile.line_step = line_;
        tile.line_segment = rows_ ? tile_ : sizes_.lanes;
        body((i / tiles * stored * sizes_.positions) + first * sizes_.lanes, tile, memory, memory + buffer(),
             memory + 2 * buffer());
      }
    });
  }

  ChannelSizes sizes_;
  bool rows_;     // lines are rows of positions
  int64_t tile_;  // positions at a time
  int64_t halo_;  // zeros before the first channel
  LrnLine numbers_;
  int64_t line_;  // from a line to the next
  LrnFormula formula_;
  float slope_;
};

// All tensors in the layout that the inputs suggest.
template <typename Run>
std::vector<Candidate> LaneCandidate(const KernelContext& context, std::initializer_list<int> inputs, const Run& run) {
  if (HasEmptyTensor(context)) return {ZerosCandidate(context)};
  const TensorType& type = context.input_type(0);
  const int64_t lanes = ChooseLanes(context, inputs);
  const Layout layout = ChannelLayout(type, lanes);
  const Job job(context.attrs<LrnAttrs>(), type.shape, lanes);
  const auto function = [job, run](const Buffers& b) {
    run(job, b);
    return absl::OkStatus();
  };
  return {FunctionCandidate("gradus:lines", std::vector<Layout>(inputs.size(), layout), {layout}, function,
                            job.ScratchBytes(context.threads))};
}

absl::StatusOr<std::vector<Candidate>> LrnCandidates(const KernelContext& context) {
  return LaneCandidate(
      context, {0}, [](const Job& job, const Buffers& b) { job.Forward(b.in<float>(0), b.out<float>(0), b.scratch); });
}

absl::StatusOr<std::vector<Candidate>> LrnBackwardCandidates(const KernelContext& context) {
  return LaneCandidate(context, {0, 1}, [](const Job& job, const Buffers& b) {
    job.Backward(b.in<float>(0), b.in<float>(1), b.out<float>(0), b.scratch);
  });
}

}  // namespace

REGISTER_KERNEL(Lrn, LrnCandidates);
REGISTER_KERNEL(LrnBackward, LrnBackwardCandidates);

}  // namespace gradus
