// Layers of the language, losses, metrics and an optimiser, made of toy operations; and stand-ins for the operations
// that graph/step_ops.h asks for. Not to be linked together with //ops.
#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "graph/gradient.h"
#include "graph/layer.h"
#include "graph/op.h"
#include "graph/optimizer.h"
#include "graph/step_ops.h"
#include "proto/model.pb.h"
#include "tests/graph/toy_ops.h"

namespace gradus {
namespace {

using Types = std::vector<TensorType>;

struct ToyUpdateAttrs {
  double rate = 1, decay = 0;
  template <typename F>
  void ForEach(F&& field) const {
    field("rate", rate);
    field("decay", decay);
  }
};

absl::StatusOr<Types> ScalarTypes(const TypeContext&) { return Types{{DType::kFloat32, Shape()}}; }

// (x: f32[N, C], label: i32[N]) -> f32[N]
absl::StatusOr<Types> CrossEntropyTypes(const TypeContext& context) {
  const TensorType &x = context.input(0), &label = context.input(1);
  if (x.shape.rank() != 2 || label != I32({x.shape[0]})) {
    return absl::InvalidArgumentError(
        absl::StrCat("expected f32[N, C] and i32[N]; got ", x.ToString(), " and ", label.ToString()));
  }
  return Types{F32({x.shape[0]})};
}

absl::Status CrossEntropyGradient(GradientContext& context) {
  context.Set(0, context.Call("ToyCrossEntropyBackward", {context.input(0), context.input(1), context.dy(0)}));
  return absl::OkStatus();
}

REGISTER_OP(ToyCrossEntropy).Inputs(2).Types(CrossEntropyTypes).Gradient(CrossEntropyGradient);
REGISTER_OP(ToyCrossEntropyBackward).Inputs(3).Types(SameAsInput).NoGradient("a toy");
REGISTER_OP(ToyUpdate).Inputs(4).Types(SameAsInput).NoGradient("a toy");
REGISTER_OP(SquaredNorm).Inputs(1, kAnyNumber).Types(ScalarTypes).NoGradient("a toy");
REGISTER_OP(Accumulate).Inputs(2).Types(SameAsInput).NoGradient("a toy");
REGISTER_OP(ClipScale).Inputs(1).Types(ScalarTypes).NoGradient("a toy");

absl::StatusOr<Value> LowerDense(LayerContext& context) {
  GRADUS_RETURN_IF_ERROR(context.CheckInputs(1, 1));
  const auto& dense = context.config<Dense>();
  if (dense.units() <= 0)
    return context.Error("units", absl::StrCat("units is ", dense.units(), "; it must be above 0"));
  const Shape& x = context.shape(context.input(0));
  if (x.rank() != 2) return context.Error("", "expected f32[N, I]");
  GRADUS_ASSIGN_OR_RETURN(Value weights, context.Parameter("weights", {dense.units(), x[1]}, &dense.weights_init(),
                                                           "xavier {}", static_cast<double>(x[1]), 1));
  return context.Call("ToyDense", {context.input(0), weights});
}

// The identity but for its statistics: a sum that is kept when training and read otherwise.
absl::StatusOr<Value> LowerBatchNorm(LayerContext& context) {
  GRADUS_ASSIGN_OR_RETURN(Value mean, context.State("mean", Shape(), 0.5));
  if (!context.training()) return context.Call("ToyMultiply", {context.input(0), mean});
  GRADUS_ASSIGN_OR_RETURN(Value batch, context.Call("ToySum", {context.input(0)}, {}, "batch_mean"));
  GRADUS_ASSIGN_OR_RETURN(Value next, context.graph().Add({"ToyScale",
                                                           absl::StrCat(context.name(), "/mean/next"),
                                                           {batch},
                                                           FactorAttrs{0.1},
                                                           context.where(),
                                                           Stage::kCommit}));
  GRADUS_RETURN_IF_ERROR(context.Commit(mean, next));
  return context.Call("ToyMultiply", {context.input(0), batch});
}

absl::StatusOr<Value> LowerDropout(LayerContext& context) {
  if (!context.training()) return context.input(0);
  return context.Call("ToyNoise", {context.input(0)});
}

absl::StatusOr<Value> LowerStop(LayerContext& context) { return context.Call("ToyStop", {context.input(0)}); }

absl::StatusOr<Value> LowerReduce(LayerContext& context) { return context.Call("ToySum", {context.input(0)}); }

absl::StatusOr<Value> LowerBinary(LayerContext& context) {
  GRADUS_RETURN_IF_ERROR(context.CheckInputs(2, 2));
  return context.Call("ToyMultiply", {context.input(0), context.input(1)});
}

// Has a second output.
absl::StatusOr<Value> LowerSlice(LayerContext& context) {
  GRADUS_ASSIGN_OR_RETURN(Value split, context.Call("ToySplit", {context.input(0)}));
  context.AddOutput("twice", Value{split.node, 1});
  return split;
}

absl::StatusOr<Value> LowerValue(LayerContext& context) {
  GRADUS_RETURN_IF_ERROR(context.CheckTarget(/*needed=*/false));
  return context.input(0);
}

absl::StatusOr<Value> LowerCrossEntropy(LayerContext& context) {
  GRADUS_RETURN_IF_ERROR(context.CheckTarget(/*needed=*/true));
  return context.Call("ToyCrossEntropy", {context.input(0), context.target()});
}

absl::StatusOr<Value> AddUpdate(const OptimizerContext& context) {
  return context.graph->Add({"ToyUpdate",
                             absl::StrCat(context.graph->node(context.parameter).name, "/update"),
                             {context.parameter, context.gradient, context.learning_rate, context.gradient_scale},
                             ToyUpdateAttrs{context.learning_rate_scale, context.weight_decay},
                             {},
                             Stage::kUpdate});
}

REGISTER_LAYER(Dense, "gradus.Dense", LowerDense);
REGISTER_LAYER(BatchNorm, "gradus.BatchNorm", LowerBatchNorm);
REGISTER_LAYER(Dropout, "gradus.Dropout", LowerDropout);
REGISTER_LAYER(StopGradient, "gradus.StopGradient", LowerStop);
REGISTER_LAYER(Reduce, "gradus.Reduce", LowerReduce);
REGISTER_LAYER(Binary, "gradus.Binary", LowerBinary);
REGISTER_LAYER(Slice, "gradus.Slice", LowerSlice);
REGISTER_LOSS(Value, "gradus.ValueLoss", LowerValue);
REGISTER_LOSS(CrossEntropy, "gradus.SoftmaxCrossEntropy", LowerCrossEntropy);
REGISTER_METRIC(Accuracy, "gradus.Accuracy", LowerCrossEntropy);
REGISTER_METRIC(Mean, "gradus.MeanMetric", LowerValue);
REGISTER_OPTIMIZER(Sgd, "gradus.Optimizer.Sgd", AddUpdate);

}  // namespace
}  // namespace gradus
