#include "ops/kernels/reduction.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "core/parallel.h"
#include "graph/onednn_kernel.h"
#include "ops/kernels/multiversion.h"
#include "ops/kernels/strided_loops.h"

namespace gradus {
namespace {

constexpr int64_t kTile = 256;  // neighbouring results that are made together
constexpr int64_t kElementsWorthAThread = 16384;

// sums[c] += sum over r of x[r * row_stride + c * col_stride]
GRADUS_MULTIVERSION void SumRows(const float* x, int64_t rows, int64_t row_stride, int64_t cols, int64_t col_stride,
                                 double* sums) {
  for (int64_t r = 0; r < rows; ++r, x += row_stride) {
    if (col_stride == 1) {
      for (int64_t c = 0; c < cols; ++c) sums[c] += x[c];
    } else {
      for (int64_t c = 0; c < cols; ++c) sums[c] += x[c * col_stride];
    }
  }
}

GRADUS_MULTIVERSION void MaximaOfRows(const float* x, int64_t rows, int64_t row_stride, int64_t cols,
                                      int64_t col_stride, double* maxima) {
  for (int64_t r = 0; r < rows; ++r, x += row_stride) {
    for (int64_t c = 0; c < cols; ++c) {
      const double value = x[c * col_stride];
      maxima[c] = value > maxima[c] ? value : maxima[c];
    }
  }
}

// The same for one result: the sum of a run of elements.
GRADUS_MULTIVERSION double Sum(const float* x, int64_t n) {
  double sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < n; ++i) sum += x[i];
  return sum;
}

GRADUS_MULTIVERSION double Maximum(const float* x, int64_t n) {
  float maximum = -std::numeric_limits<float>::infinity();
#pragma omp simd reduction(max : maximum)
  for (int64_t i = 0; i < n; ++i) maximum = x[i] > maximum ? x[i] : maximum;
  return maximum;
}

using Loops = absl::InlinedVector<StridedLoops::Loop, 8>;

int64_t Turns(const Loops& loops) {
  int64_t turns = 1;
  for (const StridedLoops::Loop& loop : loops) turns *= loop.size;
  return turns;
}

// How far turn `index` of the loops lies from their beginning in buffer `operand`.
int64_t Offset(const Loops& loops, int operand, int64_t index) {
  int64_t offset = 0;
  for (size_t i = loops.size(); i-- > 0; index /= loops[i].size) {
    offset += index % loops[i].size * loops[i].stride[operand];
  }
  return offset;
}

// Every unit of work makes a tile of neighbouring results from the elements in a range of the reduced loops. Where
// units are too few for the threads, the range is split in parts whose results, in scratch memory, are joined
// afterwards.
class Reduction {
 public:
  // Operand 0 of the loops is x, operand 1 is y, which stands still in the loops that are reduced.
  Reduction(Reduce::Function function, const StridedLoops& loops, double scale, int threads)
      : maximum_(function == Reduce::MAX), scale_(scale), offset_(loops.offset()) {
    for (const StridedLoops::Loop& loop : loops.loops()) {
      (loop.stride[1] == 0 ? reduced_ : kept_).push_back(loop);
    }
    if (!kept_.empty() && loops.loops().back().stride[1] != 0) {
      across_ = kept_.back();
      kept_.pop_back();
    }
    tile_ = std::min(across_.size, kTile);
    tiles_ = (across_.size + kTile - 1) / kTile;
    units_ = Turns(kept_) * tiles_;
    turns_ = Turns(reduced_);
    const bool few_units = units_ < 2 * threads;
    parts_ = few_units ? std::clamp<int64_t>(turns_ * tile_ / kElementsWorthAThread, 1, threads) : 1;
  }

  int64_t scratch_bytes() const { return parts_ == 1 ? 0 : parts_ * units_ * tile_ * int64_t{sizeof(double)}; }

  void Run(const float* x, float* y, double* partial) const {
    const int64_t grain = std::max<int64_t>(kElementsWorthAThread * parts_ / (turns_ * tile_), 1);
    ParallelFor(units_ * parts_, grain, [&](int64_t begin, int64_t end) {
      double on_stack[kTile];
      for (int64_t i = begin; i < end; ++i) {
        const int64_t unit = i % units_, part = i / units_;
        double* const results = parts_ == 1 ? on_stack : partial + i * tile_;
        std::fill(results, results + tile_, Neutral());
        Accumulate(x, unit, turns_ * part / parts_, turns_ * (part + 1) / parts_, results);
        if (parts_ == 1) Store(unit, results, y);
      }
    });
    if (parts_ == 1) return;
    for (int64_t unit = 0; unit < units_; ++unit) {
      double* const results = partial + unit * tile_;
      for (int64_t part = 1; part < parts_; ++part) {
        const double* const more = partial + (part * units_ + unit) * tile_;
        for (int64_t c = 0; c < tile_; ++c) results[c] = Join(results[c], more[c]);
      }
      Store(unit, results, y);
    }
  }

 private:
  double Neutral() const { return maximum_ ? -std::numeric_limits<double>::infinity() : 0; }
  double Join(double a, double b) const { return maximum_ ? std::max(a, b) : a + b; }

  int64_t UnitOffset(int operand, int64_t unit) const {
    return offset_[operand] + Offset(kept_, operand, unit / tiles_) + unit % tiles_ * kTile * across_.stride[operand];
  }
  int64_t Width(int64_t unit) const { return std::min(kTile, across_.size - unit % tiles_ * kTile); }

  // Adds turns [begin, end) of the reduced loops to a unit's results, one run of the innermost at a time.
  void Accumulate(const float* x, int64_t unit, int64_t begin, int64_t end, double* results) const {
    const StridedLoops::Loop inner = reduced_.empty() ? StridedLoops::Loop{1, {}} : reduced_.back();
    x += UnitOffset(0, unit);
    while (begin < end) {
      const int64_t run = std::min(end - begin, inner.size - begin % inner.size);
      const float* const from = x + Offset(reduced_, 0, begin);
      if (across_.size == 1 && inner.stride[0] == 1) {
        results[0] = Join(results[0], maximum_ ? Maximum(from, run) : Sum(from, run));
      } else {
        const auto rows = maximum_ ? MaximaOfRows : SumRows;
        rows(from, run, inner.stride[0], Width(unit), across_.stride[0], results);
      }
      begin += run;
    }
  }

  void Store(int64_t unit, const double* results, float* y) const {
    y += UnitOffset(1, unit);
    for (int64_t c = 0; c < Width(unit); ++c) y[c * across_.stride[1]] = static_cast<float>(results[c] * scale_);
  }

  bool maximum_;
  double scale_;
  OperandStrides offset_;
  Loops kept_, reduced_;
  StridedLoops::Loop across_{1, {}};  // the innermost loop if it is kept: results that are neighbours
  int64_t tile_, tiles_, units_, turns_, parts_;
};

struct Layouts {
  Layout x, y;
};

// As x lies, with y plain or like it; else both plain. Padding, being zeros, is no part of a maximum.
std::vector<Layouts> Choices(const KernelContext& context, Reduce::Function function, const Shape& kept) {
  const Layout& x = context.inputs[0];
  const Layout plain = Layout::Plain(context.output_type(0));
  std::vector<Layouts> choices;
  if (!x.plain() && Loopable(x) && !(function == Reduce::MAX && x.padded())) {
    choices.push_back({x, plain});
    if (x.desc().ndims == context.input_type(0).shape.rank()) choices.push_back({x, LayoutLike(x, kept)});
  }
  choices.push_back({Layout::Plain(context.input_type(0)), plain});
  return choices;
}

}  // namespace

absl::StatusOr<std::vector<Candidate>> ReductionCandidates(const KernelContext& context, Reduce::Function function,
                                                           const Shape& kept) {
  if (HasEmptyTensor(context)) return std::vector<Candidate>{ZerosCandidate(context)};
  const Shape& x = context.input_type(0).shape;
  double scale = 1;
  if (function == Reduce::MEAN)
    scale = static_cast<double>(kept.num_elements()) / static_cast<double>(x.num_elements());
  for (const Layouts& layouts : Choices(context, function, kept)) {
    const std::optional<StridedLoops> loops = StridedLoops::Make(x.dims(), {{layouts.x, x}, {layouts.y, kept}});
    if (!loops) continue;
    const Reduction reduction(function, *loops, scale, context.threads);
    return std::vector<Candidate>{FunctionCandidate(
        "gradus:loop", {layouts.x}, {layouts.y},
        [reduction](const Buffers& buffers) {
          reduction.Run(buffers.in<float>(0), buffers.out<float>(0), static_cast<double*>(buffers.scratch));
          return absl::OkStatus();
        },
        reduction.scratch_bytes())};
  }
  return absl::InternalError("plain operands without loops");
}

}  // namespace gradus
