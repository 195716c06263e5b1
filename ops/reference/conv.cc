#include "ops/conv.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "graph/reference.h"

namespace gradus {
namespace {

using Point = std::array<int64_t, 3>;

// A shape's spatial dimensions as three, missing ones of size 1 in front.
Point Spatial(const Dims& dims, int64_t missing) {
  Point point = {missing, missing, missing};
  for (size_t i = 0; i < dims.size(); ++i) point[3 - dims.size() + i] = dims[i];
  return point;
}
Point SpatialOf(const Shape& shape) { return Spatial(Dims(shape.dims().begin() + 2, shape.dims().end()), 1); }

// Calls visit(x index, w index, y index) for each product x w of the sum that makes y.
template <typename Visit>
void ForEachProduct(const ConvAttrs& conv, const Shape& x, const Shape& w, const Shape& y, const Visit& visit) {
  const Point input = SpatialOf(x), kernel = SpatialOf(w), output = SpatialOf(y);
  const Point stride = Spatial(conv.window.stride, 1), dilation = Spatial(conv.window.dilation, 1);
  const Point pad = Spatial(conv.window.pad_begin, 0);
  const int64_t channels = w[1], filters = w[0];
  int64_t y_index = 0;
  for (int64_t n = 0; n < x[0]; ++n) {
    for (int64_t f = 0; f < filters; ++f) {
      const int64_t first_channel = f / (filters / conv.groups) * channels;
      for (Point o = {}; o[0] < output[0]; ++o[0]) {
        for (o[1] = 0; o[1] < output[1]; ++o[1]) {
          for (o[2] = 0; o[2] < output[2]; ++o[2], ++y_index) {
            int64_t w_index = f * channels * kernel[0] * kernel[1] * kernel[2];
            for (int64_t c = 0; c < channels; ++c) {
              for (Point k = {}; k[0] < kernel[0]; ++k[0]) {
                for (k[1] = 0; k[1] < kernel[1]; ++k[1]) {
                  for (k[2] = 0; k[2] < kernel[2]; ++k[2], ++w_index) {
                    int64_t x_index = n * x[1] + first_channel + c;
                    bool inside = true;
                    for (int d = 0; d < 3; ++d) {
                      const int64_t i = o[d] * stride[d] - pad[d] + k[d] * dilation[d];
                      inside = inside && i >= 0 && i < input[d];
                      x_index = x_index * input[d] + i;
                    }
                    if (inside) visit(x_index, w_index, y_index);
                  }
                }
              }
            }
          }
        }
      }
    }
  }
}

// `bias`: an input, or -1.
void Convolve(ReferenceContext& context, const ConvAttrs& conv, int bias) {
  const std::vector<double>&x = context.in(0), &w = context.in(1);
  const Shape& shape = context.outputs[0].shape;
  std::vector<double>& y = context.out(0);
  if (bias >= 0) {
    const int64_t positions = shape.ElementsBetween(2, shape.rank());
    for (size_t i = 0; i < y.size(); ++i) y[i] = context.in(bias)[static_cast<int64_t>(i) / positions % shape[1]];
  }
  ForEachProduct(conv, context.shape(0), context.shape(1), shape,
                 [&](int64_t xi, int64_t wi, int64_t yi) { y[yi] += x[xi] * w[wi]; });
}

absl::Status ConvReference(ReferenceContext& context) {
  Convolve(context, context.attrs<ConvAttrs>(), context.inputs.size() > 2 ? 2 : -1);
  return absl::OkStatus();
}

absl::Status FusedConvReference(ReferenceContext& context) {
  const auto& attrs = context.attrs<FusedConvAttrs>();
  Convolve(context, attrs.conv, attrs.has_bias ? 2 + attrs.has_residual : -1);
  std::vector<double>& y = context.out(0);
  for (size_t i = 0; i < y.size(); ++i) {
    if (attrs.has_residual) y[i] += context.in(2)[i];
    if (attrs.relu) y[i] = std::max(y[i], 0.0);
  }
  return absl::OkStatus();
}

absl::Status ConvBackwardDataReference(ReferenceContext& context) {
  const ConvAttrs& conv = context.attrs<ConvBackwardDataAttrs>().conv;
  const std::vector<double>&dy = context.in(0), &w = context.in(1);
  std::vector<double>& dx = context.out(0);
  ForEachProduct(conv, context.outputs[0].shape, context.shape(1), context.shape(0),
                 [&](int64_t xi, int64_t wi, int64_t yi) { dx[xi] += w[wi] * dy[yi]; });
  return absl::OkStatus();
}

absl::Status ConvBackwardWeightsReference(ReferenceContext& context) {
  const auto& attrs = context.attrs<ConvBackwardWeightsAttrs>();
  const std::vector<double>&x = context.in(0), &dy = context.in(1);
  const Shape& shape = context.shape(1);
  std::vector<double>& dw = context.out(0);
  ForEachProduct(attrs.conv, context.shape(0), context.outputs[0].shape, shape,
                 [&](int64_t xi, int64_t wi, int64_t yi) { dw[wi] += x[xi] * dy[yi]; });
  if (attrs.has_bias) {
    const int64_t positions = shape.ElementsBetween(2, shape.rank());
    for (size_t i = 0; i < dy.size(); ++i) context.out(1)[static_cast<int64_t>(i) / positions % shape[1]] += dy[i];
  }
  return absl::OkStatus();
}

REGISTER_REFERENCE(Conv, ConvReference);
REGISTER_REFERENCE(FusedConv, FusedConvReference);
REGISTER_REFERENCE(ConvBackwardData, ConvBackwardDataReference);
REGISTER_REFERENCE(ConvBackwardWeights, ConvBackwardWeightsReference);

}  // namespace
}  // namespace gradus
