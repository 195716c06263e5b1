// What outputs see of inputs (graph/receptive_field.h), for the operations that layers before a loss are lowered to.
// Those that are not here see all of their inputs: recurrent layers, because they do; the products of matrices that a
// convolution by IM2COL is made of (Unfold, Fold), whose windows no axis shows; losses, metrics, gradients, updates and
// what passes fuse, because nobody asks.
//
// Statistics of a batch do not count as seeing: a batch norm sees its place.
#include <algorithm>
#include <cmath>

#include "graph/receptive_field.h"
#include "ops/concat.h"
#include "ops/conv.h"
#include "ops/matmul.h"
#include "ops/pad.h"
#include "ops/pool.h"
#include "ops/reduce.h"
#include "ops/resample.h"
#include "ops/slice.h"
#include "ops/softmax.h"
#include "ops/stochastic_pool.h"
#include "ops/transpose.h"
#include "ops/window.h"

namespace gradus {
namespace {

using Outputs = absl::Span<const TensorType>;

ReceptiveField WholeOf(const Shape& shape) { return ReceptiveField(shape.rank(), AxisField::Whole()); }

// Spatial dimensions are axes 2 and up. o sees o stride - pad_begin + k dilation.
ReceptiveField ThroughWindow(const Window& window, const Shape& x, AxisField channels) {
  ReceptiveField field = WholeOf(x);
  field[0] = AxisField::Along(0), field[1] = channels;
  for (int d = 0; d < window.spatial_rank(); ++d) {
    const auto begin = static_cast<double>(-window.pad_begin[d]);
    field[2 + d] = AxisField::Along(2 + d, static_cast<double>(window.stride[d]), begin,
                                    begin + static_cast<double>(window.Reach(d) - 1));
  }
  return field;
}

// o sees the i with o = i stride - pad_begin + k dilation: at most floor((reach - 1) / stride) + 1 of them, around
// (o + pad_begin - (reach - 1) / 2) / stride.
ReceptiveField BackThroughWindow(const Window& window, const Shape& dy, AxisField channels) {
  ReceptiveField field = WholeOf(dy);
  field[0] = AxisField::Along(0), field[1] = channels;
  for (int d = 0; d < window.spatial_rank(); ++d) {
    const auto stride = static_cast<double>(window.stride[d]), reach = static_cast<double>(window.Reach(d) - 1);
    const double centre = (static_cast<double>(window.pad_begin[d]) - reach / 2) / stride;
    const double half = std::floor(reach / stride) / 2;
    field[2 + d] = AxisField::Along(2 + d, 1 / stride, centre - half, centre + half);
  }
  return field;
}

ReceptiveField ConvField(const TypeContext& context, int input, Outputs /*outputs*/) {
  if (input > 0) return WholeOf(context.shape(input));
  return ThroughWindow(context.attrs.as<ConvAttrs>().window, context.shape(0), AxisField::Whole());
}

ReceptiveField ConvBackwardDataField(const TypeContext& context, int input, Outputs /*outputs*/) {
  if (input > 0) return WholeOf(context.shape(input));
  return BackThroughWindow(context.attrs.as<ConvBackwardDataAttrs>().conv.window, context.shape(0), AxisField::Whole());
}

// Rows are of an example, or of a position of one.
ReceptiveField DenseField(const TypeContext& context, int input, Outputs /*outputs*/) {
  ReceptiveField field = WholeOf(context.shape(input));
  if (input == 0) field[0] = AxisField::Along(0);
  return field;
}

// A pooling of all there is sees all that there is.
ReceptiveField PoolField(const Window& window, const TypeContext& context) {
  ReceptiveField field = ThroughWindow(window, context.shape(0), AxisField::Along(1));
  for (int d = 0; d < window.spatial_rank(); ++d) {
    if (window.kernel[d] == context.shape(0)[2 + d] && window.pad_begin[d] == 0) field[2 + d] = AxisField::Whole();
  }
  return field;
}

ReceptiveField MaxPoolField(const TypeContext& context, int /*input*/, Outputs /*outputs*/) {
  return PoolField(context.attrs.as<MaxPoolAttrs>().window, context);
}

ReceptiveField AveragePoolField(const TypeContext& context, int /*input*/, Outputs /*outputs*/) {
  return PoolField(context.attrs.as<AveragePoolAttrs>().window, context);
}

ReceptiveField StochasticPoolField(const TypeContext& context, int /*input*/, Outputs /*outputs*/) {
  return PoolField(context.attrs.as<StochasticPoolAttrs>().window, context);
}

// dy and the places of the maxima are seen alike.
ReceptiveField MaxPoolBackwardField(const TypeContext& context, int /*input*/, Outputs /*outputs*/) {
  return BackThroughWindow(context.attrs.as<MaxPoolBackwardAttrs>().window, context.shape(0), AxisField::Along(1));
}

// Channels are mixed, places are not.
ReceptiveField LrnField(const TypeContext& context, int input, Outputs outputs) {
  ReceptiveField field = SeesItsPlace(context, input, outputs);
  field[1] = AxisField::Whole();
  return field;
}

ReceptiveField SoftmaxField(const TypeContext& context, int input, Outputs outputs) {
  ReceptiveField field = SeesItsPlace(context, input, outputs);
  field[context.attrs.as<SoftmaxAttrs>().axis] = AxisField::Whole();
  return field;
}

ReceptiveField BatchNormField(const TypeContext& context, int input, Outputs outputs) {
  return input == 0 ? SeesItsPlace(context, input, outputs) : WholeOf(context.shape(input));
}

ReceptiveField ConcatField(const TypeContext& context, int input, Outputs outputs) {
  const auto axis = static_cast<int>(context.attrs.as<ConcatAttrs>().axis);
  double before = 0;
  for (int i = 0; i < input; ++i) before += static_cast<double>(context.shape(i)[axis]);
  ReceptiveField field = SeesItsPlace(context, input, outputs);
  field[axis] = AxisField::Along(axis, 1, -before, -before);
  return field;
}

ReceptiveField Shifted(const Dims& shift, double sign) {
  ReceptiveField field;
  for (size_t axis = 0; axis < shift.size(); ++axis) {
    const double by = sign * static_cast<double>(shift[axis]);
    field.push_back(AxisField::Along(static_cast<int>(axis), 1, by, by));
  }
  return field;
}

ReceptiveField SliceField(const TypeContext& context, int /*input*/, Outputs /*outputs*/) {
  return Shifted(context.attrs.as<SliceAttrs>().begin, 1);
}

ReceptiveField PadField(const TypeContext& context, int /*input*/, Outputs /*outputs*/) {
  return Shifted(context.attrs.as<PadAttrs>().before, -1);
}

ReceptiveField TransposeField(const TypeContext& context, int /*input*/, Outputs /*outputs*/) {
  const Dims& permutation = context.attrs.as<TransposeAttrs>().permutation;
  ReceptiveField field = WholeOf(context.shape(0));
  for (size_t k = 0; k < permutation.size(); ++k) field[permutation[k]] = AxisField::Along(static_cast<int>(k));
  return field;
}

// An axis stays one where it has the same size and as many elements before it.
ReceptiveField ReshapeField(const TypeContext& context, int /*input*/, Outputs outputs) {
  const Shape &x = context.shape(0), &y = outputs[0].shape;
  ReceptiveField field = WholeOf(x);
  for (int axis = 0; axis < x.rank(); ++axis) {
    for (int to = 0; to < y.rank() && field[axis].whole(); ++to) {
      const bool same = x[axis] == y[to] && x.ElementsBetween(0, axis) == y.ElementsBetween(0, to);
      if (same) field[axis] = AxisField::Along(to);
    }
  }
  return field;
}

ReceptiveField ReduceField(const TypeContext& context, int /*input*/, Outputs /*outputs*/) {
  const auto& attrs = context.attrs.as<ReduceAttrs>();
  ReceptiveField field = WholeOf(context.shape(0));
  int to = 0;
  for (int axis = 0; axis < context.shape(0).rank(); ++axis) {
    const bool reduced = std::find(attrs.axes.begin(), attrs.axes.end(), axis) != attrs.axes.end();
    if (!reduced) field[axis] = AxisField::Along(to);
    to += !reduced || attrs.keep_dims;
  }
  return field;
}

// Rows of the first, columns of the second.
ReceptiveField MatMulField(const TypeContext& context, int input, Outputs outputs) {
  const auto& attrs = context.attrs.as<MatMulAttrs>();
  const Shape& x = context.shape(input);
  const int rank = x.rank(), to = outputs[0].shape.rank();
  ReceptiveField field = SeesItsPlace(context, input, outputs);
  field[rank - 1] = field[rank - 2] = AxisField::Whole();
  const bool transposed = input == 0 ? attrs.transpose_a : attrs.transpose_b;
  const bool last = (input == 1) != transposed;  // the axis that stays
  field[last ? rank - 1 : rank - 2] = AxisField::Along(input == 0 ? to - 2 : to - 1);
  return field;
}

// o is at p = (o + 0.5) in / out - 0.5; linear interpolation takes two neighbours.
ReceptiveField ResampleField(const TypeContext& context, int /*input*/, Outputs /*outputs*/) {
  const auto& attrs = context.attrs.as<ResampleAttrs>();
  ReceptiveField field = {AxisField::Along(0), AxisField::Along(1)};
  for (size_t d = 0; d < attrs.input.size(); ++d) {
    const double ratio = static_cast<double>(attrs.input[d]) / static_cast<double>(attrs.output[d]);
    const double at = ratio / 2 - 0.5, half = attrs.linear && ratio != 1 ? 0.5 : 0;
    field.push_back(AxisField::Along(static_cast<int>(2 + d), ratio, at - half, at + half));
  }
  return field;
}

ReceptiveField EmbeddingField(const TypeContext& context, int input, Outputs /*outputs*/) {
  ReceptiveField field = WholeOf(context.shape(input));
  if (input > 0) return field;
  for (size_t axis = 0; axis < field.size(); ++axis) field[axis] = AxisField::Along(static_cast<int>(axis));
  return field;
}

REGISTER_RECEPTIVE_FIELD(AddN, SeesItsPlace);
REGISTER_RECEPTIVE_FIELD(AveragePool, AveragePoolField);
REGISTER_RECEPTIVE_FIELD(BatchNorm, BatchNormField);
REGISTER_RECEPTIVE_FIELD(BatchNormInference, BatchNormField);
REGISTER_RECEPTIVE_FIELD(Bernoulli, SeesItsPlace);
REGISTER_RECEPTIVE_FIELD(Binary, SeesItsPlace);
REGISTER_RECEPTIVE_FIELD(BroadcastTo, SeesItsPlace);
REGISTER_RECEPTIVE_FIELD(Concat, ConcatField);
REGISTER_RECEPTIVE_FIELD(Conv, ConvField);
REGISTER_RECEPTIVE_FIELD(ConvBackwardData, ConvBackwardDataField);
REGISTER_RECEPTIVE_FIELD(Dense, DenseField);
REGISTER_RECEPTIVE_FIELD(Dropout, SeesItsPlace);
REGISTER_RECEPTIVE_FIELD(Embedding, EmbeddingField);
REGISTER_RECEPTIVE_FIELD(GaussianNoise, SeesItsPlace);
REGISTER_RECEPTIVE_FIELD(LogSoftmax, SoftmaxField);
REGISTER_RECEPTIVE_FIELD(Lrn, LrnField);
REGISTER_RECEPTIVE_FIELD(MatMul, MatMulField);
REGISTER_RECEPTIVE_FIELD(MaxPool, MaxPoolField);
REGISTER_RECEPTIVE_FIELD(MaxPoolBackward, MaxPoolBackwardField);
REGISTER_RECEPTIVE_FIELD(Pad, PadField);
REGISTER_RECEPTIVE_FIELD(Reduce, ReduceField);
REGISTER_RECEPTIVE_FIELD(Resample, ResampleField);
REGISTER_RECEPTIVE_FIELD(Reshape, ReshapeField);
REGISTER_RECEPTIVE_FIELD(Slice, SliceField);
REGISTER_RECEPTIVE_FIELD(Softmax, SoftmaxField);
REGISTER_RECEPTIVE_FIELD(StochasticPool, StochasticPoolField);
REGISTER_RECEPTIVE_FIELD(StopGradient, SeesItsPlace);
REGISTER_RECEPTIVE_FIELD(Transpose, TransposeField);
REGISTER_RECEPTIVE_FIELD(Unary, SeesItsPlace);

}  // namespace
}  // namespace gradus
