// The fully connected layers of LeNet, AlexNet, VGG, ResNet and a multilayer perceptron, against oneDNN's inner product
// with weights as it likes them; the products of attention, against its matmul.
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/onednn.h"
#include "ops/dense.h"
#include "ops/matmul.h"
#include "tests/benchmarks/op_benchmark.h"

namespace gradus {
namespace {

using dnnl::memory;

struct Row {
  int64_t batch, inputs, units;
};

std::vector<Row> Rows() {
  std::vector<Row> rows = {{64, 800, 500}, {64, 500, 10}, {16, 2048, 1000}, {128, 784, 1024}};
  for (const auto& [inputs, units] : {std::pair(1024, 1024), std::pair(4096, 4096), std::pair(9216, 4096),
                                      std::pair(25088, 4096), std::pair(4096, 1000)}) {
    for (int64_t batch : {1, 8, 16, 32, 64, 128}) rows.push_back({batch, inputs, units});
  }
  return rows;
}

memory::desc Matrix(int64_t rows, int64_t columns, memory::format_tag tag = memory::format_tag::ab) {
  return memory::desc({rows, columns}, memory::data_type::f32, tag);
}

dnnl::inner_product_forward::primitive_desc ForwardDesc(const Row& row) {
  return {dnnl::inner_product_forward::desc(dnnl::prop_kind::forward_training, Matrix(row.batch, row.inputs),
                                            Matrix(row.units, row.inputs, memory::format_tag::any),
                                            Matrix(row.batch, row.units)),
          CpuEngine()};
}

std::unique_ptr<Timed> BackwardData(const Row& row) {
  const dnnl::inner_product_backward_data::primitive_desc desc(
      dnnl::inner_product_backward_data::desc(Matrix(row.batch, row.inputs),
                                              Matrix(row.units, row.inputs, memory::format_tag::any),
                                              Matrix(row.batch, row.units)),
      CpuEngine(), ForwardDesc(row));
  return BarePrimitive(desc, {DNNL_ARG_DIFF_DST, DNNL_ARG_WEIGHTS, DNNL_ARG_DIFF_SRC});
}

std::unique_ptr<Timed> BackwardWeights(const Row& row) {
  const dnnl::inner_product_backward_weights::primitive_desc desc(
      dnnl::inner_product_backward_weights::desc(Matrix(row.batch, row.inputs),
                                                 Matrix(row.units, row.inputs, memory::format_tag::any),
                                                 Matrix(row.batch, row.units)),
      CpuEngine(), ForwardDesc(row));
  return BarePrimitive(desc, {DNNL_ARG_SRC, DNNL_ARG_DIFF_DST, DNNL_ARG_DIFF_WEIGHTS});
}

std::unique_ptr<Timed> MatMulDesc(int64_t batch, int64_t size) {
  const memory::desc square({batch, size, size}, memory::data_type::f32, memory::format_tag::abc);
  const dnnl::matmul::primitive_desc desc(dnnl::matmul::desc(square, square, square), CpuEngine());
  return BarePrimitive(desc, {DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DST});
}

REGISTER_OP_BENCHMARKS(Dense, [] {
  for (const Row& row : Rows()) {
    const std::string name = absl::StrCat(row.inputs, "x", row.units, "/batch", row.batch);
    const TensorType x = Floats({row.batch, row.inputs}), w = Floats({row.units, row.inputs}),
                     y = Floats({row.batch, row.units});
    const double flops = 2.0 * row.batch * row.inputs * row.units;
    AddOpBenchmark("Dense/forward/" + name,
                   {{{x, Layout::Plain(x)}, {w, Layout()}}, Single("Dense", DenseAttrs{}), false, "", flops}, [row] {
                     return BarePrimitive(ForwardDesc(row), {DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DST});
                   });
    AddOpBenchmark("Dense/backward_data/" + name,
                   {{{y, Layout::Plain(y)}, {w, Layout::Plain(w)}},
                    Single("DenseBackwardData", DenseBackwardDataAttrs{{row.inputs}}),
                    false,
                    "",
                    flops},
                   [row] { return BackwardData(row); });
    AddOpBenchmark("Dense/backward_weights/" + name,
                   {{{x, Layout::Plain(x)}, {y, Layout::Plain(y)}},
                    Single("DenseBackwardWeights", DenseBackwardWeightsAttrs{}),
                    false,
                    "",
                    flops},
                   [row] { return BackwardWeights(row); });
  }
  for (const auto& [batch, size] : {std::pair(1, 512), std::pair(1, 1024), std::pair(8, 256), std::pair(64, 64)}) {
    const TensorType type = Floats({batch, size, size});
    const BenchInput input = {type, Layout::Plain(type)};
    AddOpBenchmark(absl::StrCat("MatMul/", batch, "x", size),
                   {{input, input}, Single("MatMul", MatMulAttrs{}), false, "", 2.0 * batch * size * size * size},
                   [batch = batch, size = size] { return MatMulDesc(batch, size); });
  }
});

}  // namespace
}  // namespace gradus
