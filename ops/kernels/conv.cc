// Convolution by oneDNN, and our own where they are likely to be faster. For each way to lay out inputs and outputs (as
// they are at hand, or as oneDNN likes best) oneDNN gives a candidate; those that it runs by generated code for this
// layout come before those by GEMM over unfolded images, and its plain loops come last.
#include "ops/conv.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/onednn.h"
#include "core/status_macros.h"
#include "graph/kernel.h"
#include "graph/onednn_kernel.h"
#include "graph/op.h"
#include "ops/kernels/conv_epilogue.h"
#include "ops/kernels/conv_runs.h"
#include "ops/kernels/direct_conv.h"
#include "ops/kernels/fold_conv.h"
#include "ops/kernels/image_conv.h"
#include "ops/kernels/tile_gemm.h"
#include "ops/kernels/winograd_conv.h"

namespace gradus {
namespace {

using dnnl::memory;
using Descs = std::vector<memory::desc>;

// A convolution's numbers in oneDNN's terms.
struct Problem {
  memory::dims stride, dilation, pad_begin, pad_end;
  memory::dims weights;  // [groups, filters / groups, C / groups, kernel...] when there are groups

  Problem(const ConvAttrs& conv, const Shape& w)
      : stride(ToDnnl(conv.window.stride)),
        dilation(ToDnnl(conv.window.dilation)),
        pad_begin(ToDnnl(conv.window.pad_begin)),
        pad_end(ToDnnl(conv.window.pad_end)),
        weights(ToDnnl(w)) {
    for (memory::dim& step : dilation) --step;
    if (conv.groups > 1) {
      weights[0] /= conv.groups;
      weights.insert(weights.begin(), conv.groups);
    }
  }
};

memory::desc AnyLayout(const memory::dims& dims) {
  return memory::desc(dims, memory::data_type::f32, memory::format_tag::any);
}

// The layouts to try for a tensor of these dimensions: the given ones where they are known, then oneDNN's choice.
Descs Options(const memory::dims& dims, const std::vector<Layout>& given) {
  Descs options;
  for (const Layout& layout : given) {
    const std::optional<memory::desc> desc = DescWithDims(layout, dims);
    if (desc.has_value() && std::find(options.begin(), options.end(), *desc) == options.end()) {
      options.push_back(*desc);
    }
  }
  options.push_back(AnyLayout(dims));
  return options;
}

std::vector<Layout> AtHand(const KernelContext& context, int input) {
  return context.flexible[input] ? std::vector<Layout>{} : std::vector<Layout>{context.inputs[input]};
}

// Layouts of the convolution that a backward node is part of; none when it is part of something else.
const Candidate* ForwardConv(const KernelContext& context) {
  if (context.forward == nullptr) return nullptr;
  const std::string& op = context.graph.node(context.node.forward).op->name();
  return op == "Conv" || op == "FusedConv" ? context.forward : nullptr;
}

// Collects candidates, each once, in the order of their worth.
class Candidates {
 public:
  // Adds what `make` gives, which may throw and may give an empty descriptor where oneDNN cannot.
  template <typename Make>
  void Try(const Make& make, const std::vector<OneDnnArgument>& inputs, const std::vector<OneDnnArgument>& outputs) {
    const dnnl::primitive_desc_base desc = Describe(make);
    if (desc) Add(RankOf(desc), OneDnnCandidate(desc, inputs, outputs));
  }

  // The same of make(attributes), with an epilogue by oneDNN's post-ops where it has generated code for that.
  template <typename Make>
  void TryWithEpilogue(const Make& make, const ConvEpilogue& epilogue, const std::vector<OneDnnArgument>& inputs,
                       const std::vector<OneDnnArgument>& outputs) {
    if (epilogue.any()) {
      const dnnl::primitive_desc_base desc = Describe([&] { return make(WithPostOps(epilogue)); });
      if (desc && !IsPlainLoops(desc)) {
        return Add(RankOf(desc), DoesEpilogue(epilogue, OneDnnCandidate(desc, inputs, outputs)));
      }
    }
    const dnnl::primitive_desc_base desc = Describe([&] { return make(UserScratchpad()); });
    if (desc) Add(RankOf(desc), AddEpilogue(epilogue, OneDnnCandidate(desc, inputs, outputs)));
  }

  void AddOwn(bool pays, std::optional<Candidate> candidate) {
    if (candidate.has_value()) Add(pays ? 0 : 3, *std::move(candidate));
  }

  absl::StatusOr<std::vector<Candidate>> Take() {
    if (ranked_.empty()) return last_error_;
    std::stable_sort(ranked_.begin(), ranked_.end(), [](const Ranked& a, const Ranked& b) { return a.rank < b.rank; });
    std::vector<Candidate> candidates;
    for (Ranked& ranked : ranked_) candidates.push_back(std::move(ranked.candidate));
    return candidates;
  }

 private:
  struct Ranked {
    int rank;
    Candidate candidate;
  };

  template <typename Make>
  dnnl::primitive_desc_base Describe(const Make& make) {
    dnnl::primitive_desc_base desc;
    const absl::Status status = TryOneDnn([&] { desc = make(); });
    if (!status.ok()) last_error_ = status;
    return desc;
  }

  static int RankOf(const dnnl::primitive_desc_base& desc) {
    const bool by_gemm = absl::StrContains(ImplementationName(desc), "gemm:");
    return IsPlainLoops(desc) ? 4 : by_gemm ? 2 : 1;
  }

  void Add(int rank, Candidate candidate) {
    for (const auto& [other_rank, other] : ranked_) {
      if (other.implementation == candidate.implementation && other.inputs == candidate.inputs &&
          other.outputs == candidate.outputs) {
        return;
      }
    }
    ranked_.push_back({rank, std::move(candidate)});
  }

  std::vector<Ranked> ranked_;
  absl::Status last_error_ = absl::UnimplementedError("oneDNN has no implementation of this convolution");
};

// The image as oneDNN takes it for channels last; none where it lies otherwise. (A plain image of one channel is both,
// but oneDNN compares strides.)
std::optional<memory::desc> AsChannelsLast(const Layout& layout, const Shape& image) {
  const Layout channels_last = ChannelsLast(image);
  if (layout != channels_last) return std::nullopt;
  return ToDesc(channels_last);
}

// Whether so much of the blocks that the machine likes would be padding that channels last are better: with AVX-512
// any, with AVX2 more than a third, since pooling and Winograd's convolutions gain more by blocks than a little padding
// costs.
bool WastesBlocks(int64_t channels) {
  const int64_t width = VectorWidth(), padded = (channels + width - 1) / width * width;
  return width == 16 ? padded != channels : padded * 3 > channels * 4;
}

dnnl::convolution_forward::primitive_desc ForwardDesc(const Problem& problem, dnnl::prop_kind kind,
                                                      const memory::desc& x, const memory::desc& w,
                                                      const memory::desc& b, const memory::desc& y,
                                                      const dnnl::primitive_attr& attr) {
  using Forward = dnnl::convolution_forward;
  const auto desc = b.data.ndims == 0
                        ? Forward::desc(kind, dnnl::algorithm::convolution_direct, x, w, y, problem.stride,
                                        problem.dilation, problem.pad_begin, problem.pad_end)
                        : Forward::desc(kind, dnnl::algorithm::convolution_direct, x, w, b, y, problem.stride,
                                        problem.dilation, problem.pad_begin, problem.pad_end);
  return {desc, attr, CpuEngine(), /*allow_empty=*/true};
}

// oneDNN asks for it to make a backward primitive.
dnnl::convolution_forward::primitive_desc Hint(const Problem& problem, const memory::dims& x, const memory::dims& y) {
  return ForwardDesc(problem, dnnl::prop_kind::forward_training, AnyLayout(x), AnyLayout(problem.weights),
                     memory::desc(), AnyLayout(y), UserScratchpad());
}

// Of Conv and FusedConv.
absl::StatusOr<std::vector<Candidate>> ConvCandidates(const KernelContext& context) {
  GRADUS_RETURN_IF_ERROR(CheckSizes(context));
  if (HasEmptyTensor(context)) return std::vector<Candidate>{ZerosCandidate(context)};
  const ConvAttrs& attrs = ConvOf(context.node);
  const ConvEpilogue epilogue = EpilogueOf(context.node);
  const Problem problem(attrs, context.input_type(1).shape);
  const auto kind = context.inference ? dnnl::prop_kind::forward_inference : dnnl::prop_kind::forward_training;
  memory::desc b;
  std::vector<OneDnnArgument> inputs = {{DNNL_ARG_SRC, 0}, {DNNL_ARG_WEIGHTS, 1}};
  if (epilogue.has_bias()) {
    b = ToDesc(Layout::Plain(context.input_type(epilogue.bias)));
    inputs.push_back({DNNL_ARG_BIAS, 2});
  }
  const Shape &x_shape = context.input_type(0).shape, &y_shape = context.output_type(0).shape;
  Candidates candidates;
  const ConvShapes shapes{attrs, x_shape, context.input_type(1).shape, y_shape};
  candidates.AddOwn(WinogradPays(shapes), WinogradForward(shapes, epilogue, context.threads));
  const auto runs = ConvRuns::Make(attrs, x_shape, context.input_type(1).shape, y_shape, context.inputs[0]);
  if (runs.has_value()) {
    const bool has_bias = epilogue.has_bias();
    const auto add = [&](bool pays, std::optional<Candidate> own) {
      if (own.has_value()) candidates.AddOwn(pays, AddEpilogue(epilogue, *std::move(own)));
    };
    add(DirectConvPays(*runs, context.threads).forward,
        DirectConvForward(*runs, x_shape, y_shape, has_bias, context.threads));
    add(ImageConvPays(*runs), ImageConvForward(*runs, x_shape, y_shape, has_bias, context.threads));
  }
  const auto try_layouts = [&](const memory::desc& x, const memory::desc& y) {
    for (const memory::desc& w : Options(problem.weights, AtHand(context, 1))) {
      const auto make = [&](const dnnl::primitive_attr& attr) { return ForwardDesc(problem, kind, x, w, b, y, attr); };
      candidates.TryWithEpilogue(make, epilogue, inputs, {{DNNL_ARG_DST, 0}});
    }
  };
  const std::optional<memory::desc> last = AsChannelsLast(context.inputs[0], x_shape);
  if (last.has_value() && WastesBlocks(y_shape[1])) try_layouts(*last, ToDesc(ChannelsLast(y_shape)));
  for (const memory::desc& x : Options(ToDnnl(x_shape), AtHand(context, 0))) {
    for (const memory::desc& y : Options(ToDnnl(y_shape), {context.wanted[0]})) try_layouts(x, y);
  }
  return candidates.Take();
}

absl::StatusOr<std::vector<Candidate>> ConvBackwardDataCandidates(const KernelContext& context) {
  using Backward = dnnl::convolution_backward_data;
  GRADUS_RETURN_IF_ERROR(CheckSizes(context));
  if (HasEmptyTensor(context)) return std::vector<Candidate>{ZerosCandidate(context)};
  const ConvAttrs& conv = context.attrs<ConvBackwardDataAttrs>().conv;
  const Problem problem(conv, context.input_type(1).shape);
  const Shape &x_shape = context.output_type(0).shape, &y_shape = context.input_type(0).shape;
  const memory::dims x_dims = ToDnnl(x_shape), y_dims = ToDnnl(y_shape);
  std::vector<Layout> wanted = {context.wanted[0]};
  if (const Candidate* forward = ForwardConv(context); forward != nullptr) wanted.push_back(forward->inputs[0]);
  Candidates candidates;
  const ConvShapes shapes{conv, x_shape, context.input_type(1).shape, y_shape};
  candidates.AddOwn(WinogradBackwardDataPays(shapes), WinogradBackwardData(shapes, context.threads));
  const auto runs = ConvRuns::Make(conv, x_shape, context.input_type(1).shape, y_shape, ChannelsLast(x_shape));
  if (runs.has_value()) {
    if (context.inputs[0] == ChannelsLast(y_shape)) wanted.push_back(ChannelsLast(x_shape));
    candidates.AddOwn(FoldConvPays(*runs, context.threads),
                      FoldConvBackwardData(*runs, x_shape, y_shape, context.inputs[0], context.threads));
  }
  for (const memory::desc& dy : Options(y_dims, AtHand(context, 0))) {
    for (const memory::desc& w : Options(problem.weights, AtHand(context, 1))) {
      for (const memory::desc& dx : Options(x_dims, wanted)) {
        const auto make = [&] {
          const auto hint = Hint(problem, x_dims, y_dims);
          const Backward::desc desc(dnnl::algorithm::convolution_direct, dx, w, dy, problem.stride, problem.dilation,
                                    problem.pad_begin, problem.pad_end);
          return Backward::primitive_desc(desc, UserScratchpad(), CpuEngine(), hint, /*allow_empty=*/true);
        };
        candidates.Try(make, {{DNNL_ARG_DIFF_DST, 0}, {DNNL_ARG_WEIGHTS, 1}}, {{DNNL_ARG_DIFF_SRC, 0}});
      }
    }
  }
  return candidates.Take();
}

absl::StatusOr<std::vector<Candidate>> ConvBackwardWeightsCandidates(const KernelContext& context) {
  using Backward = dnnl::convolution_backward_weights;
  GRADUS_RETURN_IF_ERROR(CheckSizes(context));
  if (HasEmptyTensor(context)) return std::vector<Candidate>{ZerosCandidate(context)};
  const auto& attrs = context.attrs<ConvBackwardWeightsAttrs>();
  const Problem problem(attrs.conv, context.output_type(0).shape);
  const Shape &x_shape = context.input_type(0).shape, &y_shape = context.input_type(1).shape;
  const memory::dims x_dims = ToDnnl(x_shape), y_dims = ToDnnl(y_shape);
  std::vector<OneDnnArgument> outputs = {{DNNL_ARG_DIFF_WEIGHTS, 0}};
  if (attrs.has_bias) outputs.push_back({DNNL_ARG_DIFF_BIAS, 1});
  Candidates candidates;
  const ConvShapes shapes{attrs.conv, x_shape, context.output_type(0).shape, y_shape};
  candidates.AddOwn(WinogradPays(shapes), WinogradBackwardWeights(shapes, attrs.has_bias, context.threads));
  const auto runs = ConvRuns::Make(attrs.conv, x_shape, context.output_type(0).shape, y_shape, context.inputs[0]);
  if (runs.has_value()) {
    candidates.AddOwn(DirectConvPays(*runs, context.threads).backward_weights,
                      DirectConvBackwardWeights(*runs, x_shape, y_shape, context.inputs[1], attrs.has_bias,
                                                context.wanted[0], context.threads));
  }
  const auto try_layouts = [&](const memory::desc& x, const memory::desc& dy) {
    for (const memory::desc& dw : Options(problem.weights, {context.wanted[0]})) {
      const auto make = [&] {
        const auto hint = Hint(problem, x_dims, y_dims);
        const auto direct = dnnl::algorithm::convolution_direct;
        const Backward::desc desc =
            attrs.has_bias ? Backward::desc(direct, x, dw, ToDesc(Layout::Plain(context.output_type(1))), dy,
                                            problem.stride, problem.dilation, problem.pad_begin, problem.pad_end)
                           : Backward::desc(direct, x, dw, dy, problem.stride, problem.dilation, problem.pad_begin,
                                            problem.pad_end);
        return Backward::primitive_desc(desc, UserScratchpad(), CpuEngine(), hint, /*allow_empty=*/true);
      };
      candidates.Try(make, {{DNNL_ARG_SRC, 0}, {DNNL_ARG_DIFF_DST, 1}}, outputs);
    }
  };
  const std::optional<memory::desc> last = AsChannelsLast(context.inputs[0], x_shape);
  const std::optional<memory::desc> dy_last = AsChannelsLast(context.inputs[1], y_shape);
  if (last.has_value() && dy_last.has_value()) try_layouts(*last, *dy_last);
  for (const memory::desc& x : Options(x_dims, AtHand(context, 0))) {
    for (const memory::desc& dy : Options(y_dims, AtHand(context, 1))) try_layouts(x, dy);
  }
  return candidates.Take();
}

REGISTER_KERNEL(Conv, ConvCandidates);
REGISTER_KERNEL(FusedConv, ConvCandidates);
REGISTER_KERNEL(ConvBackwardData, ConvBackwardDataCandidates);
REGISTER_KERNEL(ConvBackwardWeights, ConvBackwardWeightsCandidates);

}  // namespace
}  // namespace gradus
