// Local response normalisation as AlexNet and GoogLeNet have it, in the layouts that convolutions give.
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/onednn.h"
#include "ops/lrn.h"
#include "tests/benchmarks/op_benchmark.h"

namespace gradus {
namespace {

constexpr float kAlpha = 1e-4, kBeta = 0.75, kK = 1;

struct Row {
  const char* name;
  TensorType x;
};

const Row kRows[] = {{"alexnet1", Floats({32, 96, 55, 55})},
                     {"alexnet2", Floats({32, 256, 27, 27})},
                     {"googlenet1", Floats({16, 64, 56, 56})},
                     {"googlenet2", Floats({16, 192, 56, 56})}};

dnnl::lrn_forward::primitive_desc ForwardDesc(const dnnl::memory::desc& x, dnnl::prop_kind kind) {
  return {dnnl::lrn_forward::desc(kind, dnnl::algorithm::lrn_across_channels, x, 5, kAlpha, kBeta, kK), CpuEngine()};
}

std::unique_ptr<Timed> Forward(const Layout& layout, dnnl::prop_kind kind) {
  std::vector<int> arguments = {DNNL_ARG_SRC, DNNL_ARG_DST};
  if (kind == dnnl::prop_kind::forward_training) arguments.push_back(DNNL_ARG_WORKSPACE);
  return BarePrimitive(ForwardDesc(ToDesc(layout), kind), arguments);
}

std::unique_ptr<Timed> Backward(const Layout& layout) {
  const dnnl::memory::desc x = ToDesc(layout);
  const dnnl::lrn_backward::primitive_desc desc(
      dnnl::lrn_backward::desc(dnnl::algorithm::lrn_across_channels, x, x, 5, kAlpha, kBeta, kK), CpuEngine(),
      ForwardDesc(x, dnnl::prop_kind::forward_training));
  return BarePrimitive(desc, {DNNL_ARG_SRC, DNNL_ARG_DIFF_DST, DNNL_ARG_WORKSPACE, DNNL_ARG_DIFF_SRC});
}

void Add() {
  const LrnAttrs attrs = {5, kAlpha, kBeta, kK};
  for (const Row& row : kRows) {
    for (const auto& [tag, kind] :
         {std::pair(dnnl_aBcd8b, "blocked"), std::pair(dnnl_acdb, "last"), std::pair(dnnl_abcd, "plain")}) {
      const Layout layout = Tagged(row.x, tag);
      const std::string name = absl::StrCat(row.name, "/", kind);
      AddOpBenchmark("Lrn/training/" + name, {{{row.x, layout}}, Single("Lrn", attrs)},
                     [layout] { return Forward(layout, dnnl::prop_kind::forward_training); });
      AddOpBenchmark("Lrn/inference/" + name, {{{row.x, layout}}, Single("Lrn", attrs), true},
                     [layout] { return Forward(layout, dnnl::prop_kind::forward_inference); });
      AddOpBenchmark("Lrn/backward/" + name, {{{row.x, layout}, {row.x, layout}}, Single("LrnBackward", attrs)},
                     [layout] { return Backward(layout); });
    }
  }
}

REGISTER_OP_BENCHMARKS(Lrn, Add);

}  // namespace
}  // namespace gradus
