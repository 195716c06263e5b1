// Any layout that convolutions give, without a change: two passes over memory forward (sums, then the normalisation)
// and two backward, over as many blocks of channels at a time as fit into caches. Each block's rows are cut into parts;
// sums of parts are kept apart and added up in order, so the result is the same for any number of threads.
#include "ops/batch_norm.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <initializer_list>
#include <utility>
#include <vector>

#include "graph/kernel.h"
#include "graph/onednn_kernel.h"
#include "ops/kernels/batch_norm_loops.h"
#include "ops/kernels/batch_norm_rows.h"
#include "ops/kernels/channel_layout.h"

namespace gradus {
namespace {

// Two sums for each part and stored channel, then tables of stored channels for the second pass.
class Scratch {
 public:
  static int64_t Bytes(const ChannelRows& rows) {
    return rows.stored_channels() *
           (rows.parts * 2 * static_cast<int64_t>(sizeof(double)) + kMostTables * static_cast<int64_t>(sizeof(float)));
  }
  Scratch(const ChannelRows& rows, void* memory) : rows_(rows), sums_(static_cast<double*>(memory)) {}

  double* sum(int64_t part, int which) const { return sums_ + (2 * part + which) * rows_.stored_channels(); }
  float* table(int which) const {
    return reinterpret_cast<float*>(sum(rows_.parts, 0)) + which * rows_.stored_channels();
  }
  double Total(int64_t channel, int which) const {
    double total = 0;
    for (int64_t part = 0; part < rows_.parts; ++part) total += sum(part, which)[channel];
    return total;
  }

  static constexpr int kMostTables = 4;

 private:
  const ChannelRows& rows_;
  double* sums_;
};

// Fills both sums of every part: add(offset, elements, period, sum 0, sum 1) adds those of one run.
template <typename Add>
void SumParts(const ChannelRows& rows, const BlockRange& range, const Scratch& scratch, const Add& add) {
  rows.ForEachPart(range, [&](int64_t block, int64_t part) {
    double* const sums[2] = {scratch.sum(part, 0) + block * rows.lanes, scratch.sum(part, 1) + block * rows.lanes};
    for (double* sum : sums) std::fill_n(sum, rows.lanes, 0.0);
    const bool direct = rows.period == rows.lanes;
    double repeated[2][kStackPeriod];
    if (!direct) {
      for (auto& sum : repeated) std::fill_n(sum, rows.period, 0.0);
    }
    double* const target[2] = {direct ? sums[0] : repeated[0], direct ? sums[1] : repeated[1]};
    rows.ForEachRun(block, part, [&](int64_t offset, int64_t n) { add(offset, n, rows.period, target[0], target[1]); });
    if (direct) return;
    for (int which = 0; which < 2; ++which) {
      for (int64_t first = 0; first < rows.period; first += rows.lanes) {
        for (int64_t lane = 0; lane < rows.lanes; ++lane) sums[which][lane] += repeated[which][first + lane];
      }
    }
  });
}

// The entries of some tables for one block, repeated to the period.
template <int kTables>
class BlockTables {
 public:
  BlockTables(const ChannelRows& rows, const Scratch& scratch, int64_t block) {
    for (int t = 0; t < kTables; ++t) {
      const float* entries = scratch.table(t) + block * rows.lanes;
      tables_[t] = entries;
      if (rows.period == rows.lanes) continue;
      for (int64_t i = 0; i < rows.period; i += rows.lanes) std::copy_n(entries, rows.lanes, repeated_[t] + i);
      tables_[t] = repeated_[t];
    }
  }
  const float* operator[](int t) const { return tables_[t]; }

 private:
  std::array<const float*, kTables> tables_;
  float repeated_[kTables][kStackPeriod];
};

// Padding has zeros in every table, which make zeros of zeros.
void ClearPadding(const ChannelRows& rows, const Scratch& scratch) {
  for (int t = 0; t < Scratch::kMostTables; ++t) {
    std::fill(scratch.table(t) + rows.channels, scratch.table(t) + rows.stored_channels(), 0.0f);
  }
}

// y of the tables mean, factor, shift.
void NormaliseParts(const ChannelRows& rows, const BlockRange& range, const Scratch& scratch, const float* x,
                    float* y) {
  rows.ForEachPart(range, [&](int64_t block, int64_t part) {
    const BlockTables<3> tables(rows, scratch, block);
    rows.ForEachRun(block, part, [&](int64_t offset, int64_t n) {
      Normalise(x + offset, n, rows.period, {tables[0], tables[1], tables[2]}, y + offset);
    });
  });
}

// Where inputs of the node are; -1: there is none.
struct Vectors {
  int scale, shift;
  double Scale(const Buffers& b, int64_t c) const { return scale < 0 ? 1 : b.in<float>(scale)[c]; }
  double Shift(const Buffers& b, int64_t c) const { return shift < 0 ? 0 : b.in<float>(shift)[c]; }
};

Vectors FindVectors(const BatchNormAttrs& attrs, int first) {
  return {attrs.has_scale ? first : -1, attrs.has_shift ? first + attrs.has_scale : -1};
}

void SetTables(const Scratch& scratch, int64_t c, std::initializer_list<double> values) {
  int t = 0;
  for (double value : values) scratch.table(t++)[c] = static_cast<float>(value);
}

void Forward(const ChannelRows& rows, double epsilon, const Vectors& vectors, const Buffers& b) {
  const Scratch scratch(rows, b.scratch);
  ClearPadding(rows, scratch);
  const float* x = b.in<float>(0);
  const double m = static_cast<double>(rows.rows);
  rows.ForEachRange(1, [&](const BlockRange& range) {
    SumParts(rows, range, scratch, [&](int64_t offset, int64_t n, int64_t period, double* sum, double* square) {
      AddSquares(x + offset, n, period, sum, square);
    });
    rows.ForEachChannel(range, [&](int64_t c) {
      const double mean = scratch.Total(c, 0) / m, difference = scratch.Total(c, 1) / m - mean * mean;
      const double variance = difference < 0 ? 0 : difference;  // not a number stays so
      b.out<float>(1)[c] = static_cast<float>(mean);
      b.out<float>(2)[c] = static_cast<float>(variance);
      SetTables(scratch, c, {mean, vectors.Scale(b, c) / std::sqrt(variance + epsilon), vectors.Shift(b, c)});
    });
    NormaliseParts(rows, range, scratch, x, b.out<float>(0));
  });
}

void Inference(const ChannelRows& rows, double epsilon, const Vectors& vectors, const Buffers& b) {
  const Scratch scratch(rows, b.scratch);
  ClearPadding(rows, scratch);
  const BlockRange all = {0, rows.blocks};
  rows.ForEachChannel(all, [&](int64_t c) {
    const double factor = vectors.Scale(b, c) / std::sqrt(b.in<float>(2)[c] + epsilon);
    SetTables(scratch, c, {b.in<float>(1)[c], factor, vectors.Shift(b, c)});
  });
  NormaliseParts(rows, all, scratch, b.in<float>(0), b.out<float>(0));
}

// With s = sum(dy), t = sum(dy (x - mean)), r = 1 / sqrt(variance + epsilon):
//   dx = scale r (dy - s / m - (x - mean) r^2 t / m),   dscale = r t,   dshift = s
void Backward(const ChannelRows& rows, const BatchNormAttrs& attrs, const Vectors& vectors, const Buffers& b) {
  const Scratch scratch(rows, b.scratch);
  ClearPadding(rows, scratch);
  const float *x = b.in<float>(0), *dy = b.in<float>(1);
  float* dx = b.out<float>(0);
  const double m = static_cast<double>(rows.rows);
  rows.ForEachRange(2, [&](const BlockRange& range) {
    SumParts(rows, range, scratch, [&](int64_t offset, int64_t n, int64_t period, double* sum, double* product) {
      AddProducts(dy + offset, x + offset, n, period, sum, product);
    });
    rows.ForEachChannel(range, [&](int64_t c) {
      const double mean = b.in<float>(2)[c], r = 1 / std::sqrt(b.in<float>(3)[c] + attrs.epsilon);
      const double s = scratch.Total(c, 0), t = scratch.Total(c, 1) - mean * s;
      const double factor = vectors.Scale(b, c) * r;
      if (attrs.has_scale) b.out<float>(1)[c] = static_cast<float>(r * t);
      if (attrs.has_shift) b.out<float>(1 + attrs.has_scale)[c] = static_cast<float>(s);
      SetTables(scratch, c, {mean, factor, factor * r * r * t / m, factor * s / m});
    });
    rows.ForEachPart(range, [&](int64_t block, int64_t part) {
      const BlockTables<4> tables(rows, scratch, block);
      rows.ForEachRun(block, part, [&](int64_t offset, int64_t n) {
        NormaliseBackward(x + offset, dy + offset, n, rows.period, {tables[0], tables[1], tables[2], tables[3]},
                          dx + offset);
      });
    });
  });
}

// `tensors` inputs and output 0 share a layout of the first input's kind; all others are plain vectors. `run` is called
// with rows and buffers.
template <typename Run>
std::vector<Candidate> LaneCandidate(const KernelContext& context, int tensors, const Run& run) {
  if (HasEmptyTensor(context)) return {ZerosCandidate(context)};
  const TensorType& type = context.input_type(0);
  const int64_t lanes = tensors == 1 ? ChooseLanes(context, {0}) : ChooseLanes(context, {0, 1});
  const Layout layout = ChannelLayout(type, lanes), vector = Layout::Plain({DType::kFloat32, Shape{type.shape[1]}});
  std::vector<Layout> inputs(context.node.inputs.size(), vector), outputs(context.node.outputs.size(), vector);
  std::fill_n(inputs.begin(), tensors, layout);
  outputs[0] = layout;
  const ChannelRows rows(ChannelSizes(type.shape, lanes));
  const auto function = [rows, run](const Buffers& b) {
    run(rows, b);
    return absl::OkStatus();
  };
  return {FunctionCandidate("gradus:lanes", std::move(inputs), std::move(outputs), function, Scratch::Bytes(rows))};
}

absl::StatusOr<std::vector<Candidate>> ForwardCandidates(const KernelContext& context) {
  const auto& attrs = context.attrs<BatchNormAttrs>();
  return LaneCandidate(context, 1,
                       [epsilon = attrs.epsilon, vectors = FindVectors(attrs, 1)](
                           const ChannelRows& rows, const Buffers& b) { Forward(rows, epsilon, vectors, b); });
}

absl::StatusOr<std::vector<Candidate>> InferenceCandidates(const KernelContext& context) {
  const auto& attrs = context.attrs<BatchNormAttrs>();
  return LaneCandidate(context, 1,
                       [epsilon = attrs.epsilon, vectors = FindVectors(attrs, 3)](
                           const ChannelRows& rows, const Buffers& b) { Inference(rows, epsilon, vectors, b); });
}

absl::StatusOr<std::vector<Candidate>> BackwardCandidates(const KernelContext& context) {
  const auto& attrs = context.attrs<BatchNormAttrs>();
  return LaneCandidate(context, 2, [attrs, vectors = FindVectors(attrs, 4)](const ChannelRows& rows, const Buffers& b) {
    Backward(rows, attrs, vectors, b);
  });
}

absl::StatusOr<std::vector<Candidate>> RunningAverageCandidates(const KernelContext& context) {
  const auto& attrs = context.attrs<RunningAverageAttrs>();
  const int64_t n = context.output_type(0).shape.num_elements();
  const float kept = static_cast<float>(attrs.momentum);
  const float taken = static_cast<float>((1 - attrs.momentum) * attrs.correction);
  const Layout plain = Layout::Plain(context.output_type(0));
  const auto function = [n, kept, taken](const Buffers& b) {
    for (int64_t i = 0; i < n; ++i) b.out<float>(0)[i] = kept * b.in<float>(0)[i] + taken * b.in<float>(1)[i];
    return absl::OkStatus();
  };
  return std::vector<Candidate>{FunctionCandidate("gradus:plain", {plain, plain}, {plain}, function)};
}

}  // namespace

REGISTER_KERNEL(BatchNorm, ForwardCandidates);
REGISTER_KERNEL(BatchNormInference, InferenceCandidates);
REGISTER_KERNEL(BatchNormBackward, BackwardCandidates);
REGISTER_KERNEL(RunningAverage, RunningAverageCandidates);

}  // namespace gradus
