// Softmax cross entropy of ImageNet's and a language model's classes, against oneDNN's log softmax, which is the larger
// part of it.
#include <string>

#include "absl/strings/str_cat.h"
#include "core/onednn.h"
#include "ops/softmax_cross_entropy.h"
#include "tests/benchmarks/op_benchmark.h"

namespace gradus {
namespace {

std::unique_ptr<Timed> LogSoftmax(const TensorType& x) {
  const dnnl::logsoftmax_forward::primitive_desc desc(
      dnnl::logsoftmax_forward::desc(dnnl::prop_kind::forward_training, ToDesc(Layout::Plain(x)), 1), CpuEngine());
  return BarePrimitive(desc, {DNNL_ARG_SRC, DNNL_ARG_DST});
}

std::unique_ptr<Timed> LogSoftmaxBackward(const TensorType& x) {
  const dnnl::memory::desc plain = ToDesc(Layout::Plain(x));
  const dnnl::logsoftmax_forward::primitive_desc forward(
      dnnl::logsoftmax_forward::desc(dnnl::prop_kind::forward_training, plain, 1), CpuEngine());
  const dnnl::logsoftmax_backward::primitive_desc desc(dnnl::logsoftmax_backward::desc(plain, plain, 1), CpuEngine(),
                                                       forward);
  return BarePrimitive(desc, {DNNL_ARG_DST, DNNL_ARG_DIFF_DST, DNNL_ARG_DIFF_SRC});
}

REGISTER_OP_BENCHMARKS(Loss, [] {
  for (const auto& [batch, classes] :
       {std::pair(16, 1000), std::pair(128, 10), std::pair(128, 1000), std::pair(1120, 10000)}) {
    const std::string name = absl::StrCat(batch, "x", classes);
    const TensorType x = Floats({batch, classes}), labels = {DType::kInt32, Shape({batch})}, loss = Floats({batch});
    const BenchInput logits = {x, Layout::Plain(x)}, label = {labels, Layout::Plain(labels), classes};
    AddOpBenchmark("SoftmaxCrossEntropy/forward/" + name,
                   {{logits, label}, Single("SoftmaxCrossEntropy", CrossEntropyAttrs{})},
                   [x] { return LogSoftmax(x); });
    AddOpBenchmark(
        "SoftmaxCrossEntropy/backward/" + name,
        {{logits, label, {loss, Layout::Plain(loss)}}, Single("SoftmaxCrossEntropyBackward", CrossEntropyAttrs{})},
        [x] { return LogSoftmaxBackward(x); });
  }
});

}  // namespace
}  // namespace gradus
