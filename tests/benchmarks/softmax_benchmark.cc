// Softmax and its logarithm over ImageNet's and a language model's classes and over rows of attention, against
// oneDNN's.
#include <string>
#include <utility>

#include "core/onednn.h"
#include "ops/softmax.h"
#include "tests/benchmarks/op_benchmark.h"

namespace gradus {
namespace {

const struct {
  const char* name;
  TensorType x;
} kRows[] = {{"128x10", Floats({128, 10})},
             {"128x1000", Floats({128, 1000})},
             {"1120x10000", Floats({1120, 10000})},
             {"attention", Floats({8, 12, 128, 128})}};

// Softmax = dnnl::softmax_forward or dnnl::logsoftmax_forward.
template <typename Softmax>
typename Softmax::primitive_desc Forward(const TensorType& x) {
  return {typename Softmax::desc(dnnl::prop_kind::forward_training, ToDesc(Layout::Plain(x)), x.shape.rank() - 1),
          CpuEngine()};
}

template <typename Softmax, typename SoftmaxBackward>
typename SoftmaxBackward::primitive_desc Backward(const TensorType& x) {
  const dnnl::memory::desc plain = ToDesc(Layout::Plain(x));
  return {typename SoftmaxBackward::desc(plain, plain, x.shape.rank() - 1), CpuEngine(), Forward<Softmax>(x)};
}

REGISTER_OP_BENCHMARKS(Softmax, [] {
  for (const auto& row : kRows) {
    const std::string name = row.name;
    const TensorType type = row.x;
    const BenchInput x = {type, Layout::Plain(type)};
    const SoftmaxAttrs attrs = {type.shape.rank() - 1};
    AddOpBenchmark("Softmax/forward/" + name, {{x}, Single("Softmax", attrs)}, [type] {
      return BarePrimitive(Forward<dnnl::softmax_forward>(type), {DNNL_ARG_SRC, DNNL_ARG_DST});
    });
    AddOpBenchmark("Softmax/backward/" + name, {{x, x}, Single("SoftmaxBackward", attrs)}, [type] {
      return BarePrimitive(Backward<dnnl::softmax_forward, dnnl::softmax_backward>(type),
                           {DNNL_ARG_DST, DNNL_ARG_DIFF_DST, DNNL_ARG_DIFF_SRC});
    });
    AddOpBenchmark("LogSoftmax/forward/" + name, {{x}, Single("LogSoftmax", attrs)}, [type] {
      return BarePrimitive(Forward<dnnl::logsoftmax_forward>(type), {DNNL_ARG_SRC, DNNL_ARG_DST});
    });
    AddOpBenchmark("LogSoftmax/backward/" + name, {{x, x}, Single("LogSoftmaxBackward", attrs)}, [type] {
      return BarePrimitive(Backward<dnnl::logsoftmax_forward, dnnl::logsoftmax_backward>(type),
                           {DNNL_ARG_DST, DNNL_ARG_DIFF_DST, DNNL_ARG_DIFF_SRC});
    });
  }
});

}  // namespace
}  // namespace gradus
