#include "tests/graph/toy_kernels.h"

#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/onednn.h"
#include "graph/kernel.h"
#include "graph/op.h"
#include "tests/graph/toy_ops.h"

namespace gradus {
namespace {

using Types = std::vector<TensorType>;
using Candidates = std::vector<Candidate>;

int scale_factory_calls = 0;

absl::StatusOr<Types> TwiceTypes(const TypeContext& context) { return Types{context.input(0), context.input(0)}; }
absl::StatusOr<Types> LinesTypes(const TypeContext& context) {
  return Types{{context.input(0).dtype, context.attrs.as<ShapeAttrs>().shape}};
}

REGISTER_OP(ToyAdd).Inputs(2).Types(SameAsInput).NoGradient("a toy").InPlace(0, 0).InPlace(1, 0);
REGISTER_OP(ToyBoth).Inputs(1).Types(TwiceTypes).NoGradient("a toy").InPlace(0, 0).InPlace(0, 1);
REGISTER_OP(ToyBlocks).Inputs(1).Types(SameAsInput).NoGradient("a toy");
REGISTER_OP(ToyLines).Inputs(1).Types(LinesTypes).NoGradient("a toy").View(0, 0);
REGISTER_OP(ToySilent).Inputs(1).Types(SameAsInput).NoGradient("a toy");
REGISTER_OP(ToyInverse).Inputs(1).Types(SameAsInput).NoGradient("a toy");
REGISTER_OP(ToyRefuse).Inputs(1).Types(SameAsInput).NoGradient("a toy");
REGISTER_OP(ToyBackward).Inputs(1).Types(SameAsInput).NoGradient("a toy");
REGISTER_OP(ToyKernelless).Inputs(1).Types(SameAsInput).NoGradient("a toy");

// A plain loop: output[i] = f(context, i) for each output.
template <typename F>
Candidate Loop(const KernelContext& context, std::string implementation, F f) {
  std::vector<Layout> inputs, outputs;
  for (Value input : context.node.inputs) inputs.push_back(Layout::Plain(context.graph.type(input)));
  for (const TensorType& output : context.node.outputs) outputs.push_back(Layout::Plain(output));
  const int64_t n = context.output_type(0).shape.num_elements();
  return FunctionCandidate(std::move(implementation), inputs, outputs, [f, n](const Buffers& buffers) {
    for (int64_t i = 0; i < n; ++i) f(buffers, i);
    return absl::OkStatus();
  });
}

absl::StatusOr<Candidates> ScaleCandidates(const KernelContext& context) {
  ++scale_factory_calls;
  const auto factor = static_cast<float>(context.attrs<FactorAttrs>().factor);
  const auto scale = [factor](const Buffers& b, int64_t i) { b.out<float>(0)[i] = factor * b.in<float>(0)[i]; };
  Candidates candidates = {Loop(context, "toy:loop", scale), Loop(context, "toy:apart", scale)};
  candidates[1].in_place = false;
  return candidates;
}

absl::StatusOr<Candidates> MultiplyCandidates(const KernelContext& context) {
  return Candidates{Loop(context, "toy:loop", [](const Buffers& b, int64_t i) {
    b.out<float>(0)[i] = b.in<float>(0)[i] * b.in<float>(1)[i];
  })};
}

absl::StatusOr<Candidates> SineCandidates(const KernelContext& context) {
  return Candidates{
      Loop(context, "toy:loop", [](const Buffers& b, int64_t i) { b.out<float>(0)[i] = std::sin(b.in<float>(0)[i]); })};
}

absl::StatusOr<Candidates> AddCandidates(const KernelContext& context) {
  return Candidates{Loop(context, "toy:loop", [](const Buffers& b, int64_t i) {
    b.out<float>(0)[i] = b.in<float>(0)[i] + b.in<float>(1)[i];
  })};
}

absl::StatusOr<Candidates> BothCandidates(const KernelContext& context) {
  return Candidates{Loop(context, "toy:loop", [](const Buffers& b, int64_t i) {
    const float x = b.in<float>(0)[i];
    b.out<float>(0)[i] = x;
    b.out<float>(1)[i] = 2 * x;
  })};
}

// Elements that are padding stay as they are: zero.
absl::StatusOr<Candidates> BlocksCandidates(const KernelContext& context) {
  const Layout layout = BlocksOf16(context.output_type(0).shape);
  const int64_t channels = context.output_type(0).shape[1];
  const int64_t blocks = (channels + 15) / 16, pixels = context.output_type(0).shape.ElementsBetween(2, 4);
  return Candidates{FunctionCandidate("toy:blocks", {layout}, {layout},
                                      [n = layout.stored_elements(), channels, blocks, pixels](const Buffers& b) {
                                        for (int64_t i = 0; i < n; ++i) {
                                          const int64_t channel = i / (16 * pixels) % blocks * 16 + i % 16;
                                          b.out<float>(0)[i] = channel < channels ? b.in<float>(0)[i] + 1 : 0;
                                        }
                                        return absl::OkStatus();
                                      })};
}

absl::StatusOr<Candidates> SilentCandidates(const KernelContext& context) {
  return Candidates{Loop(context, "toy:silent", [](const Buffers&, int64_t) {})};
}

absl::StatusOr<Candidates> InverseCandidates(const KernelContext& context) {
  return Candidates{
      Loop(context, "toy:loop", [](const Buffers& b, int64_t i) { b.out<float>(0)[i] = 1 / b.in<float>(0)[i]; })};
}

absl::StatusOr<Candidates> RefuseCandidates(const KernelContext& context) {
  const Layout plain = Layout::Plain(context.output_type(0));
  return Candidates{FunctionCandidate("toy:refuse", {plain}, {plain}, [n = plain.stored_elements()](const Buffers& b) {
    for (int64_t i = 0; i < n; ++i) {
      if (b.in<float>(0)[i] < 0) return absl::OutOfRangeError(absl::StrCat("element ", i, " is negative"));
      b.out<float>(0)[i] = b.in<float>(0)[i];
    }
    return absl::OkStatus();
  })};
}

absl::StatusOr<Candidates> BackwardCandidates(const KernelContext& context) {
  const std::string after = context.forward == nullptr ? "nothing" : context.forward->implementation;
  return Candidates{Loop(context, absl::StrCat("toy:after ", after),
                         [](const Buffers& b, int64_t i) { b.out<float>(0)[i] = b.in<float>(0)[i]; })};
}

REGISTER_KERNEL(ToyScale, ScaleCandidates);
REGISTER_KERNEL(ToyMultiply, MultiplyCandidates);
REGISTER_KERNEL(ToySine, SineCandidates);
REGISTER_KERNEL(ToyAdd, AddCandidates);
REGISTER_KERNEL(ToyBoth, BothCandidates);
REGISTER_KERNEL(ToyBlocks, BlocksCandidates);
REGISTER_KERNEL(ToySilent, SilentCandidates);
REGISTER_KERNEL(ToyInverse, InverseCandidates);
REGISTER_KERNEL(ToyRefuse, RefuseCandidates);
REGISTER_KERNEL(ToyBackward, BackwardCandidates);

}  // namespace

Layout BlocksOf16(const Shape& shape) {
  return Layout(
      dnnl::memory::desc(ToDnnl(shape), dnnl::memory::data_type::f32, dnnl::memory::format_tag::nChw16c).data);
}

int ToyScaleFactoryCalls() { return scale_factory_calls; }

}  // namespace gradus
