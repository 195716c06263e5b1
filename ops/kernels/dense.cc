// The fully connected layer by oneDNN's inner product, and by products of our own where that is slow: rows a power of
// two apart, small batches. Both read images in blocked layouts as they are: the weights are then f32[units, C,
// spatial...], the same numbers in another order.
#include "ops/dense.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "core/onednn.h"
#include "core/status_macros.h"
#include "graph/kernel.h"
#include "graph/onednn_kernel.h"
#include "graph/op.h"
#include "ops/kernels/channel_layout.h"
#include "ops/kernels/dense_products.h"
#include "ops/kernels/tile_gemm.h"

namespace gradus {
namespace {

using dnnl::memory;

memory::desc AnyLayout(const memory::dims& dims) {
  return memory::desc(dims, memory::data_type::f32, memory::format_tag::any);
}

// x as the image that it is where it lies in a layout of its own, or as a matrix.
struct Source {
  memory::desc desc;
  memory::dims weights;
};

// The sources to try: the layout at hand, then the plain one.
std::vector<Source> Sources(const Layout& layout, const TensorType& x, int64_t units) {
  std::vector<Source> sources;
  memory::dims dims = ToDnnl(x.shape);
  const std::optional<memory::desc> image = DescWithDims(layout, dims);
  if (image.has_value() && !layout.plain() && dims.size() >= 3 && dims.size() <= 5) {
    dims[0] = units;
    sources.push_back({*image, dims});
  }
  const int64_t inputs = x.shape.ElementsBetween(1, x.shape.rank());
  sources.push_back(
      {memory::desc({x.shape[0], inputs}, memory::data_type::f32, memory::format_tag::ab), {units, inputs}});
  return sources;
}

const Candidate* ForwardDense(const KernelContext& context) {
  if (context.forward == nullptr || context.graph.node(context.node.forward).op->name() != "Dense") return nullptr;
  return context.forward;
}

// Weights as they are at hand or wanted, if they can be read so, then as oneDNN likes them.
std::vector<memory::desc> WeightOptions(const Layout& layout, const memory::dims& dims) {
  std::vector<memory::desc> options;
  if (const std::optional<memory::desc> desc = DescWithDims(layout, dims); desc.has_value()) options.push_back(*desc);
  options.push_back(AnyLayout(dims));
  return options;
}

// Adds what `make` gives, if oneDNN has it and more than plain loops for it, and if it is not there yet.
template <typename Make>
void Try(const Make& make, const std::vector<OneDnnArgument>& inputs, const std::vector<OneDnnArgument>& outputs,
         std::vector<Candidate>* candidates) {
  dnnl::primitive_desc_base desc;
  if (!TryOneDnn([&] { desc = make(); }).ok() || !desc || IsPlainLoops(desc)) return;
  Candidate candidate = OneDnnCandidate(desc, inputs, outputs);
  for (const Candidate& other : *candidates) {
    if (other.inputs == candidate.inputs && other.outputs == candidate.outputs) return;
  }
  candidates->push_back(std::move(candidate));
}

dnnl::inner_product_forward::primitive_desc ForwardDesc(dnnl::prop_kind kind, const memory::desc& x,
                                                        const memory::desc& w, const memory::desc& b,
                                                        const memory::desc& y) {
  using Forward = dnnl::inner_product_forward;
  const auto desc = b.data.ndims == 0 ? Forward::desc(kind, x, w, y) : Forward::desc(kind, x, w, b, y);
  return {desc, UserScratchpad(), CpuEngine(), /*allow_empty=*/true};
}

// Of an image in blocks, oneDNN's newer kernels (AVX-512) take two thirds of the time of its GEMM once the image is in
// row-major order, which pays for bringing it there; channels last, its GEMM is as fast.
absl::StatusOr<std::vector<Candidate>> InOrder(std::vector<Candidate> candidates, const Layout& x) {
  if (candidates.empty()) return absl::UnimplementedError("oneDNN has no inner product for these sizes");
  const bool in_blocks = !x.any() && !x.opaque() && x.desc().format_desc.blocking.inner_nblks > 0;
  if (in_blocks) {
    std::stable_partition(candidates.begin(), candidates.end(), [](const Candidate& candidate) {
      return absl::StrContains(candidate.implementation, "brgemm");
    });
  }
  return candidates;
}

// What our own products work on: x and the weights as matrices whose rows are in the same order, padding included.
struct Rows {
  Layout x, weights;
  DenseSizes sizes;
};

// For an x of this type in a layout like `layout`.
Rows RowsOf(const Layout& layout, const TensorType& x, const TensorType& weights) {
  const std::optional<int64_t> lanes = FindLanes(layout, x);
  if (layout.plain() || !lanes.has_value() || x.shape.rank() < 3 || x.shape.rank() > 5) {
    return {Layout::Plain(x), Layout::Plain(weights), {x.shape[0], weights.shape[1], weights.shape[0]}};
  }
  const ChannelSizes sizes(x.shape, *lanes);
  Dims dims(x.shape.dims().begin(), x.shape.dims().end());
  dims[0] = weights.shape[0];
  return {ChannelLayout(x, *lanes),
          ChannelLayout({DType::kFloat32, *Shape::Make(dims)}, *lanes),
          {x.shape[0], sizes.blocks * sizes.positions * sizes.lanes, weights.shape[0]}};
}

// More examples (all steps of sequences, say) pay for the copies of oneDNN's GEMM, which is faster then.
constexpr int64_t kMostExamples = 512;

// Rows so many floats apart meet in few sets of the caches.
bool MeetInCaches(int64_t row) { return row % 512 == 0; }

// Puts our own first where it pays (measured with AVX2; with AVX-512 oneDNN has better kernels) and needs no other
// layout of weights that are there already.
void AddOwn(Candidate own, bool pays, const KernelContext& context, std::vector<Candidate>* candidates) {
  const bool fits = context.flexible[1] || own.inputs[1] == context.inputs[1];
  const bool first = pays && fits && VectorWidth() == 8;
  candidates->insert(first ? candidates->begin() : candidates->end(), std::move(own));
}

void AddOwnForward(const KernelContext& context, std::vector<Candidate>* candidates) {
  const Rows rows = RowsOf(context.inputs[0], context.input_type(0), context.input_type(1));
  const DenseSizes sizes = rows.sizes;
  std::vector<Layout> inputs = {rows.x, rows.weights};
  const bool has_bias = context.node.inputs.size() > 2;
  if (has_bias) inputs.push_back(Layout::Plain(context.input_type(2)));
  const auto run = [sizes, has_bias](const Buffers& b) {
    DenseForward(sizes, b.in<float>(0), b.in<float>(1), has_bias ? b.in<float>(2) : nullptr, b.out<float>(0),
                 b.scratch);
    return absl::OkStatus();
  };
  const bool pays = sizes.batch >= 4 && sizes.batch <= kMostExamples &&
                    (sizes.batch <= 32 || (MeetInCaches(sizes.inputs) && MeetInCaches(sizes.units)));
  AddOwn(FunctionCandidate("gradus:panels", std::move(inputs), {Layout::Plain(context.output_type(0))}, run,
                           DenseForwardBytes(sizes)),
         pays, context, candidates);
}

absl::StatusOr<std::vector<Candidate>> DenseCandidates(const KernelContext& context) {
  GRADUS_RETURN_IF_ERROR(CheckSizes(context));
  if (HasEmptyTensor(context)) return std::vector<Candidate>{ZerosCandidate(context)};
  const auto kind = context.inference ? dnnl::prop_kind::forward_inference : dnnl::prop_kind::forward_training;
  const memory::desc y = ToDesc(Layout::Plain(context.output_type(0)));
  memory::desc b;
  std::vector<OneDnnArgument> inputs = {{DNNL_ARG_SRC, 0}, {DNNL_ARG_WEIGHTS, 1}};
  if (context.node.inputs.size() > 2) {
    b = ToDesc(Layout::Plain(context.input_type(2)));
    inputs.push_back({DNNL_ARG_BIAS, 2});
  }
  const Layout weights = context.flexible[1] ? Layout() : context.inputs[1];
  std::vector<Candidate> candidates;
  for (const Source& source : Sources(context.inputs[0], context.input_type(0), context.output_type(0).shape[1])) {
    for (const memory::desc& w : WeightOptions(weights, source.weights)) {
      Try([&] { return ForwardDesc(kind, source.desc, w, b, y); }, inputs, {{DNNL_ARG_DST, 0}}, &candidates);
    }
  }
  GRADUS_ASSIGN_OR_RETURN(candidates, InOrder(std::move(candidates), context.inputs[0]));
  AddOwnForward(context, &candidates);
  return candidates;
}

void AddOwnBackwardData(const KernelContext& context, const Layout& wanted, std::vector<Candidate>* candidates) {
  const Rows rows = RowsOf(wanted, context.output_type(0), context.input_type(1));
  const DenseSizes sizes = rows.sizes;
  const auto run = [sizes](const Buffers& b) {
    DenseBackwardData(sizes, b.in<float>(0), b.in<float>(1), b.out<float>(0), b.scratch);
    return absl::OkStatus();
  };
  AddOwn(FunctionCandidate("gradus:panels", {Layout::Plain(context.input_type(0)), rows.weights}, {rows.x}, run,
                           DenseBackwardDataBytes(sizes, context.threads)),
         sizes.batch >= 12 && sizes.batch <= kMostExamples && MeetInCaches(sizes.inputs), context, candidates);
}

absl::StatusOr<std::vector<Candidate>> DenseBackwardDataCandidates(const KernelContext& context) {
  using Backward = dnnl::inner_product_backward_data;
  GRADUS_RETURN_IF_ERROR(CheckSizes(context));
  if (HasEmptyTensor(context)) return std::vector<Candidate>{ZerosCandidate(context)};
  const TensorType& x = context.output_type(0);
  const memory::desc dy = ToDesc(Layout::Plain(context.input_type(0)));
  const Candidate* const forward = ForwardDense(context);
  const Layout weights = context.flexible[1] ? Layout() : context.inputs[1];
  std::vector<Candidate> candidates;
  const Layout wanted = forward == nullptr ? context.wanted[0] : forward->inputs[0];
  for (const Source& source : Sources(wanted, x, context.input_type(0).shape[1])) {
    for (const memory::desc& w : WeightOptions(weights, source.weights)) {
      const auto make = [&] {
        const auto hint =
            ForwardDesc(dnnl::prop_kind::forward_training, source.desc, AnyLayout(source.weights), memory::desc(), dy);
        return Backward::primitive_desc(Backward::desc(source.desc, w, dy), UserScratchpad(), CpuEngine(), hint,
                                        /*allow_empty=*/true);
      };
      Try(make, {{DNNL_ARG_DIFF_DST, 0}, {DNNL_ARG_WEIGHTS, 1}}, {{DNNL_ARG_DIFF_SRC, 0}}, &candidates);
    }
  }
  GRADUS_ASSIGN_OR_RETURN(candidates, InOrder(std::move(candidates), wanted));
  AddOwnBackwardData(context, wanted, &candidates);
  return candidates;
}

absl::StatusOr<std::vector<Candidate>> DenseBackwardWeightsCandidates(const KernelContext& context) {
  using Backward = dnnl::inner_product_backward_weights;
  GRADUS_RETURN_IF_ERROR(CheckSizes(context));
  if (HasEmptyTensor(context)) return std::vector<Candidate>{ZerosCandidate(context)};
  const memory::desc dy = ToDesc(Layout::Plain(context.input_type(1)));
  std::vector<OneDnnArgument> outputs = {{DNNL_ARG_DIFF_WEIGHTS, 0}};
  memory::desc db;
  if (context.attrs<DenseBackwardWeightsAttrs>().has_bias) {
    db = ToDesc(Layout::Plain(context.output_type(1)));
    outputs.push_back({DNNL_ARG_DIFF_BIAS, 1});
  }
  std::vector<Candidate> candidates;
  for (const Source& source : Sources(context.inputs[0], context.input_type(0), context.input_type(1).shape[1])) {
    for (const memory::desc& dw : WeightOptions(context.wanted[0], source.weights)) {
      const auto make = [&] {
        const auto hint =
            ForwardDesc(dnnl::prop_kind::forward_training, source.desc, AnyLayout(source.weights), memory::desc(), dy);
        const Backward::desc desc =
            db.data.ndims == 0 ? Backward::desc(source.desc, dw, dy) : Backward::desc(source.desc, dw, db, dy);
        return Backward::primitive_desc(desc, UserScratchpad(), CpuEngine(), hint, /*allow_empty=*/true);
      };
      Try(make, {{DNNL_ARG_SRC, 0}, {DNNL_ARG_DIFF_DST, 1}}, outputs, &candidates);
    }
  }
  return InOrder(std::move(candidates), context.inputs[0]);
}

REGISTER_KERNEL(Dense, DenseCandidates);
REGISTER_KERNEL(DenseBackwardData, DenseBackwardDataCandidates);
REGISTER_KERNEL(DenseBackwardWeights, DenseBackwardWeightsCandidates);

}  // namespace
}  // namespace gradus
