// The convolutions of the great image networks at their training batches, each pass, and some at a batch of one. Images
// lie as oneDNN likes them: nChw8c, the first ones plain.
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/onednn.h"
#include "ops/conv.h"
#include "ops/kernels/tile_gemm.h"
#include "tests/benchmarks/op_benchmark.h"

namespace gradus {
namespace {

struct Row {
  const char* network;
  int64_t images, channels, filters, size, kernel, stride, pad;
};

const Row kRows[] = {
    {"alexnet", 32, 3, 64, 224, 11, 4, 2},    {"alexnet", 32, 64, 192, 27, 5, 1, 2},
    {"alexnet", 32, 192, 384, 13, 3, 1, 1},   {"alexnet", 32, 384, 256, 13, 3, 1, 1},
    {"alexnet", 32, 256, 256, 13, 3, 1, 1},   {"vgg", 8, 3, 64, 224, 3, 1, 1},
    {"vgg", 8, 64, 64, 224, 3, 1, 1},         {"vgg", 8, 64, 128, 112, 3, 1, 1},
    {"vgg", 8, 128, 128, 112, 3, 1, 1},       {"vgg", 8, 128, 256, 56, 3, 1, 1},
    {"vgg", 8, 256, 256, 56, 3, 1, 1},        {"vgg", 8, 256, 512, 28, 3, 1, 1},
    {"vgg", 8, 512, 512, 28, 3, 1, 1},        {"vgg", 8, 512, 512, 14, 3, 1, 1},
    {"googlenet", 16, 64, 192, 56, 3, 1, 1},  {"googlenet", 16, 96, 128, 28, 3, 1, 1},
    {"googlenet", 16, 128, 192, 28, 3, 1, 1}, {"googlenet", 16, 16, 32, 28, 5, 1, 2},
    {"googlenet", 16, 32, 96, 28, 5, 1, 2},   {"googlenet", 16, 96, 208, 14, 3, 1, 1},
    {"googlenet", 16, 160, 320, 14, 3, 1, 1}, {"googlenet", 16, 24, 64, 14, 5, 1, 2},
    {"googlenet", 16, 32, 128, 14, 5, 1, 2},  {"googlenet", 16, 192, 384, 7, 3, 1, 1},
    {"googlenet", 16, 48, 128, 7, 5, 1, 2},   {"googlenet", 16, 192, 64, 28, 1, 1, 0},
    {"googlenet", 16, 480, 192, 14, 1, 1, 0}, {"googlenet", 16, 832, 384, 7, 1, 1, 0},
    {"resnet", 16, 3, 64, 224, 7, 2, 3},      {"resnet", 16, 64, 64, 56, 3, 1, 1},
    {"resnet", 16, 128, 128, 28, 3, 1, 1},    {"resnet", 16, 256, 256, 14, 3, 1, 1},
    {"resnet", 16, 512, 512, 7, 3, 1, 1},     {"resnet", 16, 128, 128, 56, 3, 2, 1},
    {"resnet", 16, 256, 256, 28, 3, 2, 1},    {"resnet", 16, 512, 512, 14, 3, 2, 1},
    {"resnet", 16, 64, 256, 56, 1, 1, 0},     {"resnet", 16, 256, 64, 56, 1, 1, 0},
    {"resnet", 16, 256, 1024, 14, 1, 1, 0},   {"resnet", 16, 1024, 256, 14, 1, 1, 0},
    {"resnet", 16, 512, 2048, 7, 1, 1, 0},    {"resnet", 16, 2048, 512, 7, 1, 1, 0},
    {"resnet", 16, 512, 1024, 28, 1, 2, 0},   {"resnet", 1, 64, 64, 56, 3, 1, 1},
    {"resnet", 1, 128, 128, 28, 3, 1, 1},     {"resnet", 1, 256, 256, 14, 3, 1, 1},
    {"resnet", 1, 512, 512, 7, 3, 1, 1},      {"vgg", 1, 64, 64, 224, 3, 1, 1},
    {"vgg", 1, 512, 512, 14, 3, 1, 1},        {"alexnet", 1, 64, 192, 27, 5, 1, 2},
};

// One convolution, for us and for oneDNN.
struct Case {
  TensorType x, w, y;
  ConvAttrs attrs;
  Layout x_layout, y_layout;
  double flops;

  explicit Case(const Row& row)
      : x(Floats({row.images, row.channels, row.size, row.size})),
        w(Floats({row.filters, row.channels, row.kernel, row.kernel})) {
    const Dims stride(2, row.stride), pad(2, row.pad);
    attrs.window = {Dims(2, row.kernel), stride, Dims(2, 1), pad, pad};
    y = *ConvOutput(attrs, x, w);
    const dnnl_format_tag_t blocked = VectorWidth() == 16 ? dnnl_aBcd16b : dnnl_aBcd8b;
    x_layout = row.channels < 8 ? Layout::Plain(x) : Tagged(x, blocked);
    y_layout = Tagged(y, blocked);
    flops = 2.0 * static_cast<double>(y.shape.num_elements() * row.channels * row.kernel * row.kernel);
  }

  dnnl::convolution_forward::primitive_desc Forward() const {
    const dnnl::memory::dims stride = ToDnnl(attrs.window.stride), pad = ToDnnl(attrs.window.pad_begin);
    return {{dnnl::prop_kind::forward_training, dnnl::algorithm::convolution_direct, ToDesc(x_layout), AnyWeights(),
             ToDesc(y_layout), stride, pad, pad},
            CpuEngine()};
  }
  dnnl::convolution_backward_data::primitive_desc BackwardData() const {
    const dnnl::memory::dims stride = ToDnnl(attrs.window.stride), pad = ToDnnl(attrs.window.pad_begin);
    return {{dnnl::algorithm::convolution_direct, ToDesc(x_layout), AnyWeights(), ToDesc(y_layout), stride, pad, pad},
            CpuEngine(),
            Forward()};
  }
  dnnl::convolution_backward_weights::primitive_desc BackwardWeights() const {
    const dnnl::memory::dims stride = ToDnnl(attrs.window.stride), pad = ToDnnl(attrs.window.pad_begin);
    return {{dnnl::algorithm::convolution_direct, ToDesc(x_layout), AnyWeights(), ToDesc(y_layout), stride, pad, pad},
            CpuEngine(),
            Forward()};
  }

 private:
  dnnl::memory::desc AnyWeights() const {
    return {ToDnnl(w.shape), dnnl::memory::data_type::f32, dnnl::memory::format_tag::any};
  }
};

OpBenchmark Node(std::vector<BenchInput> inputs, const char* op, Attrs attrs, double flops) {
  OpBenchmark result;
  result.inputs = std::move(inputs);
  result.build = [op, attrs](Graph& graph, const std::vector<Value>& in) {
    return graph.Add({op, "out", in, attrs, {}, Stage::kCompute, -1});
  };
  result.flops = flops;
  return result;
}

void Add() {
  for (const Row& row : kRows) {
    const Case one(row);
    const std::string shape =
        absl::StrCat(row.network, "/", row.images, "x", row.channels, "x", row.size, "x", row.size, "/", row.filters,
                     "x", row.kernel, "x", row.kernel, row.stride > 1 ? absl::StrCat("/stride", row.stride) : "");
    AddOpBenchmark("Conv/forward/" + shape,
                   Node({{one.x, one.x_layout}, {one.w, Layout()}}, "Conv", one.attrs, one.flops), [one] {
                     return BarePrimitive(one.Forward(), {DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DST});
                   });
    AddOpBenchmark(
        "Conv/backward_weights/" + shape,
        Node({{one.x, one.x_layout}, {one.y, one.y_layout}}, "ConvBackwardWeights",
             ConvBackwardWeightsAttrs{one.attrs, false}, one.flops),
        [one] {
          return BarePrimitive(one.BackwardWeights(), {DNNL_ARG_SRC, DNNL_ARG_DIFF_DST, DNNL_ARG_DIFF_WEIGHTS});
        });
    if (row.channels < 8) continue;  // images have no gradient
    AddOpBenchmark("Conv/backward_data/" + shape,
                   Node({{one.y, one.y_layout}, {one.w, Layout()}}, "ConvBackwardData",
                        ConvBackwardDataAttrs{one.attrs, {row.size, row.size}}, one.flops),
                   [one] {
                     return BarePrimitive(one.BackwardData(), {DNNL_ARG_DIFF_DST, DNNL_ARG_WEIGHTS, DNNL_ARG_DIFF_SRC});
                   });
  }
}

REGISTER_OP_BENCHMARKS(Conv, Add);

}  // namespace
}  // namespace gradus
