#include "graph/rewrite.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "graph/op.h"
#include "gtest/gtest.h"
#include "tests/graph/toy_ops.h"

namespace gradus {
namespace {

class RewriteTest : public testing::Test {
 protected:
  Value Input(const char* name) { return AddInput(&program_.graph, name, F32({2})); }
  Value Node(const char* op, const char* name, std::vector<Value> inputs, Attrs attrs = {},
             Stage stage = Stage::kCompute) {
    return AddNode(&program_.graph, op, name, std::move(inputs), std::move(attrs), stage);
  }
  void Fetch(const char* name, Value value) { program_.fetches.push_back({name, value}); }

  // The nodes behind the inputs and what is fetched.
  std::string Print(const Program& program) {
    std::string text;
    for (int i = 0; i < program.graph.size(); ++i) {
      const gradus::Node& node = program.graph.node(i);
      if (node.op->is_source()) continue;
      absl::StrAppend(&text, node.name, "(");
      for (Value input : node.inputs) absl::StrAppend(&text, " ", program.graph.node(input).name, ".", input.output);
      absl::StrAppend(&text, " )", node.forward < 0 ? "" : " of " + program.graph.node(node.forward).name, "; ");
    }
    for (const NamedValue& fetch : program.fetches) {
      absl::StrAppend(&text, fetch.name, "=", program.graph.node(fetch.value).name, ".", fetch.value.output, " ");
    }
    return text;
  }

  Program program_;
  PassLog log_;
};

TEST_F(RewriteTest, NothingToDoLeavesTheProgram) {
  Fetch("y", Node("ToySine", "y", {Input("x")}));
  const std::string before = program_.graph.ToString();
  ASSERT_TRUE(Rewriter(&program_, &log_).Finish().ok());
  EXPECT_EQ(program_.graph.ToString(), before);
}

TEST_F(RewriteTest, KnowsReaders) {
  const Value x = Input("x");
  const Value a = Node("ToySine", "a", {x}), b = Node("ToySplit", "b", {a}), c = Node("AddN", "c", {b, b});
  const Value d = Node("ToyScale", "d", {Value{b.node, 1}}, FactorAttrs{2});
  Fetch("loss/l", d);
  const Value w = AddVariable(&program_.graph, "w", F32({2}));
  program_.gradients.emplace_back(c, w);
  const Rewriter rewriter(&program_, &log_);
  EXPECT_EQ(rewriter.OnlyReader(a), b.node);
  EXPECT_EQ(rewriter.OnlyReader(b), -1);
  EXPECT_EQ(rewriter.WhyNotOnlyReader(b), "AddN 'c' and AddN 'c' read it");
  EXPECT_EQ(rewriter.OnlyReader(d), -1);
  EXPECT_EQ(rewriter.WhyNotOnlyReader(d), "'loss/l' needs its value");
  EXPECT_EQ(rewriter.WhyNotOnlyReader(c), "the gradient of 'w' needs its value");
  EXPECT_EQ(rewriter.WhyNotOnlyReader(w), "nobody else can read it");
  EXPECT_TRUE(rewriter.Needs(d.node, x.node));
  EXPECT_FALSE(rewriter.Needs(d.node, c.node));
  EXPECT_TRUE(rewriter.OthersReadBefore(b, d.node + 1));
  EXPECT_FALSE(rewriter.OthersReadBefore(b, d.node));
}

// One node for two, which comes as early as what it reads: readers of another output of the first come behind it.
TEST_F(RewriteTest, PutsOneNodeInThePlaceOfTwo) {
  const Value x = Input("x");
  const Value split = Node("ToySplit", "split", {x});
  const Value late = Node("ToyScale", "late", {Value{split.node, 1}}, FactorAttrs{3}, Stage::kCommit);
  const Value other = Node("ToySine", "other", {x});
  const Value sum = Node("AddN", "sum", {split, other});
  const Value after = Node("ToySine", "after", {sum});
  Fetch("late", late);
  Fetch("after", after);
  Rewriter rewriter(&program_, &log_);
  const Value both = rewriter.Add({"ToySplit", "both", {other}, {}, {}}, sum.node).value();
  rewriter.Replace(sum, both);
  rewriter.Replace({split.node, 1}, {both.node, 1});
  rewriter.Absorb({split.node, sum.node}, both.node);
  EXPECT_TRUE(rewriter.IsGone(split.node));
  EXPECT_FALSE(rewriter.Is(split.node, "ToySplit"));
  ASSERT_TRUE(rewriter.Finish().ok());
  EXPECT_EQ(Print(program_),
            "other( x.0 ); both( other.0 ); late( both.1 ); after( both.0 ); late=late.0 after=after.0 ");
  EXPECT_TRUE(Verify(program_).ok()) << Verify(program_);
}

TEST_F(RewriteTest, FollowsChainsOfReplacementsAndPartners) {
  const Value x = Input("x");
  const Value a = Node("ToySine", "a", {x}), b = Node("ToySine", "b", {a});
  const Value backward = program_.graph.Add({"ToySine", "backward", {x}, {}, {}, Stage::kCompute, a.node}).value();
  Fetch("b", b);
  Fetch("backward", backward);
  Rewriter rewriter(&program_, &log_);
  const Value first = rewriter.Add({"ToyScale", "first", {x}, FactorAttrs{2}, {}}, a.node).value();
  const Value second = rewriter.Add({"ToyScale", "second", {a}, FactorAttrs{3}, {}}, b.node).value();
  rewriter.Replace(a, first);
  rewriter.Absorb({a.node}, first.node);
  rewriter.Replace(b, second);
  rewriter.Absorb({b.node}, second.node);
  ASSERT_TRUE(rewriter.Finish().ok());
  EXPECT_EQ(Print(program_),
            "first( x.0 ); second( first.0 ); backward( x.0 ) of first; b=second.0 backward=backward.0 ");
}

TEST_F(RewriteTest, FindsItsOwnMistakes) {
  const Value x = Input("x");
  const Value a = Node("ToySine", "a", {x}), b = Node("ToySine", "b", {a});
  Fetch("b", b);
  {
    Program copy = program_;
    Rewriter rewriter(&copy, &log_);
    rewriter.Absorb({a.node}, -1);
    EXPECT_EQ(rewriter.Finish(), absl::InternalError("ToySine 'b' needs a node that is gone"));
  }
  {
    Program copy = program_;
    Rewriter rewriter(&copy, &log_);
    rewriter.Absorb({b.node}, -1);
    EXPECT_EQ(rewriter.Finish(), absl::InternalError("'b' needs a node that is gone"));
  }
  {
    Program copy = program_;
    Rewriter rewriter(&copy, &log_);
    rewriter.Replace(x, b);
    EXPECT_EQ(rewriter.Finish(), absl::InternalError("nodes need each other"));
  }
}

TEST(JoinedNameTest, LeavesOutTheScopeThatBothHave) {
  EXPECT_EQ(JoinedName("conv1", "relu1"), "conv1+relu1");
  EXPECT_EQ(JoinedName("conv1", "conv1/activation"), "conv1+activation");
  EXPECT_EQ(JoinedName("conv1/norm", "conv1/activation"), "conv1/norm+activation");
  EXPECT_EQ(JoinedName("a/conv1/norm+sum", "a/conv1/activation"), "a/conv1/norm+sum+activation");
  EXPECT_EQ(JoinedName("a/conv1", "b/relu"), "a/conv1+b/relu");
  EXPECT_EQ(JoinedName("conv10", "conv1/activation"), "conv10+conv1/activation");
}

// ---- the pass hoist_constants

class HoistTest : public RewriteTest {
 protected:
  absl::Status Hoist() {
    for (const Pass& pass : Pipeline()) {
      if (pass.name == "hoist_constants") return pass.run(&program_, &log_);
    }
    return absl::NotFoundError("no such pass");
  }
  // Names without their checksums.
  static std::string WithoutChecksums(std::string text) {
    for (size_t at = text.find('#'); at != std::string::npos; at = text.find('#', at + 1)) {
      if (at + 9 <= text.size() && text[at + 1] != ' ') text.replace(at, 9, "#");
    }
    return text;
  }
};

TEST_F(HoistTest, MovesWhatDependsOnVariablesAlone) {
  const Value x = Input("x");
  const Value w = AddVariable(&program_.graph, "w", F32({2}));
  const Value two = Node("Fill", "two", {}, FillAttrs{F32({2}), 2});
  const Value scaled = Node("ToyScale", "scaled", {w}, FactorAttrs{3});
  const Value folded = Node("ToyMultiply", "folded", {scaled, two});
  Fetch("y", Node("ToyMultiply", "y", {x, folded}));
  Fetch("two", two);
  ASSERT_TRUE(Hoist().ok());
  EXPECT_EQ(WithoutChecksums(program_.graph.ToString()),
            "%0 = Input() {type=f32[2]} : f32[2]  # x\n"
            "%1 = Fill() {type=f32[2] value=2} : f32[2]  # two\n"
            "%2 = Variable() {variable=1 type=f32[2]} : f32[2]  # folded#\n"
            "%3 = ToyMultiply(%0, %2) : f32[2]  # y\n");
  ASSERT_NE(program_.prologue, nullptr);
  EXPECT_EQ(WithoutChecksums(program_.prologue->graph.ToString()),
            "%0 = Variable() {variable=0 type=f32[2]} : f32[2]  # w\n"
            "%1 = Fill() {type=f32[2] value=2} : f32[2]  # two [update]\n"
            "%2 = ToyScale(%0) {factor=3} : f32[2]  # scaled [update]\n"
            "%3 = ToyMultiply(%2, %1) : f32[2]  # folded [update]\n"
            "%4 = Variable() {variable=1 type=f32[2]} : f32[2]  # folded#\n"
            "%5 = Assign(%3) {variable=1 type=f32[2]}  # folded#/assign [update]\n");
  EXPECT_TRUE(Verify(program_).ok()) << Verify(program_);
  EXPECT_EQ(log_.done,
            std::vector<std::string>{"ToyMultiply 'folded' runs when variables have changed, not in every step"});
}

TEST_F(HoistTest, LeavesWhatStepsChange) {
  const Value x = Input("x");
  const Value w = AddVariable(&program_.graph, "w", F32({2}));
  const Value scaled = Node("ToyScale", "scaled", {w}, FactorAttrs{3});
  Fetch("y", Node("ToyMultiply", "y", {x, scaled}));
  Fetch("noise", Node("ToyNoise", "noise", {AddVariable(&program_.graph, "v", F32({2}))}));
  ASSERT_TRUE(program_.graph.Assign(w, scaled, Stage::kUpdate).ok());
  const std::string before = program_.graph.ToString();
  ASSERT_TRUE(Hoist().ok());
  EXPECT_EQ(program_.graph.ToString(), before);
  EXPECT_EQ(program_.prologue, nullptr);
}

// Names tell apart what is made in another way, and only that.
TEST_F(HoistTest, NamesSayHowTheyAreMade) {
  const auto name = [](double factor, const char* variable) {
    Program program;
    const Value w = AddVariable(&program.graph, variable, F32({2}));
    const Value scaled = AddNode(&program.graph, "ToyScale", "scaled", {w}, FactorAttrs{factor});
    program.fetches.push_back({"y", scaled});
    PassLog log;
    for (const Pass& pass : Pipeline()) {
      if (pass.name == "hoist_constants") {
        EXPECT_TRUE(pass.run(&program, &log).ok());
      }
    }
    return program.graph.node(program.fetches[0].value).name;
  };
  EXPECT_EQ(name(2, "w"), name(2, "w"));
  EXPECT_NE(name(2, "w"), name(3, "w"));
  EXPECT_NE(name(2, "w"), name(2, "v"));
}

}  // namespace
}  // namespace gradus
