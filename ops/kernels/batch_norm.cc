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

  static constexpr int kMostTables = 5;

 private:
  const ChannelRows& rows_;
  double* sums_;
};

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

// Fills both sums of every part: add(tables, offset, elements, sum 0, sum 1) adds those of one run.
template <int kTables, typename Add>
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
    const BlockTables<kTables> tables(rows, scratch, block);
    rows.ForEachRun(block, part, [&](int64_t offset, int64_t n) { add(tables, offset, n, target[0], target[1]); });
    if (direct) return;
    for (int which = 0; which < 2; ++which) {
      for (int64_t first = 0; first < rows.period; first += rows.lanes) {
        for (int64_t lane = 0; lane < rows.lanes; ++lane) sums[which][lane] += repeated[which][first + lane];
      }
    }
  });
}

// Padding has zeros in every table, which make zeros of zeros.
void ClearPadding(const ChannelRows& rows, const Scratch& scratch) {
  for (int t = 0; t < Scratch::kMostTables; ++t) {
    std::fill(scratch.table(t) + rows.channels, scratch.table(t) + rows.stored_channels(), 0.0f);
  }
}

// y of the tables mean, factor, shift; `residual` may be null.
void NormaliseParts(const ChannelRows& rows, const BlockRange& range, const Scratch& scratch, const float* x,
                    const float* residual, bool relu, float* y) {
  rows.ForEachPart(range, [&](int64_t block, int64_t part) {
    const BlockTables<3> tables(rows, scratch, block);
    rows.ForEachRun(block, part, [&](int64_t offset, int64_t n) {
      Normalise(x + offset, n, rows.period, {tables[0], tables[1], tables[2]},
                {residual == nullptr ? nullptr : residual + offset, relu}, y + offset);
    });
  });
}

// Where inputs of the node are, and what it does; -1: there is none.
struct Form {
  double epsilon;
  int residual, scale, shift;
  bool relu;

  double Factor(const Buffers& b, int64_t c, float variance) const {
    return (scale < 0 ? 1 : b.in<float>(scale)[c]) / std::sqrt(variance + epsilon);
  }
  double Shift(const Buffers& b, int64_t c) const { return shift < 0 ? 0 : b.in<float>(shift)[c]; }
  const float* Residual(const Buffers& b) const { return residual < 0 ? nullptr : b.in<float>(residual); }
};

// `first`: the first of the inputs that the attributes speak of.
Form MakeForm(const BatchNormAttrs& attrs, int first, bool relu = false, int residual = -1) {
  return {attrs.epsilon, residual, attrs.has_scale ? first : -1, attrs.has_shift ? first + attrs.has_scale : -1, relu};
}

void SetTables(const Scratch& scratch, int64_t c, std::initializer_list<double> values) {
  int t = 0;
  for (double value : values) scratch.table(t++)[c] = static_cast<float>(value);
}

// Normalises by the statistics as the outputs have them, so that a backward operation computes the very same.
void Forward(const ChannelRows& rows, const Form& form, const Buffers& b) {
  const Scratch scratch(rows, b.scratch);
  ClearPadding(rows, scratch);
  const float* x = b.in<float>(0);
  const double m = static_cast<double>(rows.rows);
  rows.ForEachRange(form.residual < 0 ? 1 : 2, [&](const BlockRange& range) {
    SumParts<0>(rows, range, scratch,
                [&](const BlockTables<0>&, int64_t offset, int64_t n, double* sum, double* square) {
                  AddSquares(x + offset, n, rows.period, sum, square);
                });
    rows.ForEachChannel(range, [&](int64_t c) {
      const double mean = scratch.Total(c, 0) / m, difference = scratch.Total(c, 1) / m - mean * mean;
      const auto variance = static_cast<float>(difference < 0 ? 0 : difference);  // not a number stays so
      b.out<float>(1)[c] = static_cast<float>(mean);
      b.out<float>(2)[c] = variance;
      SetTables(scratch, c, {mean, form.Factor(b, c, variance), form.Shift(b, c)});
    });
    NormaliseParts(rows, range, scratch, x, form.Residual(b), form.relu, b.out<float>(0));
  });
}

// `mean`: the input that holds the means, behind which come the variances.
void Inference(const ChannelRows& rows, const Form& form, int mean, const Buffers& b) {
  const Scratch scratch(rows, b.scratch);
  ClearPadding(rows, scratch);
  const BlockRange all = {0, rows.blocks};
  rows.ForEachChannel(all, [&](int64_t c) {
    SetTables(scratch, c, {b.in<float>(mean)[c], form.Factor(b, c, b.in<float>(mean + 1)[c]), form.Shift(b, c)});
  });
  NormaliseParts(rows, all, scratch, b.in<float>(0), form.Residual(b), form.relu, b.out<float>(0));
}

// With g = dy, or dy where y > 0, s = sum(g), t = sum(g (x - mean)), r = 1 / sqrt(variance + epsilon):
//   dx = scale r (g - s / m - (x - mean) r^2 t / m),   dscale = r t,   dshift = s
void Backward(const ChannelRows& rows, const BatchNormAttrs& attrs, const Form& form, const Buffers& b) {
  const Scratch scratch(rows, b.scratch);
  ClearPadding(rows, scratch);
  const float *x = b.in<float>(0), *dy = b.in<float>(1);
  float* dx = b.out<float>(0);
  const double m = static_cast<double>(rows.rows);
  rows.ForEachRange(2, [&](const BlockRange& range) {
    rows.ForEachChannel(range, [&](int64_t c) {
      SetTables(scratch, c, {b.in<float>(2)[c], form.Factor(b, c, b.in<float>(3)[c]), form.Shift(b, c)});
    });
    SumParts<3>(rows, range, scratch,
                [&](const BlockTables<3>& tables, int64_t offset, int64_t n, double* sum, double* product) {
                  AddProducts(dy + offset, x + offset, n, rows.period, {tables[0], tables[1], tables[2]}, form.relu,
                              sum, product);
                });
    rows.ForEachChannel(range, [&](int64_t c) {
      const double mean = b.in<float>(2)[c], r = 1 / std::sqrt(b.in<float>(3)[c] + attrs.epsilon);
      const double s = scratch.Total(c, 0), t = scratch.Total(c, 1) - mean * s;
      const double factor = form.Factor(b, c, b.in<float>(3)[c]);
      if (attrs.has_scale) b.out<float>(1)[c] = static_cast<float>(r * t);
      if (attrs.has_shift) b.out<float>(1 + attrs.has_scale)[c] = static_cast<float>(s);
      SetTables(scratch, c, {mean, factor, form.Shift(b, c), factor * r * r * t / m, factor * s / m});
    });
    rows.ForEachPart(range, [&](int64_t block, int64_t part) {
      const BlockTables<5> tables(rows, scratch, block);
      rows.ForEachRun(block, part, [&](int64_t offset, int64_t n) {
        NormaliseBackward(x + offset, dy + offset, n, rows.period,
                          {{tables[0], tables[1], tables[2]}, tables[3], tables[4]}, form.relu, dx + offset);
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

std::vector<Candidate> ForwardCandidates(const KernelContext& context, const Form& form) {
  return LaneCandidate(context, form.residual < 0 ? 1 : 2,
                       [form](const ChannelRows& rows, const Buffers& b) { Forward(rows, form, b); });
}

std::vector<Candidate> InferenceCandidates(const KernelContext& context, const Form& form, int mean) {
  return LaneCandidate(context, form.residual < 0 ? 1 : 2,
                       [form, mean](const ChannelRows& rows, const Buffers& b) { Inference(rows, form, mean, b); });
}

std::vector<Candidate> BackwardCandidates(const KernelContext& context, bool relu) {
  const auto& attrs = context.attrs<BatchNormAttrs>();
  Form form = MakeForm(attrs, 4, relu);
  if (!relu) form.shift = -1;  // no input
  return LaneCandidate(context, 2,
                       [attrs, form](const ChannelRows& rows, const Buffers& b) { Backward(rows, attrs, form, b); });
}

using Factory = absl::StatusOr<std::vector<Candidate>>;

Factory BatchNormCandidates(const KernelContext& context) {
  return ForwardCandidates(context, MakeForm(context.attrs<BatchNormAttrs>(), 1));
}
Factory BatchNormReluCandidates(const KernelContext& context) {
  return ForwardCandidates(context, MakeForm(context.attrs<BatchNormAttrs>(), 1, /*relu=*/true));
}
Factory BatchNormAddCandidates(const KernelContext& context) {
  const auto& attrs = context.attrs<BatchNormAddAttrs>();
  return ForwardCandidates(context, MakeForm(attrs.norm, 2, attrs.relu, /*residual=*/1));
}
Factory BatchNormInferenceCandidates(const KernelContext& context) {
  return InferenceCandidates(context, MakeForm(context.attrs<BatchNormAttrs>(), 3), 1);
}
Factory BatchNormInferenceReluCandidates(const KernelContext& context) {
  return InferenceCandidates(context, MakeForm(context.attrs<BatchNormAttrs>(), 3, /*relu=*/true), 1);
}
Factory BatchNormInferenceAddCandidates(const KernelContext& context) {
  const auto& attrs = context.attrs<BatchNormAddAttrs>();
  return InferenceCandidates(context, MakeForm(attrs.norm, 4, attrs.relu, /*residual=*/1), 2);
}
Factory BatchNormBackwardCandidates(const KernelContext& context) { return BackwardCandidates(context, false); }
Factory BatchNormReluBackwardCandidates(const KernelContext& context) { return BackwardCandidates(context, true); }

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

REGISTER_KERNEL(BatchNorm, BatchNormCandidates);
REGISTER_KERNEL(BatchNormRelu, BatchNormReluCandidates);
REGISTER_KERNEL(BatchNormAdd, BatchNormAddCandidates);
REGISTER_KERNEL(BatchNormInference, BatchNormInferenceCandidates);
REGISTER_KERNEL(BatchNormInferenceRelu, BatchNormInferenceReluCandidates);
REGISTER_KERNEL(BatchNormInferenceAdd, BatchNormInferenceAddCandidates);
REGISTER_KERNEL(BatchNormBackward, BatchNormBackwardCandidates);
REGISTER_KERNEL(BatchNormReluBackward, BatchNormReluBackwardCandidates);
REGISTER_KERNEL(RunningAverage, RunningAverageCandidates);

}  // namespace gradus
