#include "graph/graph.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "graph/op.h"
#include "gtest/gtest.h"
#include "tests/graph/toy_ops.h"

namespace gradus {
namespace {

SourceLocation At(int line, int column) {
  return {std::make_shared<const std::string>("net.textproto"), line, column, nullptr};
}

std::string Message(const absl::Status& status) { return std::string(status.message()); }

TEST(GraphTest, PrintsOneNodeALine) {
  Graph graph;
  const Value x = AddInput(&graph, "image", F32({4, 3}));
  const Value w = AddVariable(&graph, "fc/weights", F32({2, 3}));
  const Value mean = AddVariable(&graph, "mean", F32({4, 2}), Role::kState);
  const Value y = AddNode(&graph, "ToyDense", "fc", {x, w});
  const Value split = AddNode(&graph, "ToySplit", "both", {y});
  const Value twice = AddNode(&graph, "ToyScale", "twice", {Value{split.node, 1}}, FactorAttrs{0.1}, Stage::kCommit);
  ASSERT_TRUE(graph.Assign(mean, twice, Stage::kCommit).ok());
  ASSERT_TRUE(
      graph.Assign(w, AddNode(&graph, "ToyScale", "less", {w}, FactorAttrs{0.5}, Stage::kUpdate), Stage::kUpdate).ok());
  EXPECT_EQ(graph.ToString(),
            "%0 = Input() {type=f32[4, 3]} : f32[4, 3]  # image\n"
            "%1 = Variable() {variable=0 type=f32[2, 3]} : f32[2, 3]  # fc/weights\n"
            "%2 = Variable() {variable=1 type=f32[4, 2]} : f32[4, 2]  # mean\n"
            "%3 = ToyDense(%0, %1) : f32[4, 2]  # fc\n"
            "%4 = ToySplit(%3) : f32[4, 2], f32[4, 2]  # both\n"
            "%5 = ToyScale(%4.1) {factor=0.10000000000000001} : f32[4, 2]  # twice [commit]\n"
            "%6 = Assign(%5) {variable=1 type=f32[4, 2]}  # mean/assign [commit]\n"
            "%7 = ToyScale(%1) {factor=0.5} : f32[2, 3]  # less [update]\n"
            "%8 = Assign(%7) {variable=0 type=f32[2, 3]}  # fc/weights/assign [update]\n");
}

TEST(GraphTest, TypeErrorsNameThePlaceTheSignatureAndBothShapes) {
  Graph graph;
  const Value x = AddInput(&graph, "image", F32({4, 3}));
  const Value w = AddVariable(&graph, "fc/weights", F32({2, 5}));
  EXPECT_EQ(Message(graph.Add({"ToyDense", "fc", {x, w}, {}, At(9, 24)}).status()),
            "net.textproto:9:24: 'fc': ToyDense(f32[4, 3], f32[2, 5]): x [4, 3] and weights [2, 5] do not have as many "
            "columns");
  const SourceLocation in_block = {std::make_shared<const std::string>("net.textproto"), 3, 5,
                                   std::make_shared<const SourceLocation>(At(20, 1))};
  EXPECT_EQ(Message(graph.Add({"AddN", "sum", {x, w}, {}, in_block}).status()),
            "net.textproto:3:5 (used at net.textproto:20:1): 'sum': AddN(f32[4, 3], f32[2, 5]): expected terms of one "
            "type, f32[4, 3]; got f32[2, 5]");
  EXPECT_EQ(Message(graph.Add({"SumTo", "s", {x}, ShapeAttrs{{2, 3}}, {}}).status()),
            "<code>: 's': SumTo(f32[4, 3]): expected f32 of a shape that [2, 3] broadcasts to; got f32[4, 3]");
  EXPECT_EQ(Message(graph.Add({"BroadcastTo", "s", {x}, ShapeAttrs{{3}}, {}}).status()),
            "<code>: 's': BroadcastTo(f32[4, 3]): expected f32 of a shape that broadcasts to [3]; got f32[4, 3]");
  EXPECT_EQ(Message(graph.Add({"Fill", "ones", {}, FillAttrs{I32({2}), 1}, {}}).status()),
            "<code>: 'ones': Fill(): expected f32 to fill; got i32[2]");
  EXPECT_EQ(graph.size(), 2) << "a refused node leaves nothing behind";
}

TEST(GraphTest, SaysHowManyInputsAnOperationTakes) {
  Graph graph;
  const Value x = AddInput(&graph, "x", F32({2}));
  EXPECT_EQ(Message(graph.Add({"ToyScale", "s", {x, x}, FactorAttrs{}, {}}).status()),
            "<code>: 's': ToyScale(f32[2], f32[2]): takes 1 input; it has 2");
  EXPECT_EQ(Message(graph.Add({"ToyMultiply", "m", {x}, {}, {}}).status()),
            "<code>: 'm': ToyMultiply(f32[2]): takes 2 inputs; it has 1");
  EXPECT_EQ(Message(graph.Add({"AddN", "sum", {}, {}, {}}).status()),
            "<code>: 'sum': AddN(): takes 1 or more inputs; it has 0");
  EXPECT_EQ(Message(graph.Add({"ToyNone", "none", {x}, {}, At(2, 1)}).status()),
            "net.textproto:2:1: 'none': no operation 'ToyNone' is registered");
}

TEST(GraphTest, NamesAreUnique) {
  Graph graph;
  const Value x = AddInput(&graph, "x", F32({2}));
  const auto name = [&](const char* wish) { return graph.node(AddNode(&graph, "ToySine", wish, {x})).name; };
  EXPECT_EQ(name("a"), "a");
  EXPECT_EQ(name("a"), "a_2");
  EXPECT_EQ(name("a"), "a_3");
  EXPECT_EQ(name("a_2"), "a_2_2");
  EXPECT_EQ(name("b_2"), "b_2");
  EXPECT_EQ(name("b"), "b");
  EXPECT_EQ(name("b"), "b_3") << "b_2 is taken";
  EXPECT_EQ(graph.node(graph.Find("a_3")).name, "a_3");
  EXPECT_EQ(graph.Find("c"), -1);
}

TEST(GraphTest, AVariableIsDeclaredOnce) {
  Graph graph;
  const Value w = AddVariable(&graph, "w", F32({2, 3}));
  EXPECT_EQ(AddVariable(&graph, "w", F32({2, 3})), w);
  EXPECT_EQ(graph.variables().size(), 1u);
  EXPECT_EQ(graph.ReadOf(0), w);
  EXPECT_EQ(graph.variable_of(w.node), 0);

  Variable other = graph.variables()[0];
  other.type = F32({3, 2});
  other.where = At(7, 1);
  EXPECT_EQ(Message(graph.AddVariable(other).status()),
            "net.textproto:7:1: variable 'w' is a parameter f32[3, 2] here but a parameter f32[2, 3] at <code>");
  other.type = F32({2, 3});
  other.role = Role::kState;
  EXPECT_EQ(Message(graph.AddVariable(other).status()),
            "net.textproto:7:1: variable 'w' is state f32[2, 3] here but a parameter f32[2, 3] at <code>");
}

TEST(GraphTest, AVariableIsWrittenOnceWithItsOwnType) {
  Graph graph;
  const Value x = AddInput(&graph, "x", F32({2}));
  const Value w = AddVariable(&graph, "w", F32({3}));
  const Value v = AddVariable(&graph, "v", F32({2}));
  EXPECT_EQ(Message(graph.Assign(w, x, Stage::kUpdate)),
            "<code>: variable 'w' is f32[3] but the value written to it is f32[2]");
  ASSERT_TRUE(graph.Assign(v, x, Stage::kUpdate).ok());
  EXPECT_EQ(Message(graph.Assign(v, x, Stage::kCommit)), "<code>: variable 'v' is written twice in one step");
  EXPECT_EQ(graph.variable_of(graph.Find("v/assign")), 1);
}

TEST(GraphTest, RebuildDropsAndReplaces) {
  Graph graph;
  const Value x = AddInput(&graph, "x", F32({2}));
  const Value w = AddVariable(&graph, "w", F32({2}));
  AddVariable(&graph, "unread", F32({2}));
  const Value a = AddNode(&graph, "ToySine", "a", {x});
  const Value b = AddNode(&graph, "ToySine", "b", {x});
  AddNode(&graph, "AddN", "sum", {a, b, w});
  std::vector<int> moved;
  const Graph rebuilt = std::move(graph).Rebuild({{0, 1, 3, 5}, {{b, a}}, {}}, &moved);
  EXPECT_EQ(rebuilt.ToString(),
            "%0 = Input() {type=f32[2]} : f32[2]  # x\n"
            "%1 = Variable() {variable=0 type=f32[2]} : f32[2]  # w\n"
            "%2 = ToySine(%0) : f32[2]  # a\n"
            "%3 = AddN(%2, %2, %1) : f32[2]  # sum\n");
  EXPECT_EQ(moved, (std::vector<int>{0, 1, -1, 2, -1, 3}));
  EXPECT_EQ(rebuilt.ReadOf(0), (Value{1, 0}));
  EXPECT_FALSE(rebuilt.ReadOf(1).valid());
  EXPECT_EQ(rebuilt.Find("sum"), 3);
  EXPECT_EQ(rebuilt.Find("b"), -1);
}

TEST(OpRegistryTest, FindsByName) {
  const OpDef* sine = OpRegistry::Get().Find("ToySine");
  ASSERT_NE(sine, nullptr);
  EXPECT_EQ(sine->name(), "ToySine");
  EXPECT_TRUE(sine->has_gradient());
  EXPECT_EQ(OpRegistry::Get().Find("ToySin"), nullptr);
  EXPECT_EQ(OpRegistry::Get().Find("ToyStop")->no_gradient_reason(), "stops on purpose");
  std::string last;
  for (const OpDef* op : OpRegistry::Get().All()) {
    EXPECT_LT(last, op->name());
    last = op->name();
  }
}

TEST(AttrsTest, ComparesAndPrintsAllDigits) {
  const Attrs tenth = FactorAttrs{0.1}, same = FactorAttrs{0.1}, next = FactorAttrs{0.10000000000000002};
  EXPECT_EQ(tenth, same);
  EXPECT_NE(tenth, next);
  EXPECT_NE(tenth, Attrs());
  EXPECT_EQ(next.text(), "factor=0.10000000000000002");
  EXPECT_EQ(Attrs().text(), "");
  EXPECT_NE(Attrs(ShapeAttrs{{2}}), Attrs(InputAttrs{F32({2})}));
}

}  // namespace
}  // namespace gradus
