// Goldens of ops/passes/: what a pass makes of a printed graph, and what it says about it.
#include "graph/passes.h"

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "graph/builtin_ops.h"
#include "graph/gradient.h"
#include "gtest/gtest.h"
#include "ops/batch_norm.h"
#include "ops/binary.h"
#include "ops/conv.h"
#include "ops/optimizers.h"
#include "ops/pool.h"
#include "ops/unary.h"
#include "tests/ops/op_cases.h"

namespace gradus {
namespace {

const ConvAttrs kPointwise = {{{1, 1}, {1, 1}, {1, 1}, {0, 0}, {0, 0}}, 1};

class FusionTest : public testing::Test {
 protected:
  Value Input(const char* name, const TensorType& type = F32({2, 3, 4, 4})) {
    return graph().Add({"Input", name, {}, InputAttrs{type}, {}}).value();
  }
  Value Variable(const char* name, const TensorType& type) {
    gradus::Variable variable;
    variable.name = name;
    variable.type = type;
    return graph().AddVariable(std::move(variable)).value();
  }
  Value Add(const char* op, const char* name, std::vector<Value> inputs, Attrs attrs = {}) {
    return graph().Add({op, name, std::move(inputs), std::move(attrs), {}}).value();
  }
  Value Relu(const char* name, Value x) { return Add("Unary", name, {x}, UnaryWithDefaults(RELU)); }
  Value Sum(const char* name, Value a, Value b) { return Add("Binary", name, {a, b}, BinaryAttrs{Binary::ADD}); }
  Value Conv(const char* name, Value x) {
    return Add("Conv", name, {x, Variable(absl::StrCat(name, "/weights").c_str(), F32({3, 3, 1, 1}))}, kPointwise);
  }
  Value Norm(const char* name, Value x) {
    const Value scale = Variable(absl::StrCat(name, "/scale").c_str(), F32({3}));
    const Value shift = Variable(absl::StrCat(name, "/shift").c_str(), F32({3}));
    return Add("BatchNorm", name, {x, scale, shift}, BatchNormAttrs{});
  }
  Value InferenceNorm(const char* name, Value x) {
    const Value mean = Variable(absl::StrCat(name, "/mean").c_str(), F32({3}));
    const Value variance = Variable(absl::StrCat(name, "/variance").c_str(), F32({3}));
    return Add("BatchNormInference", name, {x, mean, variance}, BatchNormAttrs{1e-5, false, false});
  }
  void Fetch(const char* name, Value value) { program_.fetches.push_back({name, value}); }
  // Fetches the gradient of the sum of y by x.
  void FetchGradient(Value y, Value x) {
    const auto gradients = AddGradients(&graph(), {y}, {Value{}}, {x});
    ASSERT_TRUE(gradients.ok()) << gradients.status();
    Fetch("dx", (*gradients)[0]);
  }
  Graph& graph() { return program_.graph; }

  // Runs one pass of the pipeline; the operations that are left, without sources, as "name = Op(inputs)".
  std::string After(const std::string& pass) {
    for (const Pass& one : Pipeline()) {
      if (one.name != pass) continue;
      const absl::Status status = one.run(&program_, &log_);
      if (!status.ok()) return std::string(status.message());
      const absl::Status verified = Verify(program_);
      if (!verified.ok()) return std::string(verified.message());
    }
    return Print(program_);
  }
  static std::string Print(const Program& program) {
    std::string text;
    const auto name = [&](Value v) {
      return absl::StrCat(program.graph.node(v).name, v.output == 0 ? "" : absl::StrCat(".", v.output));
    };
    for (const Node& node : program.graph.nodes()) {
      if (node.op->is_source()) continue;
      std::vector<std::string> inputs;
      for (Value input : node.inputs) inputs.push_back(name(input));
      absl::StrAppend(&text, node.name, " = ", node.op->name(), "(", absl::StrJoin(inputs, ", "), ")");
      if (node.forward >= 0) absl::StrAppend(&text, " of ", program.graph.node(node.forward).name);
      absl::StrAppend(&text, "\n");
    }
    for (const NamedValue& fetch : program.fetches) absl::StrAppend(&text, fetch.name, ": ", name(fetch.value), "\n");
    return text;
  }
  std::string Missed() const { return absl::StrJoin(log_.missed, "\n"); }

  Program program_;
  PassLog log_;
};

TEST_F(FusionTest, BatchNormTakesReluInBothDirections) {
  const Value x = Input("x");
  const Value norm = Norm("norm", x);
  const Value y = Relu("relu", norm);
  Fetch("y", y);
  Fetch("mean", {norm.node, 1});
  FetchGradient(y, x);
  EXPECT_EQ(After("fuse_batch_norm"),
            "norm+relu = BatchNormRelu(x, norm/scale, norm/shift)\n"
            "relu/gradient = Fill()\n"
            "norm/gradient+relu/gradient_2 = BatchNormReluBackward(x, relu/gradient, norm+relu.1, norm+relu.2, "
            "norm/scale, norm/shift) of norm+relu\n"
            "y: norm+relu\n"
            "mean: norm+relu.1\n"
            "dx: norm/gradient+relu/gradient_2\n");
  EXPECT_EQ(absl::StrJoin(log_.done, "\n"),
            "UnaryBackward 'relu/gradient_2' joins BatchNormBackward 'norm/gradient'\n"
            "Unary 'relu' joins BatchNorm 'norm'");
  EXPECT_EQ(Missed(), "");
}

// With a residual the mask needs y, and both ways back need what it gives.
TEST_F(FusionTest, BatchNormTakesAResidualAndItsRelu) {
  const Value x = Input("x"), r = Input("r");
  const Value y = Relu("relu", Sum("sum", r, Norm("norm", x)));
  Fetch("y", y);
  FetchGradient(y, x);
  EXPECT_EQ(After("fuse_batch_norm"),
            "norm+sum+relu = BatchNormAdd(x, r, norm/scale, norm/shift)\n"
            "relu/gradient = Fill()\n"
            "relu/gradient_2 = UnaryBackward(norm+sum+relu, relu/gradient) of norm+sum+relu\n"
            "norm/gradient = BatchNormBackward(x, relu/gradient_2, norm+sum+relu.1, norm+sum+relu.2, norm/scale) of "
            "norm+sum+relu\n"
            "y: norm+sum+relu\n"
            "dx: norm/gradient\n");
}

TEST_F(FusionTest, OfTwoBatchNormsTheLaterTakesTheSum) {
  const Value x = Input("x");
  const Value left = Norm("left", x), right = Norm("right", x);
  Fetch("y", Sum("sum", left, right));
  EXPECT_EQ(After("fuse_batch_norm"),
            "left = BatchNorm(x, left/scale, left/shift)\n"
            "right+sum = BatchNormAdd(x, left, right/scale, right/shift)\n"
            "y: right+sum\n");
}

TEST_F(FusionTest, WhatOthersReadStays) {
  const Value norm = Norm("norm", Input("x"));
  Fetch("y", Relu("relu", norm));
  Fetch("loss/l2", norm);
  const Value conv = Conv("conv", Input("z"));
  Fetch("a", Relu("a", conv));
  Fetch("b", Add("Unary", "b", {conv}, UnaryWithDefaults(TANH)));
  const std::string before = Print(program_);
  EXPECT_EQ(After("fuse_batch_norm"), before);
  EXPECT_EQ(After("fuse_conv"), before);
  EXPECT_EQ(Missed(),
            "Unary 'relu' does not join BatchNorm 'norm': 'loss/l2' needs its value\n"
            "Unary 'a' does not join Conv 'conv': Unary 'a' and Unary 'b' read it");
}

TEST_F(FusionTest, AResidualOfTheStatisticsWouldNeedItself) {
  const Value norm = Norm("norm", Input("x", F32({1, 3})));
  const Value r = Add("BroadcastTo", "wide", {Value{norm.node, 1}}, ShapeAttrs{{1, 3}});
  Fetch("y", Sum("sum", norm, r));
  const std::string before = Print(program_);
  EXPECT_EQ(After("fuse_batch_norm"), before);
  EXPECT_EQ(Missed(), "Binary 'sum' does not join BatchNorm 'norm': what it adds may depend on that");
}

TEST_F(FusionTest, BroadcastAndDoubledTermsAreNoResiduals) {
  const Value a = Norm("a", Input("x")), b = Norm("b", Input("y"));
  Fetch("narrow", Sum("narrow", a, Input("row", F32({4}))));
  Fetch("double", Sum("double", b, b));
  const std::string before = Print(program_);
  EXPECT_EQ(After("fuse_batch_norm"), before);
}

TEST_F(FusionTest, ConvolutionsTakeResidualAndRelu) {
  const Value x = Input("x");
  const Value first = Relu("relu1", Conv("conv1", x));
  Fetch("y", Relu("relu2", Sum("sum", Conv("conv2", first), x)));
  FetchGradient(program_.fetches[0].value, x);
  EXPECT_EQ(After("fuse_conv"),
            "conv1+relu1 = FusedConv(x, conv1/weights)\n"
            "conv2+sum+relu2 = FusedConv(conv1+relu1, conv2/weights, x)\n"
            "relu2/gradient = Fill()\n"
            "relu2/gradient_2 = UnaryBackward(conv2+sum+relu2, relu2/gradient) of conv2+sum+relu2\n"
            "conv2/gradient = ConvBackwardData(relu2/gradient_2, conv2/weights) of conv2+sum+relu2\n"
            "relu1/gradient = UnaryBackward(conv1+relu1, conv2/gradient) of conv1+relu1\n"
            "conv1/gradient = ConvBackwardData(relu1/gradient, conv1/weights) of conv1+relu1\n"
            "x/gradient = AddN(relu2/gradient_2, conv1/gradient)\n"
            "y: conv2+sum+relu2\n"
            "dx: x/gradient\n");
}

TEST_F(FusionTest, InferenceFoldsBatchNormIntoWeightsOutsideTheSteps) {
  program_.inference = true;
  const Value x = Input("x");
  Fetch("y", Relu("relu", InferenceNorm("norm", Conv("conv", x))));
  EXPECT_EQ(After("fold_batch_norm"),
            "conv/folded = FoldBatchNorm(conv/weights, norm/mean, norm/variance)\n"
            "conv+norm = Conv(x, conv/folded, conv/folded.1)\n"
            "relu = Unary(conv+norm)\n"
            "y: relu\n");
  After("fuse_conv");
  EXPECT_EQ(After("hoist_constants"),
            "conv+norm+relu = FusedConv(x, conv/folded#e5f52f56, conv/folded.1#e5f52f56)\n"
            "y: conv+norm+relu\n");
  ASSERT_NE(program_.prologue, nullptr);
  EXPECT_EQ(Print(*program_.prologue),
            "conv/folded = FoldBatchNorm(conv/weights, norm/mean, norm/variance)\n"
            "conv/folded#e5f52f56/assign = Assign(conv/folded)\n"
            "conv/folded.1#e5f52f56/assign = Assign(conv/folded.1)\n");
}

TEST_F(FusionTest, TrainingFoldsNothing) {
  Fetch("y", InferenceNorm("norm", Conv("conv", Input("x"))));
  const std::string before = Print(program_);
  EXPECT_EQ(After("fold_batch_norm"), before);
}

TEST_F(FusionTest, WhatCannotBeFoldedIsSaid) {
  program_.inference = true;
  const Value pool = Relu("relu", Input("x"));
  Fetch("y", InferenceNorm("norm1", pool));
  const Value conv = Conv("conv", Input("z"));
  Fetch("z", InferenceNorm("norm2", conv));
  Fetch("w", conv);
  After("fold_batch_norm");
  EXPECT_EQ(Missed(),
            "BatchNormInference 'norm1' is not folded: Unary 'relu' before it has no weights\n"
            "BatchNormInference 'norm2' is not folded into Conv 'conv': 'w' needs its value");
}

TEST_F(FusionTest, TheMaskComesBeforeUnpooling) {
  const Value x = Input("x");
  const MaxPoolAttrs window = {{{2, 2}, {2, 2}, {1, 1}, {0, 0}, {0, 0}}};
  const Value y = Add("MaxPool", "pool", {Relu("relu", x)}, window);
  Fetch("y", y);
  FetchGradient(y, x);
  EXPECT_EQ(After("mask_before_unpooling"),
            "relu = Unary(x)\n"
            "pool = MaxPool(relu)\n"
            "pool/gradient = Fill()\n"
            "relu/gradient+pool = UnaryBackward(pool, pool/gradient)\n"
            "pool/gradient_2+relu/gradient = MaxPoolBackward(relu/gradient+pool, pool.1) of pool\n"
            "y: pool\n"
            "dx: pool/gradient_2+relu/gradient\n");
}

TEST_F(FusionTest, SumsOfGradientsAreMaskedAsTheyAreMade) {
  const Value x = Input("x");
  const Value y = Relu("relu", x);
  const Value left = Conv("left", y), right = Conv("right", y);
  FetchGradient(Sum("sum", left, right), x);
  EXPECT_EQ(After("mask_sums"),
            "relu = Unary(x)\n"
            "left = Conv(relu, left/weights)\n"
            "right = Conv(relu, right/weights)\n"
            "sum = Binary(left, right)\n"
            "sum/gradient = Fill()\n"
            "right/gradient = ConvBackwardData(sum/gradient, right/weights) of right\n"
            "left/gradient = ConvBackwardData(sum/gradient, left/weights) of left\n"
            "relu/gradient_2+gradient = SumReluBackward(relu, right/gradient, left/gradient)\n"
            "dx: relu/gradient_2+gradient\n");
}

// Small writes of a stage are one node, in place of the last; what later stages read of them is no obstacle.
TEST_F(FusionTest, SmallUpdatesAreOne) {
  const Value rate = Input("rate", F32({})), scale = Input("scale", F32({}));
  const auto update = [&](const char* name, const TensorType& type, bool momentum) {
    const std::string w = absl::StrCat(name, "/w"), v = absl::StrCat(name, "/v"), g = absl::StrCat(name, "/g");
    const Value parameter = Variable(w.c_str(), type), gradient = Input(g.c_str(), type);
    std::vector<Value> inputs = {parameter, gradient};
    if (momentum) inputs.push_back(Variable(v.c_str(), type));
    inputs.insert(inputs.end(), {rate, scale});
    const char* op = momentum ? "MomentumUpdate" : "SgdUpdate";
    const Value next =
        graph().Add({op, absl::StrCat(name, "/update"), inputs, SgdAttrs{{}, 0.9, false}, {}, Stage::kUpdate}).value();
    EXPECT_TRUE(graph().Assign(parameter, next, Stage::kUpdate).ok());
    if (!momentum) return;
    EXPECT_TRUE(graph().Assign(inputs[2], {next.node, 1}, Stage::kUpdate).ok());
  };
  update("a", F32({3}), true);
  update("large", F32({1 << 15}), false);
  update("b", F32({5, 2}), false);
  update("c", F32({5, 2}), false);
  EXPECT_EQ(After("merge_updates"),
            "large/update = SgdUpdate(large/w, large/g, rate, scale)\n"
            "large/w/assign = Assign(large/update)\n"
            "gradus/updates = Together(a/w, a/g, a/v, rate, scale, b/w, b/g, rate, scale, c/w, c/g, rate, scale)\n"
            "a/w/assign = Assign(gradus/updates)\n"
            "a/v/assign = Assign(gradus/updates.1)\n"
            "b/w/assign = Assign(gradus/updates.2)\n"
            "c/w/assign = Assign(gradus/updates.3)\n");
  EXPECT_EQ(absl::StrJoin(log_.done, "\n"),
            "3 small updates are one: MomentumUpdate 'a/update' to SgdUpdate 'c/update'");
  EXPECT_EQ(Missed(), "updates of 32768 elements and more stay alone (1): all threads work at each");
}

}  // namespace
}  // namespace gradus
