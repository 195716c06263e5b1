// Sums, means and maxima over images, maps, batches and rows, against oneDNN's reduction.
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/onednn.h"
#include "ops/reduce.h"
#include "tests/benchmarks/op_benchmark.h"

namespace gradus {
namespace {

const struct {
  const char* name;
  TensorType x;
  Dims axes;
} kRows[] = {{"maps", Floats({16, 256, 56, 56}), {2, 3}},
             {"channels", Floats({16, 256, 56, 56}), {1}},
             {"batch_and_maps", Floats({16, 256, 56, 56}), {0, 2, 3}},
             {"classes", Floats({1024, 1000}), {1}},
             {"batch", Floats({1024, 1000}), {0}},
             {"all", Floats({16, 256, 56, 56}), {0, 1, 2, 3}}};

std::unique_ptr<Timed> Reduction(const TensorType& x, const Dims& axes, dnnl::algorithm algorithm) {
  const TensorType y = {DType::kFloat32, KeepDims(x.shape, axes)};
  const dnnl::reduction::primitive_desc desc(
      dnnl::reduction::desc(algorithm, ToDesc(Layout::Plain(x)), ToDesc(Layout::Plain(y)), 0, 0), CpuEngine());
  return BarePrimitive(desc, {DNNL_ARG_SRC, DNNL_ARG_DST});
}

REGISTER_OP_BENCHMARKS(Reduce, [] {
  for (const auto& row : kRows) {
    for (const auto& [function, algorithm] : {std::pair(Reduce::SUM, dnnl::algorithm::reduction_sum),
                                              std::pair(Reduce::MEAN, dnnl::algorithm::reduction_mean),
                                              std::pair(Reduce::MAX, dnnl::algorithm::reduction_max)}) {
      AddOpBenchmark(absl::StrCat("Reduce/", Reduce::Function_Name(function), "/", row.name),
                     {{{row.x, Layout::Plain(row.x)}}, Single("Reduce", ReduceAttrs{function, row.axes, true})},
                     [x = row.x, axes = row.axes, algorithm = algorithm] { return Reduction(x, axes, algorithm); });
    }
  }
});

}  // namespace
}  // namespace gradus
