// Convolutions by windows in memory and one product (im2col), both nodes together, against oneDNN's convolution in the
// layouts that it likes.
#include <string>

#include "absl/strings/str_cat.h"
#include "core/onednn.h"
#include "ops/matmul.h"
#include "ops/unfold.h"
#include "tests/benchmarks/op_benchmark.h"

namespace gradus {
namespace {

struct Row {
  const char* name;
  int64_t images, channels, filters, size, kernel, pad;  // of size x size pixels before and after
};

const Row kRows[] = {{"lenet2", 64, 20, 50, 12, 5, 0},
                     {"alexnet2", 32, 64, 192, 27, 5, 2},
                     {"vgg3", 8, 256, 256, 56, 3, 1},
                     {"googlenet_4b", 16, 112, 224, 14, 3, 1},
                     {"googlenet_5b_1x1", 16, 832, 384, 7, 1, 0},
                     {"resnet1", 16, 64, 64, 56, 3, 1}};

int64_t OutputSize(const Row& row) { return row.size + 2 * row.pad - row.kernel + 1; }

std::unique_ptr<Timed> Convolution(const Row& row) {
  const auto any = [](const dnnl::memory::dims& dims) {
    return dnnl::memory::desc(dims, dnnl::memory::data_type::f32, dnnl::memory::format_tag::any);
  };
  const int64_t size = OutputSize(row);
  const dnnl::convolution_forward::primitive_desc desc(
      dnnl::convolution_forward::desc(
          dnnl::prop_kind::forward_training, dnnl::algorithm::convolution_direct,
          any({row.images, row.channels, row.size, row.size}), any({row.filters, row.channels, row.kernel, row.kernel}),
          any({row.images, row.filters, size, size}), {1, 1}, {row.pad, row.pad}, {row.pad, row.pad}),
      CpuEngine());
  return BarePrimitive(desc, {DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DST});
}

REGISTER_OP_BENCHMARKS(Im2col, [] {
  for (const Row& row : kRows) {
    const TensorType x = Floats({row.images, row.channels, row.size, row.size});
    const int64_t taps = row.channels * row.kernel * row.kernel, outputs = OutputSize(row) * OutputSize(row);
    const TensorType w = Floats({row.filters, taps});
    const UnfoldAttrs attrs = {{Dims(2, row.kernel), Dims(2, 1), Dims(2, 1), Dims(2, row.pad), Dims(2, row.pad)},
                               x.shape};
    OpBenchmark op;
    op.inputs = {{x, Layout::Plain(x)}, {w, Layout::Plain(w)}};
    op.build = [attrs](Graph& graph, const std::vector<Value>& in) -> absl::StatusOr<Value> {
      const auto columns = graph.Add({"Unfold", "columns", {in[0]}, attrs, {}, Stage::kCompute, -1});
      if (!columns.ok()) return columns;
      return graph.Add({"MatMul", "y", {in[1], *columns}, MatMulAttrs{}, {}, Stage::kCompute, -1});
    };
    op.flops = 2.0 * static_cast<double>(row.images * row.filters * taps * outputs);
    op.timed_nodes = 2;
    AddOpBenchmark(absl::StrCat("Im2col/forward/", row.name), op, [row] { return Convolution(row); });
  }
});

}  // namespace
}  // namespace gradus
