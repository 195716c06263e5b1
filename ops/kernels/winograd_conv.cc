#include "ops/kernels/winograd_conv.h"

#include <oneapi/dnnl/dnnl.h>

#include <algorithm>
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

constexpr double kLeastGain = 1.6;          // multiplications saved that are worth the transforms
constexpr double kMostTileChannels = 1e13;  // what no memory holds; sizes in bytes fit 64 bits

// The convolution of one group.
std::optional<winograd::Convolution> Fit(const ConvShapes& shapes) {
  const Window& window = shapes.conv.window;
  if (shapes.x.rank() != 4 || VectorWidth() < winograd::kLanes) return std::nullopt;
  if (window.kernel[0] != window.kernel[1] || (window.kernel[0] != 3 && window.kernel[0] != 5)) return std::nullopt;
  for (int axis = 0; axis < 2; ++axis) {
    if (window.stride[axis] != 1 || window.dilation[axis] != 1) return std::nullopt;
  }
  const int64_t groups = shapes.conv.groups;
  winograd::Convolution conv;
  conv.taps = static_cast<int>(window.kernel[0]);
  conv.images = shapes.x[0], conv.channels = shapes.x[1] / groups, conv.filters = shapes.y[1] / groups;
  conv.height = shapes.x[2], conv.width = shapes.x[3];
  conv.out_height = shapes.y[2], conv.out_width = shapes.y[3];
  conv.top = window.pad_begin[0], conv.left = window.pad_begin[1];
  const double tiles = static_cast<double>(conv.tiles());
  if (tiles * static_cast<double>(std::max(conv.channels, conv.filters)) > kMostTileChannels) return std::nullopt;
  if (groups == 1) return conv;
  // Groups have to begin with a block.
  if (conv.channels % winograd::kLanes != 0 || conv.filters % winograd::kLanes != 0) return std::nullopt;
  conv.x_blocks = conv.channel_blocks() * groups, conv.y_blocks = conv.filter_blocks() * groups;
  return conv;
}

// Where groups are in x, y, the weights and the bias.
struct GroupStrides {
  int64_t x, y, w, bias;
  explicit GroupStrides(const winograd::Convolution& conv)
      : x(conv.channels * conv.height * conv.width),
        y(conv.filters * conv.out_height * conv.out_width),
        w(conv.channels * conv.filters * conv.taps * conv.taps),
        bias(conv.filters) {}
};

Layout Blocked(const Shape& image) { return ChannelLayout({DType::kFloat32, image}, winograd::kLanes); }

Layout BlockedWeights(const ConvShapes& shapes) {
  dnnl::memory::dims dims = ToDnnl(shapes.w);
  const int64_t groups = shapes.conv.groups;
  if (groups > 1) {
    dims[0] /= groups;
    dims.insert(dims.begin(), groups);
  }
  dnnl_memory_desc_t desc;
  GRADUS_CHECK(dnnl_memory_desc_init_by_tag(&desc, static_cast<int>(dims.size()), dims.data(), dnnl_f32,
                                            groups > 1 ? dnnl_gOIhw8i8o : dnnl_OIhw8i8o) == dnnl_success);
  return Layout(desc);
}

Layout Vector(int64_t size) { return Layout::Plain({DType::kFloat32, Shape{size}}); }

// With few channels the transforms of images cost more than the products that they save, and with few tiles those of
// the weights.
bool Pays(const winograd::Convolution& conv, double direct_products) {
  if (VectorWidth() != winograd::kLanes) return false;
  const int64_t least_channels = conv.taps == 3 ? 16 : 20, least_tiles = conv.taps == 3 ? 16 : 64;
  if (std::min(conv.channels, conv.filters) < least_channels || conv.tiles() < least_tiles) return false;
  const double lanes =
      static_cast<double>(conv.channel_blocks() * conv.filter_blocks() * winograd::kLanes * winograd::kLanes);
  return static_cast<double>(conv.tiles()) * winograd::kTilePoints * lanes * kLeastGain <= direct_products;
}

// Multiplications without padding.
double DirectProducts(const winograd::Convolution& conv) {
  return static_cast<double>(conv.images * conv.out_height * conv.out_width * conv.taps * conv.taps * conv.channels *
                             conv.filters);
}

}  // namespace

bool WinogradPays(const ConvShapes& shapes) {
  const std::optional<winograd::Convolution> conv = Fit(shapes);
  return conv.has_value() && Pays(*conv, DirectProducts(*conv));
}

bool WinogradBackwardDataPays(const ConvShapes& shapes) {
  const std::optional<winograd::Convolution> conv = Fit(shapes);
  return conv.has_value() && Pays(conv->Adjoint(), DirectProducts(*conv));
}

std::optional<Candidate> WinogradForward(const ConvShapes& shapes, const ConvEpilogue& epilogue, int threads) {
  const std::optional<winograd::Convolution> conv = Fit(shapes);
  if (!conv.has_value()) return std::nullopt;
  const auto forward = std::make_shared<const winograd::Forward>(*conv, /*reversed=*/false, threads);
  std::vector<Layout> inputs = {Blocked(shapes.x), BlockedWeights(shapes)};
  if (epilogue.residual >= 0) inputs.push_back(Blocked(shapes.y));
  if (epilogue.has_bias()) inputs.push_back(Vector(shapes.w[0]));
  const GroupStrides group(*conv);
  const auto run = [forward, epilogue, group, groups = shapes.conv.groups](const Buffers& buffers) {
    for (int64_t g = 0; g < groups; ++g) {
      winograd::TileEpilogue tile;
      if (epilogue.has_bias()) {
        tile.bias = buffers.in<float>(epilogue.bias) + g * group.bias;
        tile.filters = group.bias;
      }
      if (epilogue.residual >= 0) tile.add = buffers.in<float>(epilogue.residual) + g * group.y;
      tile.relu = epilogue.relu;
      forward->Run(buffers.in<float>(0) + g * group.x, buffers.in<float>(1) + g * group.w, tile,
                   buffers.out<float>(0) + g * group.y, static_cast<float*>(buffers.scratch));
    }
    return absl::OkStatus();
  };
  Candidate candidate =
      FunctionCandidate(kWinogradConv, std::move(inputs), {Blocked(shapes.y)}, run, forward->scratch_bytes());
  candidate.in_place = epilogue.residual >= 0;
  return candidate;
}

std::optional<Candidate> WinogradBackwardData(const ConvShapes& shapes, int threads) {
  const std::optional<winograd::Convolution> conv = Fit(shapes);
  if (!conv.has_value()) return std::nullopt;
  const auto adjoint = std::make_shared<const winograd::Forward>(conv->Adjoint(), /*reversed=*/true, threads);
  const GroupStrides group(*conv);
  const auto run = [adjoint, group, groups = shapes.conv.groups](const Buffers& buffers) {
    for (int64_t g = 0; g < groups; ++g) {
      adjoint->Run(buffers.in<float>(0) + g * group.y, buffers.in<float>(1) + g * group.w, {},
                   buffers.out<float>(0) + g * group.x, static_cast<float*>(buffers.scratch));
    }
    return absl::OkStatus();
  };
  return FunctionCandidate(kWinogradConv, {Blocked(shapes.y), BlockedWeights(shapes)}, {Blocked(shapes.x)}, run,
                           adjoint->scratch_bytes());
}

std::optional<Candidate> WinogradBackwardWeights(const ConvShapes& shapes, bool has_bias, int threads) {
  const std::optional<winograd::Convolution> conv = Fit(shapes);
  if (!conv.has_value()) return std::nullopt;
  const auto backward = std::make_shared<const winograd::BackwardWeights>(*conv, threads);
  const GroupStrides group(*conv);
  const auto run = [backward, has_bias, group, groups = shapes.conv.groups](const Buffers& buffers) {
    for (int64_t g = 0; g < groups; ++g) {
      backward->Run(buffers.in<float>(0) + g * group.x, buffers.in<float>(1) + g * group.y,
                    buffers.out<float>(0) + g * group.w, has_bias ? buffers.out<float>(1) + g * group.bias : nullptr,
                    static_cast<float*>(buffers.scratch));
    }
    return absl::OkStatus();
  };
  std::vector<Layout> outputs = {BlockedWeights(shapes)};
  if (has_bias) outputs.push_back(Vector(shapes.w[0]));
  return FunctionCandidate(kWinogradConv, {Blocked(shapes.x), Blocked(shapes.y)}, std::move(outputs), run,
                           backward->scratch_bytes());
}

}  // namespace gradus
