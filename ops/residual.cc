// The layer that closes a residual: its inputs are x and what the layers inside made of it. No operation of its own.
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "graph/layer.h"
#include "ops/binary.h"
#include "ops/norm_activation.h"
#include "ops/pad.h"
#include "ops/pool.h"
#include "proto/model.pb.h"

namespace gradus {
namespace {

// What turns x's positions into those of the branch.
struct Subsampling {
  Dims strides;  // the smallest ones for which ceil(x / stride) is the branch's size, one for each spatial dimension
  bool any = false;
};

std::optional<Subsampling> FindSubsampling(const Shape& x, const Shape& branch) {
  if (x.rank() < 3 || x.rank() != branch.rank() || x[0] != branch[0]) return std::nullopt;
  Subsampling found;
  for (int axis = 2; axis < x.rank(); ++axis) {
    if (branch[axis] < 1 || x[axis] < branch[axis]) return std::nullopt;
    const int64_t stride = (x[axis] - 1) / branch[axis] + 1;
    if ((x[axis] - 1) / stride + 1 != branch[axis]) return std::nullopt;
    found.strides.push_back(stride);
    found.any = found.any || stride > 1;
  }
  return found;
}

absl::Status Disagree(const LayerContext& context, absl::string_view why) {
  return context.Error("shortcut",
                       absl::StrCat("the shortcut starts as ", context.type(context.input(0)).ToString(),
                                    " and its layers give ", context.type(context.input(1)).ToString(), "; ", why));
}

absl::StatusOr<Value> Project(LayerContext& context) {
  const Shape &x = context.shape(context.input(0)), &branch = context.shape(context.input(1));
  const std::optional<Subsampling> subsampling = FindSubsampling(x, branch);
  if (!subsampling) return Disagree(context, "no 1 x 1 convolution makes them agree");
  Conv conv = context.config<Residual>().projection();
  if (conv.has_filters() || !conv.kernel().empty() || !conv.stride().empty() || !conv.pad().empty() ||
      conv.has_padding() || !conv.dilation().empty()) {
    return context.Error("projection", "the shapes decide filters, kernel, stride and padding of the projection");
  }
  conv.set_filters(branch[1]);
  conv.add_kernel(1);
  for (int64_t stride : subsampling->strides) conv.add_stride(stride);
  const LayerEntry* entry = Registry<LayerEntry>::Get().Find(Conv::descriptor()->full_name());
  if (entry == nullptr) return context.Error("projection", "this program has no convolution");
  LayerContext part = context.Part("shortcut", &conv, {context.input(0)}, "projection");
  return entry->lower(part);
}

absl::StatusOr<Value> PadChannels(LayerContext& context) {
  Value x = context.input(0);
  const Shape branch = context.shape(context.input(1));
  const std::optional<Subsampling> subsampling = FindSubsampling(context.shape(x), branch);
  if (!subsampling || context.shape(x)[1] > branch[1]) {
    return Disagree(context, "no stride and no channels of zeros make them agree");
  }
  if (subsampling->any) {
    const Dims ones(subsampling->strides.size(), 1), zeros(subsampling->strides.size(), 0);
    const Window window{ones, subsampling->strides, ones, zeros, zeros};
    GRADUS_ASSIGN_OR_RETURN(
        x, context.Call("AveragePool", {x}, AveragePoolAttrs{window, true, zeros}, "shortcut/subsample"));
  }
  const int64_t missing = branch[1] - context.shape(x)[1];
  if (missing == 0) return x;
  PadAttrs pad{Dims(branch.rank(), 0), Dims(branch.rank(), 0), 0};
  pad.after[1] = missing;
  return context.Call("Pad", {x}, pad, "shortcut/pad");
}

absl::StatusOr<Value> AddShortcut(LayerContext& context) {
  const bool agree = context.type(context.input(0)) == context.type(context.input(1));
  switch (context.config<Residual>().shortcut()) {
    case Residual::IDENTITY:
      if (!agree) return Disagree(context, "IDENTITY needs equal shapes");
      return context.input(0);
    case Residual::PROJECT:
      return Project(context);
    case Residual::PAD:
      return PadChannels(context);
    default:
      if (agree) return context.input(0);
      return Project(context);
  }
}

absl::StatusOr<Value> LowerResidual(LayerContext& context) {
  if (context.num_inputs() == 1) {
    return context.Error("", "has no layers inside, like 'residual { layer { ... } }', and no second input");
  }
  GRADUS_RETURN_IF_ERROR(context.CheckInputs(2, 2));
  GRADUS_ASSIGN_OR_RETURN(const Value shortcut, AddShortcut(context));
  GRADUS_ASSIGN_OR_RETURN(const Value sum,
                          context.Call("Binary", {context.input(1), shortcut}, BinaryAttrs{Binary::ADD}));
  return AddNormAndActivation(context, sum, context.config<Residual>());
}

REGISTER_LAYER(Residual, "gradus.Residual", LowerResidual);

}  // namespace
}  // namespace gradus
