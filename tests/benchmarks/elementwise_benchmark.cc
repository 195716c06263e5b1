// Elementwise functions on ResNet's maps, in blocks of 8 channels.
#include <string>

#include "core/onednn.h"
#include "ops/binary.h"
#include "ops/unary.h"
#include "tests/benchmarks/op_benchmark.h"

namespace gradus {
namespace {

const struct {
  const char* name;
  TensorType x;
} kRows[] = {{"256x56", Floats({16, 256, 56, 56})}, {"1024x14", Floats({16, 1024, 14, 14})}};

std::unique_ptr<Timed> Relu(const Layout& x) {
  const dnnl::eltwise_forward::primitive_desc desc(
      dnnl::eltwise_forward::desc(dnnl::prop_kind::forward_training, dnnl::algorithm::eltwise_relu, ToDesc(x), 0),
      CpuEngine());
  return BarePrimitive(desc, {DNNL_ARG_SRC, DNNL_ARG_DST});
}

std::unique_ptr<Timed> ReluBackward(const Layout& x) {
  const dnnl::eltwise_forward::primitive_desc forward(
      dnnl::eltwise_forward::desc(dnnl::prop_kind::forward_training, dnnl::algorithm::eltwise_relu, ToDesc(x), 0),
      CpuEngine());
  const dnnl::eltwise_backward::primitive_desc desc(
      dnnl::eltwise_backward::desc(dnnl::algorithm::eltwise_relu, ToDesc(x), ToDesc(x), 0), CpuEngine(), forward);
  return BarePrimitive(desc, {DNNL_ARG_SRC, DNNL_ARG_DIFF_DST, DNNL_ARG_DIFF_SRC});
}

std::unique_ptr<Timed> Sum(const Layout& x) {
  const dnnl::binary::primitive_desc desc(
      dnnl::binary::desc(dnnl::algorithm::binary_add, ToDesc(x), ToDesc(x), ToDesc(x)), CpuEngine());
  return BarePrimitive(desc, {DNNL_ARG_SRC_0, DNNL_ARG_SRC_1, DNNL_ARG_DST});
}

REGISTER_OP_BENCHMARKS(Elementwise, [] {
  for (const auto& row : kRows) {
    const std::string name = row.name;
    const Layout layout = Tagged(row.x, dnnl_aBcd8b);
    const BenchInput x = {row.x, layout};
    AddOpBenchmark("Elementwise/add/" + name, {{x, x}, Single("Binary", BinaryAttrs{Binary::ADD})},
                   [layout] { return Sum(layout); });
    AddOpBenchmark("Elementwise/relu/" + name, {{x}, Single("Unary", UnaryAttrs{RELU})},
                   [layout] { return Relu(layout); });
    AddOpBenchmark("Elementwise/relu_backward/" + name, {{x, x}, Single("UnaryBackward", UnaryAttrs{RELU})},
                   [layout] { return ReluBackward(layout); });
  }
});

}  // namespace
}  // namespace gradus
