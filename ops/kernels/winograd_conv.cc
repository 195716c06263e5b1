#include "ops/kernels/winograd_conv.h"

#include <oneapi/dnnl/dnnl.h>

#include <memory>
#include <utility>
#include <vector>

#include "core/check.h"
#include "core/onednn.h"
#include "ops/kernels/channel_layout.h"
#include "ops/kernels/tile_gemm.h"
#include "ops/kernels/winograd.h"
#include "ops/kernels/winograd_gradient.h"

namespace gradus {
namespace {

std::optional<winograd::Convolution> Fit(const ConvShapes& shapes) {
  const Window& window = shapes.conv.window;
  if (shapes.x.rank() != 4 || shapes.conv.groups != 1 || VectorWidth() < winograd::kLanes) return std::nullopt;
  if (window.kernel[0] != window.kernel[1] || (window.kernel[0] != 3 && window.kernel[0] != 5)) return std::nullopt;
  for (int axis = 0; axis < 2; ++axis) {
    if (window.stride[axis] != 1 || window.dilation[axis] != 1) return std::nullopt;
  }
  winograd::Convolution conv;
  conv.taps = static_cast<int>(window.kernel[0]);
  conv.images = shapes.x[0], conv.channels = shapes.x[1], conv.filters = shapes.y[1];
  conv.height = shapes.x[2], conv.width = shapes.x[3];
  conv.out_height = shapes.y[2], conv.out_width = shapes.y[3];
  conv.top = window.pad_begin[0], conv.left = window.pad_begin[1];
  return conv;
}

Layout Blocked(const Shape& image) { return ChannelLayout({DType::kFloat32, image}, winograd::kLanes); }

Layout BlockedWeights(const Shape& w) {
  const dnnl::memory::dims dims = ToDnnl(w);
  dnnl_memory_desc_t desc;
  GRADUS_CHECK(dnnl_memory_desc_init_by_tag(&desc, 4, dims.data(), dnnl_f32, dnnl_OIhw8i8o) == dnnl_success);
  return Layout(desc);
}

Layout Vector(int64_t size) { return Layout::Plain({DType::kFloat32, Shape{size}}); }

}  // namespace

// With few channels the transforms cost more than the products that they save.
bool WinogradPays(const ConvShapes& shapes) {
  const int64_t channels = shapes.w[1], filters = shapes.w[0], least = shapes.conv.window.kernel[0] == 3 ? 16 : 24;
  return VectorWidth() == winograd::kLanes && channels % winograd::kLanes == 0 && filters % winograd::kLanes == 0 &&
         channels >= least && filters >= least;
}

std::optional<Candidate> WinogradForward(const ConvShapes& shapes, bool has_bias, int threads) {
  const std::optional<winograd::Convolution> conv = Fit(shapes);
  if (!conv.has_value()) return std::nullopt;
  const auto forward = std::make_shared<const winograd::Forward>(*conv, /*reversed=*/false, threads);
  std::vector<Layout> inputs = {Blocked(shapes.x), BlockedWeights(shapes.w)};
  if (has_bias) inputs.push_back(Vector(conv->filters));
  const auto run = [forward, has_bias, filters = conv->filters](const Buffers& buffers) {
    winograd::TileEpilogue epilogue;
    if (has_bias) epilogue.bias = buffers.in<float>(2), epilogue.filters = filters;
    forward->Run(buffers.in<float>(0), buffers.in<float>(1), epilogue, buffers.out<float>(0),
                 static_cast<float*>(buffers.scratch));
    return absl::OkStatus();
  };
  return FunctionCandidate(kWinogradConv, std::move(inputs), {Blocked(shapes.y)}, run, forward->scratch_bytes());
}

std::optional<Candidate> WinogradBackwardData(const ConvShapes& shapes, int threads) {
  const std::optional<winograd::Convolution> conv = Fit(shapes);
  if (!conv.has_value()) return std::nullopt;
  const auto adjoint = std::make_shared<const winograd::Forward>(conv->Adjoint(), /*reversed=*/true, threads);
  const auto run = [adjoint](const Buffers& buffers) {
    adjoint->Run(buffers.in<float>(0), buffers.in<float>(1), {}, buffers.out<float>(0),
                 static_cast<float*>(buffers.scratch));
    return absl::OkStatus();
  };
  return FunctionCandidate(kWinogradConv, {Blocked(shapes.y), BlockedWeights(shapes.w)}, {Blocked(shapes.x)}, run,
                           adjoint->scratch_bytes());
}

std::optional<Candidate> WinogradBackwardWeights(const ConvShapes& shapes, bool has_bias, int threads) {
  const std::optional<winograd::Convolution> conv = Fit(shapes);
  if (!conv.has_value()) return std::nullopt;
  const auto backward = std::make_shared<const winograd::BackwardWeights>(*conv, threads);
  const auto run = [backward, has_bias](const Buffers& buffers) {
    backward->Run(buffers.in<float>(0), buffers.in<float>(1), buffers.out<float>(0),
                  has_bias ? buffers.out<float>(1) : nullptr, static_cast<float*>(buffers.scratch));
    return absl::OkStatus();
  };
  std::vector<Layout> outputs = {BlockedWeights(shapes.w)};
  if (has_bias) outputs.push_back(Vector(conv->filters));
  return FunctionCandidate(kWinogradConv, {Blocked(shapes.x), Blocked(shapes.y)}, std::move(outputs), run,
                           backward->scratch_bytes());
}

}  // namespace gradus
