// Transposed convolution: the layer of which a convolution is the gradient. Its node is the convolution's own
// ConvBackwardData, forwards: the convolution that it transposes has as many filters as our input has channels.
#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "graph/layer.h"
#include "ops/binary.h"
#include "ops/conv.h"
#include "ops/conv_fields.h"
#include "ops/norm_activation.h"
#include "ops/reshape.h"
#include "ops/window.h"
#include "proto/layers.pb.h"

namespace gradus {
namespace {

// An input of the convolution whose output has these spatial dimensions.
absl::StatusOr<TensorType> ImageOf(const Dims& spatial) {
  Dims dims(2 + spatial.size(), 1);
  std::copy(spatial.begin(), spatial.end(), dims.begin() + 2);
  GRADUS_ASSIGN_OR_RETURN(Shape shape, Shape::Make(dims));
  return TensorType{DType::kFloat32, std::move(shape)};
}

// The convolution's window. Where pads depend on its input's size, that is the stride times ours.
absl::StatusOr<Window> TransposedWindow(const LayerContext& context, const ConvTranspose& config, const Dims& spatial) {
  constexpr int64_t kLargerThanAnyWindow = int64_t{1} << 16;  // of 3 dimensions below 2^56 elements
  const WindowFields fields = FieldsOf(config);
  GRADUS_ASSIGN_OR_RETURN(const TensorType large, ImageOf(Dims(spatial.size(), kLargerThanAnyWindow)));
  GRADUS_ASSIGN_OR_RETURN(const ResolvedWindow any, ResolveWindow(context, large, fields));
  if (config.padding() != SAME_UPPER && config.padding() != SAME_LOWER) return any.window;
  Dims sizes = spatial;
  for (size_t i = 0; i < sizes.size(); ++i) {
    GRADUS_ASSIGN_OR_RETURN(sizes[i], CheckedMultiply(sizes[i], any.window.stride[i]));
  }
  GRADUS_ASSIGN_OR_RETURN(const TensorType exact, ImageOf(sizes));
  GRADUS_ASSIGN_OR_RETURN(const ResolvedWindow resolved, ResolveWindow(context, exact, fields));
  return resolved.window;
}

absl::StatusOr<Dims> OutputPadding(const LayerContext& context, const ConvTranspose& config, const Window& window) {
  const int rank = window.spatial_rank(), given = config.output_padding_size();
  if (given > 1 && given != rank) {
    return context.Error("output_padding", absl::StrCat("output_padding has ", given, " values; expected 1 or ", rank));
  }
  Dims padding(rank, 0);
  for (int i = 0; i < rank && given > 0; ++i) {
    padding[i] = config.output_padding(given == 1 ? 0 : i);
    if (padding[i] >= 0 && padding[i] < window.stride[i]) continue;
    return context.Error("output_padding",
                         absl::StrCat("output_padding is ", padding[i],
                                      "; expected 0 or more, and less than the stride, ", window.stride[i]));
  }
  return padding;
}

// y + b, b as f32[filters, 1, ...].
absl::StatusOr<Value> AddBias(LayerContext& context, Value y, const ConvTranspose& config) {
  GRADUS_ASSIGN_OR_RETURN(const Value bias,
                          context.Parameter("bias", Shape{config.filters()}, &config.bias_init(), "constant {}"));
  Dims wide(context.shape(y).rank() - 1, 1);
  wide[0] = config.filters();
  GRADUS_ASSIGN_OR_RETURN(Shape shape, Shape::Make(wide));
  GRADUS_ASSIGN_OR_RETURN(const Value reshaped,
                          context.Call("Reshape", {bias}, ReshapeAttrs{std::move(shape)}, "wide_bias"));
  return context.Call("Binary", {y, reshaped}, BinaryAttrs{Binary::ADD}, "biased");
}

// output = (input - 1) stride - pads + reach + output_padding
absl::StatusOr<Value> LowerConvTranspose(LayerContext& context) {
  const auto& config = context.config<ConvTranspose>();
  GRADUS_RETURN_IF_ERROR(context.CheckInputs(1, 1));
  const TensorType x = context.type(context.input(0));
  if (x.dtype != DType::kFloat32 || x.shape.rank() < 3 || x.shape.rank() > 5 || x.shape[1] < 1) {
    return context.Error(
        "", absl::StrCat("expected f32[N, C, spatial...] with 1 to 3 spatial dimensions; got ", x.ToString()));
  }
  const Dims spatial(x.shape.dims().begin() + 2, x.shape.dims().end());
  const int64_t channels = x.shape[1];
  GRADUS_RETURN_IF_ERROR(CheckChannels(context, config, channels));
  GRADUS_ASSIGN_OR_RETURN(const Window window, TransposedWindow(context, config, spatial));
  GRADUS_ASSIGN_OR_RETURN(const Dims output_padding, OutputPadding(context, config, window));
  Dims output;
  for (int i = 0; i < window.spatial_rank(); ++i) {
    GRADUS_ASSIGN_OR_RETURN(const int64_t steps, CheckedMultiply(spatial[i] - 1, window.stride[i]));
    output.push_back(steps - window.pad_begin[i] - window.pad_end[i] + window.Reach(i) + output_padding[i]);
    if (output[i] >= 1) continue;
    return context.Error("", absl::StrCat("the output would have ", output[i], " elements in spatial dimension ", i,
                                          ": the pads are larger than what the window makes of ", x.ToString()));
  }
  const int64_t groups = config.groups();
  Dims weights = {channels, config.filters() / groups};
  weights.insert(weights.end(), window.kernel.begin(), window.kernel.end());
  const absl::StatusOr<Shape> shape = Shape::Make(weights);
  if (!shape.ok()) return context.Error("filters", shape.status().message());
  const double taps = static_cast<double>(shape->ElementsBetween(2, shape->rank()));
  GRADUS_ASSIGN_OR_RETURN(const Value w, context.Parameter("weights", *shape, &config.weights_init(), "xavier {}",
                                                           taps * static_cast<double>(channels / groups),
                                                           taps * static_cast<double>(config.filters() / groups)));
  GRADUS_ASSIGN_OR_RETURN(Value y, context.Call("ConvBackwardData", {context.input(0), w},
                                                ConvBackwardDataAttrs{{window, groups}, output}));
  if (config.has_bias() ? config.bias() : !HasNorm(config.norm())) {
    GRADUS_ASSIGN_OR_RETURN(y, AddBias(context, y, config));
  }
  return AddNormAndActivation(context, y, config);
}

REGISTER_LAYER(ConvTranspose, "gradus.ConvTranspose", LowerConvTranspose);

}  // namespace
}  // namespace gradus
