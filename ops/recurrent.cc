#include "ops/recurrent.h"

#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "core/status_macros.h"
#include "graph/gradient.h"
#include "graph/op.h"
#include "ops/functions.h"
#include "ops/type_checks.h"

namespace gradus {
namespace {

using Types = std::vector<TensorType>;

// The types of a direction of a layer.
struct Sizes {
  TensorType x, w, state, sequence, lengths, bias;
};

absl::StatusOr<TensorType> Floats(Dims dims) {
  GRADUS_ASSIGN_OR_RETURN(Shape shape, Shape::Make(dims));
  return TensorType{DType::kFloat32, std::move(shape)};
}

absl::StatusOr<Sizes> SizesOf(int64_t batch, int64_t steps, const TensorType& w, RecurrentCell cell) {
  const int gates = FactsOf(cell).gates;
  if (w.dtype != DType::kFloat32 || w.shape.rank() != 2 || w.shape[1] < 1 || w.shape[0] % gates != 0 ||
      w.shape[0] / gates != w.shape[1]) {
    return TypeError(absl::StrCat("weights f32[", gates, " x units, units]"), w.ToString());
  }
  const int64_t units = w.shape[1];
  Sizes sizes;
  sizes.w = w;
  GRADUS_ASSIGN_OR_RETURN(sizes.x, Floats({batch, steps, w.shape[0]}));
  GRADUS_ASSIGN_OR_RETURN(sizes.state, Floats({batch, units}));
  GRADUS_ASSIGN_OR_RETURN(sizes.sequence, Floats({batch, steps, units}));
  sizes.lengths = {DType::kInt32, Shape{batch}};
  sizes.bias = {DType::kFloat32, Shape{units}};
  return sizes;
}

absl::Status CheckSequence(const TensorType& x, const char* what) {
  if (x.dtype == DType::kFloat32 && x.shape.rank() == 3) return absl::OkStatus();
  return TypeError(what, x.ToString());
}

// An error unless there are `count` inputs and each of `expected`, by index, has its type.
absl::Status CheckTypes(const TypeContext& context, int count,
                        absl::Span<const std::pair<int, const TensorType*>> expected) {
  if (static_cast<int>(context.inputs.size()) != count) {
    return TypeError(absl::StrCat(count, " inputs for these attributes"), absl::StrCat(context.inputs.size()));
  }
  for (const auto& [index, type] : expected) {
    if (index >= 0 && context.input(index) != *type) {
      return TypeError(absl::StrCat(type->ToString(), " as input ", index), context.input(index).ToString());
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<Types> RecurrentTypes(const TypeContext& context) {
  const auto& attrs = context.attrs.as<RecurrentAttrs>();
  const TensorType& x = context.input(0);
  GRADUS_RETURN_IF_ERROR(CheckSequence(x, "x f32[N, T, gates x units]"));
  GRADUS_ASSIGN_OR_RETURN(const Sizes sizes, SizesOf(x.shape[0], x.shape[1], context.input(1), attrs.cell));
  const RecurrentOperands at(attrs);
  GRADUS_RETURN_IF_ERROR(CheckTypes(
      context, at.inputs,
      {{0, &sizes.x}, {2, &sizes.state}, {at.bias, &sizes.bias}, {at.c0, &sizes.state}, {at.lengths, &sizes.lengths}}));
  Types types = {sizes.sequence, sizes.state};
  if (at.gates >= 0) types.insert(types.end(), {sizes.x, sizes.sequence});
  if (at.c >= 0) types.push_back(sizes.state);
  return types;
}

absl::StatusOr<Types> RecurrentBackwardTypes(const TypeContext& context) {
  const auto& attrs = context.attrs.as<RecurrentAttrs>();
  const TensorType& y = context.input(2);
  GRADUS_RETURN_IF_ERROR(CheckSequence(y, "y f32[N, T, units]"));
  GRADUS_ASSIGN_OR_RETURN(const Sizes sizes, SizesOf(y.shape[0], y.shape[1], context.input(0), attrs.cell));
  const RecurrentBackwardOperands at(attrs);
  GRADUS_RETURN_IF_ERROR(CheckTypes(context, at.inputs,
                                    {{1, &sizes.state},
                                     {2, &sizes.sequence},
                                     {3, &sizes.sequence},
                                     {4, &sizes.state},
                                     {at.gates, &sizes.x},
                                     {at.inner, &sizes.sequence},
                                     {at.c0, &sizes.state},
                                     {at.dc, &sizes.state},
                                     {at.lengths, &sizes.lengths}}));
  Types types = {sizes.x, sizes.w, sizes.state};
  if (at.db >= 0) types.push_back(sizes.bias);
  if (at.dc0 >= 0) types.push_back(sizes.state);
  return types;
}

// Back-propagation through time (Werbos, Proc. IEEE 1990), all of it in RecurrentBackward.
absl::Status RecurrentGradient(GradientContext& context) {
  const auto& attrs = context.attrs<RecurrentAttrs>();
  const RecurrentOperands at(attrs);
  const auto gradient = [&](int output) {
    const Value dy = context.dy(output);
    return dy.valid() ? dy : Constant(context, 0, context.shape(context.output(output)));
  };
  std::vector<Value> inputs = {context.input(1), context.input(2), context.output(0), gradient(0), gradient(1)};
  if (at.gates >= 0) inputs.insert(inputs.end(), {context.output(at.gates), context.output(at.inner)});
  if (at.c >= 0) inputs.insert(inputs.end(), {context.input(at.c0), gradient(at.c)});
  if (at.lengths >= 0) inputs.push_back(context.input(at.lengths));
  const Value dx = context.Call("RecurrentBackward", std::move(inputs), attrs);
  if (!dx.valid()) return absl::OkStatus();
  const RecurrentBackwardOperands back(attrs);
  for (int i = 0; i < 3; ++i) context.Set(i, Value{dx.node, i});
  if (at.bias >= 0) context.Set(at.bias, Value{dx.node, back.db});
  if (at.c0 >= 0) context.Set(at.c0, Value{dx.node, back.dc0});
  return absl::OkStatus();
}

double RecurrentMacs(const TypeContext& context, absl::Span<const TensorType> /*outputs*/) {
  return static_cast<double>(context.shape(0).num_elements()) * static_cast<double>(context.shape(1)[1]);
}

double RecurrentBackwardMacs(const TypeContext& /*context*/, absl::Span<const TensorType> outputs) {
  return 2 * static_cast<double>(outputs[0].shape.num_elements()) * static_cast<double>(outputs[1].shape[1]);
}

REGISTER_OP(Recurrent).Inputs(3, 6).Types(RecurrentTypes).Gradient(RecurrentGradient).Macs(RecurrentMacs).InPlace(0, 2);
REGISTER_OP(RecurrentBackward)
    .Inputs(5, 10)
    .Types(RecurrentBackwardTypes)
    .NoGradient("no second derivatives through time")
    .Macs(RecurrentBackwardMacs)
    .InPlace(5, 0);

}  // namespace

CellFacts FactsOf(RecurrentCell cell) {
  switch (cell) {
    case RecurrentCell::kTanh:
    case RecurrentCell::kRelu:
      return {1, false, false, false};
    case RecurrentCell::kGru:
      return {3, true, true, false};
    case RecurrentCell::kLstm:
      return {4, true, false, true};
  }
  return {1, false, false, false};
}

RecurrentOperands::RecurrentOperands(const RecurrentAttrs& attrs) {
  const CellFacts facts = FactsOf(attrs.cell);
  inputs = 3;
  if (facts.has_bias) bias = inputs++;
  if (facts.has_cell) c0 = inputs++;
  if (attrs.has_lengths) lengths = inputs++;
  outputs = 2;
  if (facts.saves) gates = outputs++, inner = outputs++;
  if (facts.has_cell) c = outputs++;
}

RecurrentBackwardOperands::RecurrentBackwardOperands(const RecurrentAttrs& attrs) {
  const CellFacts facts = FactsOf(attrs.cell);
  inputs = 5;
  if (facts.saves) gates = inputs++, inner = inputs++;
  if (facts.has_cell) c0 = inputs++, dc = inputs++;
  if (attrs.has_lengths) lengths = inputs++;
  outputs = 3;
  if (facts.has_bias) db = outputs++;
  if (facts.has_cell) dc0 = outputs++;
}

}  // namespace gradus
