#include "graph/gradient.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "graph/op.h"
#include "gtest/gtest.h"
#include "tests/graph/toy_ops.h"

namespace gradus {
namespace {

using Types = std::vector<TensorType>;

// Rules with mistakes.
absl::Status WrongShapeGradient(GradientContext& context) {
  context.Set(0, context.Call("Fill", {}, FillAttrs{F32({7}), 1}));
  return absl::OkStatus();
}
absl::Status IllTypedGradient(GradientContext& context) {
  const Value seven = context.Call("Fill", {}, FillAttrs{F32({7}), 1});
  context.Set(0, context.Call("AddN", {seven, context.dy(0)}));
  return absl::OkStatus();
}
absl::Status MissingInputGradient(GradientContext& context) {
  context.Set(0, context.Call("ToySine", {context.Call("AddN", {context.dy(0), Value{}})}));
  return absl::OkStatus();
}
absl::Status RefusingGradient(GradientContext&) { return absl::UnimplementedError("not for this axis"); }

REGISTER_OP(ToyWrongShape).Inputs(1).Types(SameAsInput).Gradient(WrongShapeGradient);
REGISTER_OP(ToyIllTyped).Inputs(1).Types(SameAsInput).Gradient(IllTypedGradient);
REGISTER_OP(ToyMissingInput).Inputs(1).Types(SameAsInput).Gradient(MissingInputGradient);
REGISTER_OP(ToyRefusing).Inputs(1).Types(SameAsInput).Gradient(RefusingGradient);

class GradientTest : public testing::Test {
 protected:
  Value Input(const char* name, const TensorType& type) { return AddInput(&graph_, name, type); }
  Value Node(const char* op, const char* name, std::vector<Value> inputs, Attrs attrs = {}) {
    return AddNode(&graph_, op, name, std::move(inputs), std::move(attrs));
  }

  // Gradients of y, seeded with ones.
  absl::StatusOr<std::vector<Value>> Differentiate(Value y, const std::vector<Value>& wrt,
                                                   const GradientOptions& options = {}) {
    first_added_ = graph_.size();
    return AddGradients(&graph_, {y}, {Value{}}, wrt, options);
  }

  // The nodes that the last Differentiate added.
  std::string Added() const {
    std::string text = graph_.ToString();
    size_t at = 0;
    for (int line = 0; line < first_added_; ++line) at = text.find('\n', at) + 1;
    return text.substr(at);
  }

  std::string ErrorOf(const char* op) {
    const Value x = Input("x", F32({2}));
    return std::string(Differentiate(Node(op, "y", {x}), {x}).status().message());
  }

  Graph graph_;
  int first_added_ = 0;
};

TEST_F(GradientTest, OfAProduct) {
  const Value a = Input("a", F32({2, 3})), b = Input("b", F32({2, 3}));
  const Value y = Node("ToyMultiply", "y", {a, b});
  const auto gradients = Differentiate(y, {a, b});
  ASSERT_TRUE(gradients.ok()) << gradients.status();
  EXPECT_EQ(Added(),
            "%3 = Fill() {type=f32[2, 3] value=1} : f32[2, 3]  # y/gradient\n"
            "%4 = ToyMultiply(%3, %1) : f32[2, 3]  # y/gradient_2\n"
            "%5 = ToyMultiply(%3, %0) : f32[2, 3]  # y/gradient_3\n");
  EXPECT_EQ((*gradients)[0], (Value{4, 0}));
  EXPECT_EQ((*gradients)[1], (Value{5, 0}));
  EXPECT_EQ(graph_.node(4).forward, y.node);
}

TEST_F(GradientTest, AGivenSeedTakesThePlaceOfOnes) {
  const Value x = Input("x", F32({2})), seed = Input("seed", F32({2})), other = Input("other", F32({3}));
  const Value y = Node("ToyScale", "y", {x}, FactorAttrs{3});
  first_added_ = graph_.size();
  ASSERT_TRUE(AddGradients(&graph_, {y}, {seed}, {x}).ok());
  EXPECT_EQ(Added(), "%4 = ToyScale(%1) {factor=3} : f32[2]  # y/gradient\n");
  EXPECT_EQ(AddGradients(&graph_, {y}, {other}, {x}).status().message(),
            "<code>: the gradient of 'y' is f32[3] but the value is f32[2]");
}

TEST_F(GradientTest, GradientsOfAValueUsedTwiceAreAdded) {
  const Value x = Input("x", F32({2}));
  const Value middle = Node("ToySine", "middle", {x});
  const Value left = Node("ToyScale", "left", {middle}, FactorAttrs{2});
  const Value right = Node("ToyScale", "right", {middle}, FactorAttrs{3});
  const Value y = Node("AddN", "y", {left, right, middle});
  ASSERT_TRUE(Differentiate(y, {x}).ok());
  EXPECT_EQ(Added(),
            "%5 = Fill() {type=f32[2] value=1} : f32[2]  # y/gradient\n"
            "%6 = ToyScale(%5) {factor=3} : f32[2]  # right/gradient\n"
            "%7 = ToyScale(%5) {factor=2} : f32[2]  # left/gradient\n"
            "%8 = AddN(%5, %6, %7) : f32[2]  # middle/gradient\n"
            "%9 = ToyCosine(%0) : f32[2]  # middle/gradient_2\n"
            "%10 = ToyMultiply(%8, %9) : f32[2]  # middle/gradient_3\n");
}

TEST_F(GradientTest, AValueUsedTwiceByOneNode) {
  const Value x = Input("x", F32({2}));
  const Value y = Node("ToyMultiply", "y", {x, x});
  const auto gradients = Differentiate(y, {x});
  ASSERT_TRUE(gradients.ok());
  EXPECT_EQ(Added(),
            "%2 = Fill() {type=f32[2] value=1} : f32[2]  # y/gradient\n"
            "%3 = ToyMultiply(%2, %0) : f32[2]  # y/gradient_2\n"
            "%4 = ToyMultiply(%2, %0) : f32[2]  # y/gradient_3\n"
            "%5 = AddN(%3, %4) : f32[2]  # x/gradient\n");
  EXPECT_EQ((*gradients)[0], (Value{5, 0}));
}

TEST_F(GradientTest, BroadcastAxesAreSummed) {
  const Value a = Input("a", F32({4, 2, 3})), b = Input("b", F32({2, 1}));
  const Value y = Node("ToyMultiply", "y", {a, b});
  const auto gradients = Differentiate(y, {a, b});
  ASSERT_TRUE(gradients.ok());
  EXPECT_EQ(Added(),
            "%3 = Fill() {type=f32[4, 2, 3] value=1} : f32[4, 2, 3]  # y/gradient\n"
            "%4 = ToyMultiply(%3, %1) : f32[4, 2, 3]  # y/gradient_2\n"
            "%5 = ToyMultiply(%3, %0) : f32[4, 2, 3]  # y/gradient_3\n"
            "%6 = SumTo(%5) {shape=[2, 1]} : f32[2, 1]  # y/gradient_4\n");
  EXPECT_EQ((*gradients)[0], (Value{4, 0}));
  EXPECT_EQ((*gradients)[1], (Value{6, 0}));
}

TEST_F(GradientTest, OperationsWithoutGradientStopIt) {
  const Value x = Input("x", F32({2}));
  const Value stopped = Node("ToyStop", "stopped", {Node("ToySine", "sine", {x})});
  const Value y = Node("ToyMultiply", "y", {stopped, x});
  ASSERT_TRUE(Differentiate(y, {x}).ok());
  EXPECT_EQ(Added(),
            "%4 = Fill() {type=f32[2] value=1} : f32[2]  # y/gradient\n"
            "%5 = ToyMultiply(%4, %0) : f32[2]  # y/gradient_2\n"
            "%6 = ToyMultiply(%4, %2) : f32[2]  # y/gradient_3\n")
      << "the rule is asked for both: what leads to x only through the stop costs a node, which is pruned";
  const auto none = Differentiate(stopped, {x});
  ASSERT_TRUE(none.ok());
  EXPECT_FALSE((*none)[0].valid());
}

TEST_F(GradientTest, OnlyWhatLeadsToAWantedValueIsVisited) {
  const Value image = Input("image", F32({4, 3}));
  const Value w1 = AddVariable(&graph_, "w1", F32({5, 3})), w2 = AddVariable(&graph_, "w2", F32({2, 5}));
  const Value hidden = Node("ToyDense", "hidden", {image, w1});
  const Value sine = Node("ToySine", "sine", {hidden});
  const Value y = Node("ToyDense", "y", {sine, w2});
  Node("ToySine", "unused", {y});
  const auto last = Differentiate(y, {w2});
  ASSERT_TRUE(last.ok());
  EXPECT_EQ(Added(),
            "%7 = Fill() {type=f32[4, 2] value=1} : f32[4, 2]  # y/gradient\n"
            "%8 = ToyDenseWeights(%4, %7) : f32[2, 5]  # y/gradient_2\n");
  const auto first = Differentiate(y, {w1});
  ASSERT_TRUE(first.ok());
  EXPECT_EQ(Added(),
            "%9 = Fill() {type=f32[4, 2] value=1} : f32[4, 2]  # y/gradient_3\n"
            "%10 = ToyDenseData(%9, %2) : f32[4, 5]  # y/gradient_4\n"
            "%11 = ToyCosine(%3) : f32[4, 5]  # sine/gradient\n"
            "%12 = ToyMultiply(%10, %11) : f32[4, 5]  # sine/gradient_2\n"
            "%13 = ToyDenseWeights(%0, %12) : f32[5, 3]  # hidden/gradient\n");
}

TEST_F(GradientTest, OfSeveralOutputs) {
  const Value x = Input("x", F32({2}));
  const Value split = Node("ToySplit", "split", {x});
  const Value second{split.node, 1};
  ASSERT_TRUE(Differentiate(second, {x}).ok());
  EXPECT_EQ(Added(),
            "%2 = Fill() {type=f32[2] value=1} : f32[2]  # split/gradient\n"
            "%3 = ToyScale(%2) {factor=2} : f32[2]  # split/gradient_2\n");
  const auto both = AddGradients(&graph_, {split, second, second}, {Value{}, Value{}, Value{}}, {x, second});
  ASSERT_TRUE(both.ok());
  EXPECT_EQ(graph_.node((*both)[1]).op->name(), "AddN") << "of a y that is given twice";
  EXPECT_EQ(graph_.node((*both)[0]).op->name(), "AddN") << "of both outputs";
}

TEST_F(GradientTest, OfAValueByItself) {
  const Value x = Input("x", F32({2})), label = Input("label", I32({2}));
  const auto gradients = Differentiate(x, {x, x, label});
  ASSERT_TRUE(gradients.ok());
  EXPECT_EQ(Added(), "%2 = Fill() {type=f32[2] value=1} : f32[2]  # x/gradient\n");
  EXPECT_EQ((*gradients)[0], (*gradients)[1]);
  EXPECT_FALSE((*gradients)[2].valid());
  EXPECT_EQ(Differentiate(label, {label}).status().message(),
            "<code>: 'label/gradient': Fill(): expected f32 to fill; got i32[2]");
}

TEST_F(GradientTest, RulesCanBeOverridden) {
  const Value x = Input("x", F32({2}));
  const Value y = Node("ToySine", "outer", {Node("ToySine", "inner", {x})});
  GradientOptions options;
  options.overrides["ToySine"] = [](GradientContext& context) {
    context.Set(0, context.Call("ToyScale", {context.dy(0)}, FactorAttrs{0.5}));
    return absl::OkStatus();
  };
  ASSERT_TRUE(Differentiate(y, {x}, options).ok());
  EXPECT_EQ(Added(),
            "%3 = Fill() {type=f32[2] value=1} : f32[2]  # outer/gradient\n"
            "%4 = ToyScale(%3) {factor=0.5} : f32[2]  # outer/gradient_2\n"
            "%5 = ToyScale(%4) {factor=0.5} : f32[2]  # inner/gradient\n");
}

TEST_F(GradientTest, AnOverrideMayDifferentiateWhatHasNoRule) {
  const Value x = Input("x", F32({2}));
  const Value y = Node("ToyStop", "stop", {x});
  GradientOptions options;
  options.overrides["ToyStop"] = [](GradientContext& context) {
    context.Set(0, context.dy(0));
    return absl::OkStatus();
  };
  const auto gradients = Differentiate(y, {x}, options);
  ASSERT_TRUE(gradients.ok());
  EXPECT_TRUE((*gradients)[0].valid());
}

TEST_F(GradientTest, AnOverrideOfNoOperationIsAnError) {
  const Value x = Input("x", F32({2}));
  GradientOptions options;
  options.overrides["ToySinus"] = RefusingGradient;
  EXPECT_EQ(Differentiate(Node("ToySine", "y", {x}), {x}, options).status().message(),
            "a gradient rule is given for 'ToySinus', which is no operation");
}

TEST_F(GradientTest, TheHookSeesFinishedGradientsAndMayReplaceThem) {
  const Value a = Input("a", F32({2})), b = Input("b", F32({2}));
  const Value product = Node("ToyMultiply", "product", {a, b});
  const Value y = Node("ToyMultiply", "y", {product, a});
  GradientOptions options;
  std::vector<std::string> order;
  options.finished = [&](Graph* graph, Value wanted, Value gradient) -> absl::StatusOr<Value> {
    order.push_back(absl::StrCat(graph->node(wanted).name, " ", graph->node(gradient).op->name()));
    return graph->Add({"ToyScale", "reduced", {gradient}, FactorAttrs{0.25}, {}});
  };
  const auto gradients = Differentiate(y, {a, product, b}, options);
  ASSERT_TRUE(gradients.ok());
  EXPECT_EQ(order, (std::vector<std::string>{"product ToyMultiply", "b ToyMultiply", "a AddN"}));
  for (Value gradient : *gradients) EXPECT_EQ(graph_.node(gradient).op->name(), "ToyScale");
  const Value replaced = (*gradients)[1];
  const auto& of_b = graph_.node(graph_.node((*gradients)[2]).inputs[0]);
  EXPECT_EQ(of_b.inputs[0], replaced) << "the replacement flows on";
}

TEST_F(GradientTest, TheHooksGradientIsChecked) {
  const Value a = Input("a", F32({2}));
  const Value y = Node("ToyScale", "y", {a}, FactorAttrs{2});
  GradientOptions options;
  options.finished = [](Graph* graph, Value, Value gradient) -> absl::StatusOr<Value> {
    return graph->Add({"ToySum", "sum", {gradient}, {}, {}});
  };
  EXPECT_EQ(Differentiate(y, {a}, options).status().message(),
            "<code>: the hook on finished gradients gives f32[] for 'a', which is f32[2]");
  options.finished = [](Graph*, Value, Value) -> absl::StatusOr<Value> { return absl::AbortedError("network down"); };
  EXPECT_EQ(Differentiate(y, {a}, options).status(), absl::AbortedError("network down"));
}

TEST_F(GradientTest, SecondDerivativesComeFromTheSameTable) {
  const Value x = Input("x", F32({2}));
  const auto first = Differentiate(Node("ToySine", "y", {x}), {x});
  ASSERT_TRUE(first.ok());
  const auto second = Differentiate((*first)[0], {x});
  ASSERT_TRUE(second.ok());
  EXPECT_EQ(Added(),
            "%5 = Fill() {type=f32[2] value=1} : f32[2]  # y/gradient_3/gradient\n"
            "%6 = ToyMultiply(%5, %2) : f32[2]  # y/gradient_3/gradient_2\n"
            "%7 = ToySine(%0) : f32[2]  # y/gradient_2/gradient\n"
            "%8 = ToyMultiply(%6, %7) : f32[2]  # y/gradient_2/gradient_2\n"
            "%9 = ToyScale(%8) {factor=-1} : f32[2]  # y/gradient_2/gradient_3\n");
  EXPECT_EQ((*second)[0], (Value{9, 0}));
}

TEST_F(GradientTest, MistakesOfRulesNameTheNode) {
  EXPECT_EQ(ErrorOf("ToyWrongShape"),
            "<code>: the gradient rule of ToyWrongShape ('y') gives f32[7] for an input of type f32[2]");
  EXPECT_EQ(
      ErrorOf("ToyIllTyped"),
      "<code>: gradient of ToyIllTyped 'y_2': <code>: 'y_2/gradient': AddN(f32[7], f32[2]): expected terms of one "
      "type, f32[7]; got f32[2]");
  EXPECT_EQ(ErrorOf("ToyMissingInput"), "<code>: gradient of ToyMissingInput 'y_3': an input of AddN is missing");
  EXPECT_EQ(ErrorOf("ToyRefusing"), "<code>: gradient of ToyRefusing 'y_4': not for this axis");
}

// Loops, not recursion, and no work that grows with the square.
TEST_F(GradientTest, DeepGraphs) {
  constexpr int kDepth = 10000;
  const Value x = Input("x", F32({2}));
  Value y = x;
  for (int i = 0; i < kDepth; ++i) y = Node("ToySine", "layer", {y});
  const auto gradients = Differentiate(y, {x});
  ASSERT_TRUE(gradients.ok());
  EXPECT_EQ(graph_.size(), 1 + kDepth + 1 + 2 * kDepth);
}

}  // namespace
}  // namespace gradus
