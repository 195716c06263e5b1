#include "graph/plan.h"

#include <cmath>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "graph/step_trace.h"
#include "gtest/gtest.h"
#include "tests/graph/plan_fixture.h"

namespace gradus {
namespace {

// ---- Memory.

TEST_F(PlanTest, ChainsRunInPlace) {
  const Value x = Input("x");
  Fetch("y", Scale("c", Scale("b", Scale("a", x, 2), 3), 0.5));
  Compile();
  EXPECT_EQ(plan_->ToString(),
            "0 a [toy:loop] (@0) -> (@0) a\n"
            "1 b [toy:loop] (@0) -> (@0) a\n"
            "2 c [toy:loop] (@0) -> (@0) a\n");
  EXPECT_EQ(plan_->memory().arena, 16 + kArenaRedZone);
  if (kArenaRedZone == 0) {
    EXPECT_EQ(plan_->DrawMemory(3, 2),
              "AAA\n"
              "AAA\n"
              "^--\n"
              "across: 3 steps (< the way back begins, | a stage ends, ^ the fullest step); up: 16 B of arena, 16 B at "
              "least\n\n"
              "The largest:\n"
              "  A      16 B  steps     0 to     2  x > a > b > c\n\n"
              "Alive at the fullest step, 0 'a', 16 B:\n"
              "  A      16 B  steps     0 to     2  x > a > b > c\n");
  }
  Feed("x", {1, 2, 3, 4});
  RunAll();
  EXPECT_EQ(Fetched("y"), (Floats{3, 6, 9, 12}));
}

TEST_F(PlanTest, NothingIsOverwrittenThatIsStillRead) {
  const Value x = Input("x");
  const Value a = Scale("a", x, 2);  // x is read later
  const Value b = Scale("b", a, 3);  // a is fetched
  const Value c = Scale("c", b, 5);  // in place
  Fetch("a", a);
  Fetch("y", Node("ToyAdd", "y", {c, x}));
  Compile();
  EXPECT_FALSE(InPlace("a"));
  EXPECT_FALSE(InPlace("b"));
  EXPECT_TRUE(InPlace("c"));
  Feed("x", {1, 2, 3, 4});
  RunAll();
  EXPECT_EQ(Fetched("a"), (Floats{2, 4, 6, 8}));
  EXPECT_EQ(Fetched("y"), (Floats{31, 62, 93, 124}));
}

TEST_F(PlanTest, OneMemoryIsTakenOverOnce) {
  const Value x = Input("x"), z = Input("z");
  const Value twice = Node("ToyAdd", "twice", {x, x});  // both inputs are one buffer: not in place
  const Value both = Node("ToyBoth", "both", {z});      // one output takes z's memory
  Fetch("twice", twice);
  Fetch("one", both);
  Fetch("two", Value{both.node, 1});
  Compile();
  EXPECT_FALSE(InPlace("twice"));
  EXPECT_TRUE(InPlace("both"));
  EXPECT_NE(Step("both")->outputs[0], Step("both")->outputs[1]);
  Feed("x", {1, 2, 3, 4});
  Feed("z", {5, 6, 7, 8});
  RunAll();
  EXPECT_EQ(Fetched("twice"), (Floats{2, 4, 6, 8}));
  EXPECT_EQ(Fetched("one"), (Floats{5, 6, 7, 8}));
  EXPECT_EQ(Fetched("two"), (Floats{10, 12, 14, 16}));
}

TEST_F(PlanTest, UnreadOutputsDoNotShareMemoryEither) {
  const Value z = Input("z");
  Fetch("two", Value{Node("ToyBoth", "both", {z}).node, 1});
  Compile();
  EXPECT_NE(Step("both")->outputs[0], Step("both")->outputs[1]);
}

TEST_F(PlanTest, ASecondInputCanBeOverwrittenToo) {
  const Value x = Input("x"), z = Input("z");
  Fetch("sum", Node("ToyAdd", "sum", {x, z}));
  Fetch("x", Scale("later", x, 1));
  Compile();
  EXPECT_EQ(Step("sum")->outputs[0], Step("sum")->inputs[1]);
}

TEST_F(PlanTest, ViewsAreTheirInputsMemory) {
  const Value x = Input("x");
  const Value a = Scale("a", x, 2);
  const Value view = Node("ToyLines", "view", {a}, ShapeAttrs{{2, 2}});
  const Value b = Scale("b", view, 3);  // not in place: the view's memory is read once more
  const Value c = Scale("c", a, 5);
  Fetch("b", b);
  Fetch("c", c);
  Compile();
  EXPECT_EQ(Step("view"), nullptr);
  EXPECT_EQ(Step("b")->inputs, Step("a")->outputs);
  EXPECT_FALSE(InPlace("b"));
  EXPECT_TRUE(InPlace("c"));
  Feed("x", {1, 2, 3, 4});
  RunAll();
  EXPECT_EQ(Fetched("b"), (Floats{6, 12, 18, 24}));
  EXPECT_EQ(Fetched("c"), (Floats{10, 20, 30, 40}));
}

TEST_F(PlanTest, MemoryIsUsedAgain) {
  const Value x = Input("x", F32({1000}));
  Value y = x;
  for (int i = 0; i < 20; ++i) y = Node("ToySine", "sine", {y});
  Fetch("y", y);
  Compile();
  const int64_t each = 4000 + kArenaRedZone;
  EXPECT_EQ(plan_->memory().arena, (each + 63) / 64 * 64 + each)
      << "two buffers, of which one lies at a multiple of 64";
  EXPECT_EQ(plan_->memory().lower_bound, 2 * each);
}

TEST_F(PlanTest, NeedsAddUpWithoutOverflow) {
  MemoryNeed need;
  need.arena = std::numeric_limits<int64_t>::max() - 5;
  need.variables = 4;
  EXPECT_EQ(need.total(), std::numeric_limits<int64_t>::max() - 1);
  need.variables = 6;
  EXPECT_EQ(need.total(), std::numeric_limits<int64_t>::max());
}

TEST_F(PlanTest, DebugArenaShowsWhatNobodyWrote) {
  options_.debug_arena = true;
  const Value x = Input("x");
  Fetch("silent", Scale("y", Node("ToySilent", "silent", {x}), 1));
  Fetch("x", Scale("z", x, 1));
  Compile();
  Feed("x", {1, 2, 3, 4});
  RunAll();
  for (float value : Fetched("silent")) EXPECT_TRUE(std::isnan(value));
  EXPECT_EQ(Fetched("x"), (Floats{1, 2, 3, 4})) << "what is fed stays";
}

// ---- Choices.

TEST_F(PlanTest, EqualNodesShareCandidates) {
  const Value x = Input("x");
  const int before = ToyScaleFactoryCalls();
  for (int i = 0; i < 10; ++i) Fetch(absl::StrCat("y", i).c_str(), Scale("same", x, 2));
  Fetch("other", Scale("other", x, 3));
  Compile();
  EXPECT_EQ(ToyScaleFactoryCalls() - before, 2);
  EXPECT_EQ(plan_->choice(1), plan_->choice(2));
  Feed("x", {1, 2, 3, 4});
  RunAll();
  EXPECT_EQ(Fetched("y3"), (Floats{2, 4, 6, 8}));
  EXPECT_EQ(Fetched("other"), (Floats{3, 6, 9, 12}));
}

TEST_F(PlanTest, EarlierChoicesAreKept) {
  const Value x = Input("x");
  Fetch("y", Scale("b", Scale("a", x, 2), 2));
  options_.kernel_choices = {{"b", {"toy:apart", ""}}};
  Compile();
  EXPECT_EQ(plan_->Choices(), (std::vector<std::pair<std::string, KernelName>>{{"a", {"toy:loop", "a -> a"}},
                                                                               {"b", {"toy:apart", "a -> a"}}}));
  EXPECT_TRUE(InPlace("a"));
  EXPECT_FALSE(InPlace("b"));

  program_ = {};
  Fetch("y", Scale("a", Input("x"), 2));
  options_.kernel_choices = {{"a", {"onednn:jit", ""}}};
  EXPECT_EQ(
      ErrorOfCompile(),
      "<code>: ToyScale 'a': the kernel 'onednn:jit' that was chosen earlier is not possible here; there is toy:loop, "
      "toy:apart");
}

TEST_F(PlanTest, BackwardKernelsSeeTheirForwardPartners) {
  const Value x = Input("x");
  const Value y = Node("ToySine", "y", {x});
  const absl::StatusOr<Value> with = graph().Add({"ToyBackward", "with", {y}, {}, {}, Stage::kCompute, y.node});
  Fetch("with", *with);
  Fetch("without", Node("ToyBackward", "without", {y}));
  Compile();
  EXPECT_EQ(Step("with")->implementation, "toy:after toy:loop");
  EXPECT_EQ(Step("without")->implementation, "toy:after nothing");
}

TEST_F(PlanTest, SaysWhereThereIsNoKernel) {
  Fetch("y", Node("ToyKernelless", "y", {Input("x")}));
  EXPECT_EQ(ErrorOfCompile(),
            "<code>: ToyKernelless 'y': no kernel is registered; is the library of the operation linked in?");
}

// ---- Running.

TEST_F(PlanTest, ErrorsOfKernelsNameTheNode) {
  const Value x = Input("x"), w = Variable("w");
  const Value checked = Node("ToyRefuse", "checked", {x});
  Assign(w, Scale("next", checked, 2, Stage::kUpdate), Stage::kUpdate);
  Compile();
  Feed("x", {1, 2, -3, 4});
  EXPECT_EQ(plan_->Run(Stage::kCompute), absl::OutOfRangeError("<code>: ToyRefuse 'checked': element 2 is negative"));
}

TEST_F(PlanTest, TheFirstNonFiniteValueIsNamed) {
  const Value x = Input("x");
  const Value inverse = Node("ToyInverse", "inverse", {Scale("less", x, 1)});
  Fetch("y", Node("ToySine", "sine", {inverse}));
  Compile();
  Feed("x", {1, 2, 3, 4});
  EXPECT_TRUE(plan_->RunCheckingNumerics().ok());
  Feed("x", {1, 2, 0, 4});
  EXPECT_EQ(plan_->RunCheckingNumerics(),
            absl::OutOfRangeError("<code>: ToyInverse 'inverse' is the first to give infinity (output 0, f32[4])"));
  Feed("x", {1, 2, 3, std::nanf("")});
  EXPECT_EQ(plan_->RunCheckingNumerics(), absl::OutOfRangeError("input 'x' (f32[4]) is fed NaN as element 3"));
}

TEST_F(PlanTest, UnknownFeedsAndFetchesHaveNoAddress) {
  Fetch("y", Scale("y", Input("x"), 2));
  Compile();
  TensorType type;
  EXPECT_EQ(plan_->FeedAddress("y", &type), nullptr);
  EXPECT_EQ(plan_->FetchAddress("x", &type), nullptr);
  EXPECT_NE(plan_->FeedAddress("x", &type), nullptr);
  EXPECT_EQ(type, F32({4}));
}

TEST_F(PlanTest, TimesEveryStep) {
  const Value w = Variable("w");
  Assign(w, Scale("next", Scale("half", w, 1), 1, Stage::kUpdate), Stage::kUpdate);
  Compile();
  StepTrace trace(plan_.get());
  trace.Start();
  for (int round = 0; round < 3; ++round) {
    const int64_t begin = StepTrace::Now();
    RunAll();
    trace.Span("round", begin);
  }
  trace.Stop();
  RunAll();  // not looked at
  EXPECT_EQ(trace.Medians().size(), plan_->steps().size());
  const nlohmann::json json = nlohmann::json::parse(trace.ToJson("test"));
  std::map<std::string, int> counts;
  for (const auto& event : json["traceEvents"]) ++counts[event["name"].get<std::string>()];
  EXPECT_EQ(counts["half"], 3);
  EXPECT_EQ(counts["next"], 3);
  EXPECT_EQ(counts["round"], 3);
}

// Ten thousand layers: no recursion, and time that grows with the number of steps.
TEST_F(PlanTest, DeepPlans) {
  const Value x = Input("x");
  Value y = x;
  for (int i = 0; i < 10000; ++i) y = Scale("layer", y, i % 2 == 0 ? 2 : 0.5);
  Fetch("y", y);
  Compile();
  EXPECT_EQ(plan_->steps().size(), 10000u);
  EXPECT_EQ(plan_->memory().arena, 16 + kArenaRedZone);
  Feed("x", {1, 2, 3, 4});
  RunAll();
  EXPECT_EQ(Fetched("y"), (Floats{1, 2, 3, 4}));
}

}  // namespace
}  // namespace gradus
