#include "graph/passes.h"

#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "graph/gradient.h"
#include "gtest/gtest.h"
#include "tests/graph/toy_ops.h"

namespace gradus {
namespace {

// After the pass: the graph and where the fetches are.
std::string Print(const Program& program) {
  std::string text = program.graph.ToString();
  for (const NamedValue& fetch : program.fetches) {
    absl::StrAppend(&text, fetch.name, " = %", fetch.value.node, ".", fetch.value.output, "\n");
  }
  return text;
}

class PassesTest : public testing::Test {
 protected:
  Value Input(const char* name) { return AddInput(&program_.graph, name, F32({2})); }
  Value Node(const char* op, const char* name, std::vector<Value> inputs, Attrs attrs = {},
             Stage stage = Stage::kCompute) {
    return AddNode(&program_.graph, op, name, std::move(inputs), std::move(attrs), stage);
  }
  void Fetch(const char* name, Value value) { program_.fetches.push_back({name, value}); }

  Program program_;
  PassLog log_;
};

TEST_F(PassesTest, PruneKeepsWhatIsFetchedWrittenOrAGradient) {
  const Value x = Input("x");
  Input("unread");
  const Value w = AddVariable(&program_.graph, "w", F32({2}));
  AddVariable(&program_.graph, "v", F32({2}));
  const Value sine = Node("ToySine", "sine", {x});
  Node("ToyCosine", "unused", {sine});
  Node("ToyNoise", "unused_noise", {sine});
  const Value fetched = Node("ToyScale", "fetched", {sine}, FactorAttrs{2});
  const Value gradient = Node("ToyScale", "gradient", {x}, FactorAttrs{3});
  const Value written = Node("ToyScale", "written", {x}, FactorAttrs{4}, Stage::kUpdate);
  ASSERT_TRUE(program_.graph.Assign(w, written, Stage::kUpdate).ok());
  Fetch("output/y", fetched);
  program_.gradients.emplace_back(gradient, w);
  ASSERT_TRUE(Prune(&program_, &log_).ok());
  EXPECT_EQ(Print(program_),
            "%0 = Input() {type=f32[2]} : f32[2]  # x\n"
            "%1 = Variable() {variable=0 type=f32[2]} : f32[2]  # w\n"
            "%2 = ToySine(%0) : f32[2]  # sine\n"
            "%3 = ToyScale(%2) {factor=2} : f32[2]  # fetched\n"
            "%4 = ToyScale(%0) {factor=3} : f32[2]  # gradient\n"
            "%5 = ToyScale(%0) {factor=4} : f32[2]  # written [update]\n"
            "%6 = Assign(%5) {variable=0 type=f32[2]}  # w/assign [update]\n"
            "output/y = %3.0\n");
  EXPECT_EQ(program_.gradients[0], (std::pair<Value, Value>{{4, 0}, {1, 0}}));
  EXPECT_TRUE(Verify(program_).ok()) << Verify(program_);
}

TEST_F(PassesTest, PruneKeepsForwardPartners) {
  const Value x = Input("x"), dy = Input("dy");
  const Value y = Node("ToySine", "y", {x});
  const auto gradients = AddGradients(&program_.graph, {y}, {dy}, {x});
  ASSERT_TRUE(gradients.ok());
  Fetch("dx", (*gradients)[0]);
  ASSERT_TRUE(Prune(&program_, &log_).ok());
  const Graph& graph = program_.graph;
  EXPECT_EQ(graph.node(program_.fetches[0].value).forward, graph.Find("y"));
  EXPECT_GE(graph.Find("y"), 0);
}

TEST_F(PassesTest, MergeEqualMergesChains) {
  const Value x = Input("x");
  const Value a = Node("ToySine", "a", {x}), b = Node("ToySine", "b", {x});
  const Value a2 = Node("ToyScale", "a2", {a}, FactorAttrs{2}), b2 = Node("ToyScale", "b2", {b}, FactorAttrs{2});
  const Value c = Node("ToyScale", "c", {b}, FactorAttrs{3});
  const Value sum = Node("AddN", "sum", {a2, b2, c});
  Fetch("sum", sum);
  Fetch("b2", b2);
  ASSERT_TRUE(MergeEqual(&program_, &log_).ok());
  EXPECT_EQ(Print(program_),
            "%0 = Input() {type=f32[2]} : f32[2]  # x\n"
            "%1 = ToySine(%0) : f32[2]  # a\n"
            "%2 = ToyScale(%1) {factor=2} : f32[2]  # a2\n"
            "%3 = ToyScale(%1) {factor=3} : f32[2]  # c\n"
            "%4 = AddN(%2, %2, %3) : f32[2]  # sum\n"
            "sum = %4.0\n"
            "b2 = %2.0\n");
}

TEST_F(PassesTest, MergeEqualLeavesNoiseInputsAndStagesAlone) {
  const Value x = Input("x"), y = Input("y");
  Node("ToyNoise", "n1", {x});
  Node("ToyNoise", "n2", {x});
  Node("ToySine", "s1", {x});
  Node("ToySine", "s2", {y});
  Node("ToySine", "s3", {x}, {}, Stage::kCommit);
  const std::string before = Print(program_);
  ASSERT_TRUE(MergeEqual(&program_, &log_).ok());
  EXPECT_EQ(Print(program_), before);
}

TEST_F(PassesTest, MergeEqualMergesEveryOutput) {
  const Value x = Input("x");
  const Value a = Node("ToySplit", "a", {x}), b = Node("ToySplit", "b", {x});
  Fetch("sum", Node("AddN", "sum", {Value{a.node, 1}, Value{b.node, 1}, b}));
  ASSERT_TRUE(MergeEqual(&program_, &log_).ok());
  EXPECT_EQ(Print(program_),
            "%0 = Input() {type=f32[2]} : f32[2]  # x\n"
            "%1 = ToySplit(%0) : f32[2], f32[2]  # a\n"
            "%2 = AddN(%1.1, %1.1, %1) : f32[2]  # sum\n"
            "sum = %2.0\n");
}

// Two equal layers and their gradients become one; the gradient's partner is the layer that stays.
TEST_F(PassesTest, MergeEqualRedirectsForwardPartners) {
  const Value x = Input("x");
  const Value a = Node("ToySine", "a", {x}), b = Node("ToySine", "b", {x});
  const Value sum = Node("AddN", "sum", {a, b});
  const auto gradients = AddGradients(&program_.graph, {sum}, {Value{}}, {x});
  ASSERT_TRUE(gradients.ok());
  Fetch("dx", (*gradients)[0]);
  ASSERT_TRUE(MergeEqual(&program_, &log_).ok());
  EXPECT_EQ(Print(program_),
            "%0 = Input() {type=f32[2]} : f32[2]  # x\n"
            "%1 = ToySine(%0) : f32[2]  # a\n"
            "%2 = AddN(%1, %1) : f32[2]  # sum\n"
            "%3 = Fill() {type=f32[2] value=1} : f32[2]  # sum/gradient\n"
            "%4 = ToyCosine(%0) : f32[2]  # b/gradient\n"
            "%5 = ToyMultiply(%3, %4) : f32[2]  # b/gradient_2\n"
            "%6 = AddN(%5, %5) : f32[2]  # x/gradient\n"
            "dx = %6.0\n");
  EXPECT_EQ(program_.graph.node(4).forward, 1);
  EXPECT_EQ(program_.graph.node(5).forward, 1);
}

TEST_F(PassesTest, RunsInOrderAndShowsEachResult) {
  const Value x = Input("x");
  Fetch("y", Node("AddN", "y", {Node("ToySine", "a", {x}), Node("ToySine", "b", {x})}));
  Node("ToySine", "unused", {x});
  PassOptions options;
  std::vector<std::string> seen;
  options.dump = [&](const std::string& pass, const Program& program) {
    seen.push_back(absl::StrCat(pass, ": ", program.graph.size()));
  };
  Program copy = program_;
  ASSERT_TRUE(RunPasses(&copy, options).ok());
  EXPECT_EQ(seen, (std::vector<std::string>{": 5", "prune: 4", "merge_equal: 3", "hoist_constants: 3"}));

  seen.clear();
  options.skip = {"prune"};
  copy = program_;
  ASSERT_TRUE(RunPasses(&copy, options).ok());
  EXPECT_EQ(seen, (std::vector<std::string>{": 5", "merge_equal: 3", "hoist_constants: 3"}));

  options.skip = {"prun"};
  EXPECT_EQ(RunPasses(&program_, options).message(), "there is no pass 'prun' to skip; did you mean 'prune'?");
}

// What a pass with a bug might do: lets one node take the place of another.
absl::Status Replace(Program* program, int node, int with) {
  Graph::Rebuilding rebuilding;
  rebuilding.order.resize(program->graph.size());
  std::iota(rebuilding.order.begin(), rebuilding.order.end(), 0);
  for (int output = 0; output < static_cast<int>(program->graph.node(node).outputs.size()); ++output) {
    rebuilding.values[{node, output}] = {with, output};
  }
  std::vector<int> moved;
  program->graph = std::move(program->graph).Rebuild(rebuilding, &moved);
  return absl::OkStatus();
}

class VerifyTest : public PassesTest {
 protected:
  // What RunPasses says about a pass that puts `with` in the place of `value`.
  std::string ErrorOfReplacing(Value value, Value with) {
    Program program = program_;
    const std::vector<Pass> passes = {
        {"broken", [&](Program* p, PassLog*) { return Replace(p, value.node, with.node); }}};
    return std::string(RunPasses(&program, {}, passes).message());
  }
};

TEST_F(VerifyTest, TypesMustBeWhatOperationsSay) {
  const Value x = Input("x");
  const Value large = AddInput(&program_.graph, "large", F32({3}));
  Node("ToySine", "y", {x});
  EXPECT_EQ(ErrorOfReplacing(x, large),
            "after pass 'broken': node 'y' (ToySine): its types are not what its operation says");
}

TEST_F(VerifyTest, OperationsMustAcceptTheirInputs) {
  const Value x = Input("x"), z = Input("z");
  const Value large = AddInput(&program_.graph, "large", F32({3}));
  Node("AddN", "y", {z, x});
  EXPECT_EQ(ErrorOfReplacing(x, large),
            "after pass 'broken': node 'y' (AddN): expected terms of one type, f32[2]; got f32[3]");
}

TEST_F(VerifyTest, OutputsMustExist) {
  const Value x = Input("x");
  const Value split = Node("ToySplit", "split", {x});
  Node("ToySine", "y", {Value{split.node, 1}});
  EXPECT_EQ(ErrorOfReplacing(split, x), "after pass 'broken': node 'y' (ToySine): 'x' has no output 1");
}

TEST_F(VerifyTest, StagesDoNotGoBackwards) {
  const Value x = Input("x");
  const Value late = Node("ToySine", "late", {x}, {}, Stage::kUpdate);
  Node("ToySine", "early", {late}, {}, Stage::kCommit);
  EXPECT_EQ(Verify(program_), absl::InternalError("node 'early' (ToySine): an input comes from a later stage"));
}

TEST_F(VerifyTest, VariablesAreReadAndWrittenByOneNodeEach) {
  const Value w = AddVariable(&program_.graph, "w", F32({2}));
  Node("Variable", "again", {}, VariableAttrs{0, F32({2})});
  EXPECT_EQ(Verify(program_), absl::InternalError("node 'again' (Variable): a second read"));

  program_ = {};
  AddVariable(&program_.graph, "w", F32({2}));
  ASSERT_TRUE(program_.graph.Assign(w, Input("x"), Stage::kCommit).ok());
  Node("Assign", "again", {Input("y")}, VariableAttrs{0, F32({2})}, Stage::kUpdate);
  EXPECT_EQ(Verify(program_), absl::InternalError("node 'again' (Assign): a second write"));

  program_ = {};
  Node("Variable", "nobody", {}, VariableAttrs{4, F32({2})});
  EXPECT_EQ(Verify(program_), absl::InternalError("node 'nobody' (Variable): there is no such variable"));

  program_ = {};
  AddVariable(&program_.graph, "w", F32({2}));
  Node("Assign", "early", {Input("x")}, VariableAttrs{0, F32({2})}, Stage::kCompute);
  EXPECT_EQ(Verify(program_), absl::InternalError("node 'early' (Assign): writes a variable in the compute stage"));
}

TEST_F(VerifyTest, FetchesAndGradientsExist) {
  const Value x = Input("x");
  const Value w = AddVariable(&program_.graph, "w", F32({3}));
  Fetch("gone", Value{});
  EXPECT_EQ(Verify(program_), absl::InternalError("fetch 'gone' is of no node"));
  program_.fetches = {{"output", Value{x.node, 1}}};
  EXPECT_EQ(Verify(program_), absl::InternalError("fetch 'output' is of no node"));
  program_.fetches = {{"same", x}, {"same", w}};
  EXPECT_EQ(Verify(program_), absl::InternalError("there are two fetches 'same'"));
  program_.fetches.clear();
  program_.gradients = {{x, w}};
  EXPECT_EQ(Verify(program_), absl::InternalError("the gradient of 'w' is f32[2]; the parameter is f32[3]"));
  program_.gradients = {{Value{}, w}};
  EXPECT_EQ(Verify(program_), absl::InternalError("a gradient, or its parameter, is of no node"));
}

}  // namespace
}  // namespace gradus
