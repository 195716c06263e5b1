// Batch norm as ResNet-50 has it for a batch of 16, in blocks of 8 channels.
#include <string>

#include "core/onednn.h"
#include "ops/batch_norm.h"
#include "tests/benchmarks/op_benchmark.h"

namespace gradus {
namespace {

struct Row {
  const char* name;
  TensorType x;
};

const Row kRows[] = {{"64x112", Floats({16, 64, 112, 112})},  {"64x56", Floats({16, 64, 56, 56})},
                     {"256x56", Floats({16, 256, 56, 56})},   {"128x28", Floats({16, 128, 28, 28})},
                     {"512x28", Floats({16, 512, 28, 28})},   {"256x14", Floats({16, 256, 14, 14})},
                     {"1024x14", Floats({16, 1024, 14, 14})}, {"512x7", Floats({16, 512, 7, 7})},
                     {"2048x7", Floats({16, 2048, 7, 7})}};

const auto kFlags = dnnl::normalization_flags::use_scale | dnnl::normalization_flags::use_shift;

dnnl::batch_normalization_forward::primitive_desc ForwardDesc(const Layout& x, dnnl::prop_kind kind,
                                                              dnnl::normalization_flags flags) {
  return {dnnl::batch_normalization_forward::desc(kind, ToDesc(x), 1e-5F, flags), CpuEngine()};
}

std::unique_ptr<Timed> Training(const Layout& x) {
  return BarePrimitive(ForwardDesc(x, dnnl::prop_kind::forward_training, kFlags),
                       {DNNL_ARG_SRC, DNNL_ARG_DST, DNNL_ARG_SCALE, DNNL_ARG_SHIFT, DNNL_ARG_MEAN, DNNL_ARG_VARIANCE});
}

std::unique_ptr<Timed> Inference(const Layout& x) {
  return BarePrimitive(
      ForwardDesc(x, dnnl::prop_kind::forward_inference, kFlags | dnnl::normalization_flags::use_global_stats),
      {DNNL_ARG_SRC, DNNL_ARG_DST, DNNL_ARG_SCALE, DNNL_ARG_SHIFT, DNNL_ARG_MEAN, DNNL_ARG_VARIANCE});
}

std::unique_ptr<Timed> Backward(const Layout& x) {
  const dnnl::batch_normalization_backward::primitive_desc desc(
      dnnl::batch_normalization_backward::desc(dnnl::prop_kind::backward, ToDesc(x), ToDesc(x), 1e-5F, kFlags),
      CpuEngine(), ForwardDesc(x, dnnl::prop_kind::forward_training, kFlags));
  return BarePrimitive(desc, {DNNL_ARG_SRC, DNNL_ARG_DIFF_DST, DNNL_ARG_MEAN, DNNL_ARG_VARIANCE, DNNL_ARG_SCALE,
                              DNNL_ARG_DIFF_SRC, DNNL_ARG_DIFF_SCALE, DNNL_ARG_DIFF_SHIFT});
}

REGISTER_OP_BENCHMARKS(BatchNorm, [] {
  for (const Row& row : kRows) {
    const std::string name = row.name;
    const Layout layout = Tagged(row.x, dnnl_aBcd8b);
    const TensorType channel = Floats({row.x.shape[1]});
    const BenchInput x = {row.x, layout}, vector = {channel, Layout::Plain(channel)};
    const BatchNormAttrs attrs;
    AddOpBenchmark("BatchNorm/training/" + name, {{x, vector, vector}, Single("BatchNorm", attrs)},
                   [layout] { return Training(layout); });
    AddOpBenchmark("BatchNorm/inference/" + name,
                   {{x, vector, vector, vector, vector}, Single("BatchNormInference", attrs), true},
                   [layout] { return Inference(layout); });
    AddOpBenchmark("BatchNorm/backward/" + name, {{x, x, vector, vector, vector}, Single("BatchNormBackward", attrs)},
                   [layout] { return Backward(layout); });
  }
});

}  // namespace
}  // namespace gradus
