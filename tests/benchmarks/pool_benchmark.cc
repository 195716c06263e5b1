// Pooling as GoogLeNet, ResNet, AlexNet and VGG have it, in blocks of 8 channels; stochastic pooling, which oneDNN has
// not and which works on plain memory, against oneDNN's maxima.
#include <string>
#include <vector>

#include "core/onednn.h"
#include "ops/pool.h"
#include "ops/stochastic_pool.h"
#include "tests/benchmarks/op_benchmark.h"

namespace gradus {
namespace {

struct Row {
  const char* name;
  TensorType x;
  int64_t kernel, stride, pad_begin, pad_end;
};

const Row kMaxRows[] = {{"googlenet_pool1", Floats({16, 64, 112, 112}), 3, 2, 0, 1},
                        {"googlenet_pool2", Floats({16, 192, 56, 56}), 3, 2, 0, 1},
                        {"googlenet_3a", Floats({16, 192, 28, 28}), 3, 1, 1, 1},
                        {"googlenet_3b", Floats({16, 256, 28, 28}), 3, 1, 1, 1},
                        {"googlenet_pool3", Floats({16, 480, 28, 28}), 3, 2, 0, 1},
                        {"googlenet_4b", Floats({16, 512, 14, 14}), 3, 1, 1, 1},
                        {"googlenet_5b", Floats({16, 832, 7, 7}), 3, 1, 1, 1},
                        {"resnet", Floats({16, 64, 112, 112}), 3, 2, 1, 1},
                        {"alexnet1", Floats({32, 96, 55, 55}), 3, 2, 0, 0},
                        {"vgg1", Floats({8, 64, 224, 224}), 2, 2, 0, 0},
                        {"vgg3", Floats({8, 256, 56, 56}), 2, 2, 0, 0}};

const Row kAverageRows[] = {{"resnet50_global", Floats({16, 2048, 7, 7}), 7, 7, 0, 0},
                            {"googlenet_global", Floats({16, 1024, 7, 7}), 7, 7, 0, 0},
                            {"googlenet_head", Floats({16, 512, 14, 14}), 5, 3, 0, 0}};

Window WindowOf(const Row& row) {
  return {{row.kernel, row.kernel},
          {row.stride, row.stride},
          {1, 1},
          {row.pad_begin, row.pad_begin},
          {row.pad_end, row.pad_end}};
}

TensorType OutputOf(const Row& row) {
  const int64_t size = (row.x.shape[2] + row.pad_begin + row.pad_end - row.kernel) / row.stride + 1;
  return Floats({row.x.shape[0], row.x.shape[1], size, size});
}

Layout Blocked(const TensorType& type) { return Tagged(type, dnnl_aBcd8b); }

dnnl::pooling_forward::primitive_desc ForwardDesc(const Row& row, dnnl::algorithm algorithm, dnnl::prop_kind kind) {
  return {dnnl::pooling_forward::desc(kind, algorithm, ToDesc(Blocked(row.x)), ToDesc(Blocked(OutputOf(row))),
                                      {row.stride, row.stride}, {row.kernel, row.kernel},
                                      {row.pad_begin, row.pad_begin}, {row.pad_end, row.pad_end}),
          CpuEngine()};
}

std::unique_ptr<Timed> Forward(const Row& row, dnnl::algorithm algorithm, dnnl::prop_kind kind) {
  const auto desc = ForwardDesc(row, algorithm, kind);
  std::vector<int> arguments = {DNNL_ARG_SRC, DNNL_ARG_DST};
  if (desc.workspace_desc().get_size() > 0) arguments.push_back(DNNL_ARG_WORKSPACE);
  return BarePrimitive(desc, arguments);
}

std::unique_ptr<Timed> Backward(const Row& row, dnnl::algorithm algorithm) {
  const dnnl::pooling_backward::primitive_desc desc(
      dnnl::pooling_backward::desc(algorithm, ToDesc(Blocked(row.x)), ToDesc(Blocked(OutputOf(row))),
                                   {row.stride, row.stride}, {row.kernel, row.kernel}, {row.pad_begin, row.pad_begin},
                                   {row.pad_end, row.pad_end}),
      CpuEngine(), ForwardDesc(row, algorithm, dnnl::prop_kind::forward_training));
  std::vector<int> arguments = {DNNL_ARG_DIFF_DST, DNNL_ARG_DIFF_SRC};
  if (desc.workspace_desc().get_size() > 0) arguments.push_back(DNNL_ARG_WORKSPACE);
  return BarePrimitive(desc, arguments);
}

void AddMax(const Row& row) {
  constexpr auto kMax = dnnl::algorithm::pooling_max;
  const std::string name = row.name;
  const Window window = WindowOf(row);
  const BenchInput x = {row.x, Blocked(row.x)}, dy = {OutputOf(row), Blocked(OutputOf(row))};
  AddOpBenchmark("MaxPool/training/" + name, {{x}, Single("MaxPool", MaxPoolAttrs{window})},
                 [row] { return Forward(row, kMax, dnnl::prop_kind::forward_training); });
  AddOpBenchmark("MaxPool/inference/" + name, {{x}, Single("MaxPool", MaxPoolAttrs{window}), true},
                 [row] { return Forward(row, kMax, dnnl::prop_kind::forward_inference); });
  const auto backward = [row, window](Graph& graph, const std::vector<Value>& in) -> absl::StatusOr<Value> {
    const auto y = graph.Add({"MaxPool", "y", {in[0]}, MaxPoolAttrs{window}, {}, Stage::kCompute, -1});
    if (!y.ok()) return y;
    return graph.Add({"MaxPoolBackward",
                      "dx",
                      {in[1], Value{y->node, 1}},
                      MaxPoolBackwardAttrs{window, row.x.shape},
                      {},
                      Stage::kCompute,
                      y->node});
  };
  AddOpBenchmark("MaxPool/backward/" + name, {{x, dy}, backward}, [row] { return Backward(row, kMax); });
}

void AddAverage(const Row& row) {
  constexpr auto kAverage = dnnl::algorithm::pooling_avg_exclude_padding;
  const std::string name = row.name;
  const AveragePoolAttrs attrs = {WindowOf(row), false, {0, 0}};
  const BenchInput x = {row.x, Blocked(row.x)}, dy = {OutputOf(row), Blocked(OutputOf(row))};
  AddOpBenchmark("AveragePool/forward/" + name, {{x}, Single("AveragePool", attrs)},
                 [row] { return Forward(row, kAverage, dnnl::prop_kind::forward_training); });
  AddOpBenchmark("AveragePool/backward/" + name,
                 {{dy}, Single("AveragePoolBackward", AveragePoolBackwardAttrs{attrs, row.x.shape})},
                 [row] { return Backward(row, kAverage); });
}

void AddStochastic(const Row& row) {
  constexpr auto kMax = dnnl::algorithm::pooling_max;
  const std::string name = row.name;
  const StochasticPoolAttrs attrs = {WindowOf(row), 1};
  const BenchInput x = {row.x, Layout::Plain(row.x)}, dy = {OutputOf(row), Layout::Plain(OutputOf(row))};
  const auto forward = [attrs](Graph& graph, const std::vector<Value>& in) {
    return graph.Add({"StochasticPool", "y", {in[0], in[0]}, attrs, {}, Stage::kCompute, -1});
  };
  AddOpBenchmark("StochasticPool/training/" + name, {{x}, forward},
                 [row] { return Forward(row, kMax, dnnl::prop_kind::forward_training); });
  AddOpBenchmark("StochasticPool/backward/" + name,
                 {{x, dy}, Single("StochasticPoolBackward", StochasticPoolBackwardAttrs{attrs, row.x.shape})},
                 [row] { return Backward(row, kMax); });
}

REGISTER_OP_BENCHMARKS(Pool, [] {
  for (const Row& row : kMaxRows) AddMax(row);
  for (const Row& row : kMaxRows) AddStochastic(row);
  for (const Row& row : kAverageRows) AddAverage(row);
});

}  // namespace
}  // namespace gradus
