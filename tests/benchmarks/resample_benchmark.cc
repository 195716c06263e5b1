// Maps made larger and smaller, to the nearest element and linearly, against oneDNN's resampling.
#include <string>

#include "absl/strings/str_cat.h"
#include "core/onednn.h"
#include "ops/resample.h"
#include "tests/benchmarks/op_benchmark.h"

namespace gradus {
namespace {

struct Row {
  const char* name;
  int64_t images, channels, from, to;

  TensorType x() const { return Floats({images, channels, from, from}); }
  TensorType y() const { return Floats({images, channels, to, to}); }
};

const Row kRows[] = {{"decoder", 64, 32, 14, 28},
                     {"segmentation", 8, 64, 56, 112},
                     {"logits", 8, 21, 28, 224},
                     {"half", 16, 64, 112, 56},
                     {"image", 16, 3, 256, 224}};

dnnl::algorithm AlgorithmOf(bool linear) {
  return linear ? dnnl::algorithm::resampling_linear : dnnl::algorithm::resampling_nearest;
}

dnnl::resampling_forward::primitive_desc Forward(const Row& row, bool linear) {
  return {dnnl::resampling_forward::desc(dnnl::prop_kind::forward_training, AlgorithmOf(linear),
                                         ToDesc(Layout::Plain(row.x())), ToDesc(Layout::Plain(row.y()))),
          CpuEngine()};
}

dnnl::resampling_backward::primitive_desc Backward(const Row& row, bool linear) {
  return {dnnl::resampling_backward::desc(AlgorithmOf(linear), ToDesc(Layout::Plain(row.x())),
                                          ToDesc(Layout::Plain(row.y()))),
          CpuEngine(), Forward(row, linear)};
}

REGISTER_OP_BENCHMARKS(Resample, [] {
  for (const Row& row : kRows) {
    for (const bool linear : {false, true}) {
      const std::string name = absl::StrCat(linear ? "linear/" : "nearest/", row.name);
      const ResampleAttrs attrs = {linear, {row.from, row.from}, {row.to, row.to}};
      AddOpBenchmark("Resample/forward/" + name, {{{row.x(), Layout::Plain(row.x())}}, Single("Resample", attrs)},
                     [row, linear] {
                       return BarePrimitive(Forward(row, linear), {DNNL_ARG_SRC, DNNL_ARG_DST});
                     });
      AddOpBenchmark("Resample/backward/" + name,
                     {{{row.y(), Layout::Plain(row.y())}}, Single("ResampleBackward", attrs)}, [row, linear] {
                       return BarePrimitive(Backward(row, linear), {DNNL_ARG_DIFF_DST, DNNL_ARG_DIFF_SRC});
                     });
    }
  }
});

}  // namespace
}  // namespace gradus
