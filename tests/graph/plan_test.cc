#include "graph/plan.h"

#include <cmath>
#include <limits>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "core/arena.h"
#include "core/tensor.h"
#include "graph/step_trace.h"
#include "gtest/gtest.h"
#include "tests/graph/toy_kernels.h"
#include "tests/graph/toy_ops.h"

namespace gradus {
namespace {

using Floats = std::vector<float>;

// A program of toy operations, its plan, and the arena that it runs in.
class PlanTest : public testing::Test {
 protected:
  Value Input(const char* name, const TensorType& type = F32({4})) { return AddInput(&graph(), name, type); }
  Value Variable(const char* name, const TensorType& type = F32({4})) { return AddVariable(&graph(), name, type); }
  Value Node(const char* op, const char* name, std::vector<Value> inputs, Attrs attrs = {},
             Stage stage = Stage::kCompute) {
    return AddNode(&graph(), op, name, std::move(inputs), std::move(attrs), stage);
  }
  Value Scale(const char* name, Value x, double factor, Stage stage = Stage::kCompute) {
    return Node("ToyScale", name, {x}, FactorAttrs{factor}, stage);
  }
  void Fetch(const char* name, Value value) { program_.fetches.push_back({name, value}); }
  void Assign(Value variable, Value value, Stage stage) { ASSERT_TRUE(graph().Assign(variable, value, stage).ok()); }
  Graph& graph() { return program_.graph; }

  void Compile() {
    absl::StatusOr<std::unique_ptr<Plan>> plan = Plan::Compile(std::move(program_), &store_, options_);
    ASSERT_TRUE(plan.ok()) << plan.status();
    plan_ = *std::move(plan);
    CheckMemory();
    ASSERT_TRUE(arena_.Reserve(plan_->memory().arena).ok());
    const absl::Status bound = plan_->Bind(arena_.base(), &state_);
    ASSERT_TRUE(bound.ok()) << bound;
  }
  std::string ErrorOfCompile() {
    return std::string(Plan::Compile(std::move(program_), &store_, options_).status().message());
  }

  // The oracle of the memory planner, over the buffers of the plan.
  void CheckMemory() {
    std::vector<BufferUse> uses;
    MemoryPlan memory;
    memory.total_bytes = plan_->memory().arena;
    for (const PlanBuffer& buffer : plan_->buffers()) {
      if (buffer.offset < 0) continue;
      uses.push_back({buffer.bytes, buffer.first_step, buffer.last_step});
      memory.offsets.push_back(buffer.offset);
    }
    EXPECT_TRUE(CheckMemoryPlan(uses, memory).ok()) << CheckMemoryPlan(uses, memory) << "\n" << plan_->ToString();
    EXPECT_GE(plan_->memory().arena, plan_->memory().lower_bound);
  }

  void Feed(const char* name, const Floats& values) {
    TensorType type;
    auto* address = static_cast<float*>(plan_->FeedAddress(name, &type));
    ASSERT_NE(address, nullptr) << name;
    ASSERT_EQ(type.shape.num_elements(), static_cast<int64_t>(values.size()));
    std::copy(values.begin(), values.end(), address);
  }
  Floats Fetched(const char* name) {
    TensorType type;
    const auto* address = static_cast<const float*>(plan_->FetchAddress(name, &type));
    return address == nullptr ? Floats() : Floats(address, address + type.shape.num_elements());
  }
  Floats ValueOf(const char* variable) {
    const Tensor value = store_.Get(store_.Find(variable)).value();
    return Floats(value.values<float>().begin(), value.values<float>().end());
  }
  void Set(const char* variable, const Floats& values) {
    const int index = store_.Find(variable);
    const absl::Status set = store_.Set(index, Tensor::Of<float>(store_.variable(index).type.shape, values));
    ASSERT_TRUE(set.ok()) << set;
  }
  void Run(Stage stage) {
    const absl::Status status = plan_->Run(stage);
    ASSERT_TRUE(status.ok()) << status;
  }
  void RunAll() {
    for (Stage stage : {Stage::kCompute, Stage::kCommit, Stage::kUpdate}) Run(stage);
  }

  const PlanStep* Step(const char* name) const {
    for (const PlanStep& step : plan_->steps()) {
      if (step.name == name) return &step;
    }
    return nullptr;
  }
  // Names of the steps that copy.
  std::vector<std::string> Copies() const {
    std::vector<std::string> copies;
    for (const PlanStep& step : plan_->steps()) {
      if (step.node < 0) copies.push_back(step.name);
    }
    return copies;
  }
  // The variable in whose memory the first output of a step is made, or "".
  std::string MadeIn(const char* step) const {
    const PlanBuffer& buffer = plan_->buffers()[Step(step)->outputs[0]];
    return buffer.variable < 0 ? "" : store_.variable(buffer.variable).name;
  }
  bool InPlace(const char* step) const { return Step(step)->inputs[0] == Step(step)->outputs[0]; }

  Program program_;
  VariableStore store_;
  PlanOptions options_;
  std::unique_ptr<Plan> plan_;
  Arena arena_;
  RunState state_;
};

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

// ---- Layouts.

TEST_F(PlanTest, CopiesBringValuesIntoTheLayoutsThatKernelsAskFor) {
  const TensorType type = F32({2, 3, 1, 1});
  const Value x = Input("x", type);
  const Value y = Node("ToyBlocks", "second", {Node("ToyBlocks", "first", {x})});
  Fetch("y", y);
  Fetch("sine", Node("ToySine", "sine", {y}));
  Compile();
  EXPECT_EQ(Copies(), (std::vector<std::string>{"reorder x abcd -> Bacd16b", "reorder second Bacd16b -> abcd"}))
      << "one each way: between blocked kernels nothing is copied, and plain readers share a copy";
  EXPECT_EQ(plan_->reorders(), 2);
  EXPECT_EQ(plan_->weight_reorders(), 0);
  Feed("x", {1, 2, 3, 4, 5, 6});
  RunAll();
  EXPECT_EQ(Fetched("y"), (Floats{3, 4, 5, 6, 7, 8}));
  EXPECT_FLOAT_EQ(Fetched("sine")[0], std::sin(3.0f));
}

TEST_F(PlanTest, ViewsOfBlockedValuesArePlainCopies) {
  const Value x = Input("x", F32({1, 2, 1, 2}));
  const Value blocks = Node("ToyBlocks", "blocks", {x});
  Fetch("y", Scale("y", Node("ToyLines", "view", {blocks}, ShapeAttrs{{4}}), 10));
  Compile();
  Feed("x", {1, 2, 3, 4});
  RunAll();
  EXPECT_EQ(Fetched("y"), (Floats{20, 30, 40, 50}));
}

TEST_F(PlanTest, TheFirstReaderFixesAVariablesLayoutOthersGetReplicas) {
  const TensorType type = F32({2, 3, 1, 1});
  const Value w = Variable("w", type);
  Fetch("blocks", Node("ToyBlocks", "blocks", {w}));
  Fetch("sine", Node("ToySine", "sine", {w}));
  Compile();
  const int index = store_.Find("w");
  EXPECT_EQ(store_.layout(index), BlocksOf16(type.shape));
  EXPECT_EQ(plan_->weight_reorders(), 1);
  EXPECT_EQ(Copies(), (std::vector<std::string>{"reorder blocks Bacd16b -> abcd"})) << "not in the loop";
  Set("w", {1, 2, 3, 4, 5, 6});
  RunAll();
  EXPECT_EQ(Fetched("blocks"), (Floats{2, 3, 4, 5, 6, 7}));
  EXPECT_FLOAT_EQ(Fetched("sine")[5], std::sin(6.0f));

  // A replica is converted once per version: what is scribbled on it stays until the variable changes.
  auto* replica = static_cast<float*>(store_.replica_data(index, 0));
  replica[5] = 0;
  RunAll();
  EXPECT_EQ(Fetched("sine")[5], 0);
  Set("w", {6, 5, 4, 3, 2, 1});
  RunAll();
  EXPECT_FLOAT_EQ(Fetched("sine")[5], std::sin(1.0f));
}

// ---- Variables.

TEST_F(PlanTest, AVariableIsUpdatedInItsOwnMemory) {
  const Value x = Input("x"), w = Variable("w");
  const Value loss = Node("ToyMultiply", "loss", {w, x});
  const Value next = Node("ToyAdd", "next", {w, x}, {}, Stage::kUpdate);
  Assign(w, next, Stage::kUpdate);
  Fetch("loss", loss);
  Compile();
  EXPECT_EQ(MadeIn("next"), "w");
  EXPECT_TRUE(Copies().empty());
  Set("w", {1, 1, 1, 1});
  Feed("x", {1, 2, 3, 4});
  Run(Stage::kCompute);
  Run(Stage::kCommit);
  EXPECT_EQ(ValueOf("w"), (Floats{1, 1, 1, 1}));
  Run(Stage::kUpdate);
  EXPECT_EQ(ValueOf("w"), (Floats{2, 3, 4, 5}));
  EXPECT_EQ(Fetched("loss"), (Floats{1, 2, 3, 4}));
}

TEST_F(PlanTest, AVariableIsCopiedWhenItsOldValueIsReadLater) {
  const Value x = Input("x"), w = Variable("w");
  const Value next = Node("ToyAdd", "next", {w, x}, {}, Stage::kUpdate);
  Fetch("product", Node("ToyMultiply", "product", {w, next}, {}, Stage::kUpdate));
  Assign(w, next, Stage::kUpdate);
  Compile();
  EXPECT_EQ(MadeIn("next"), "");
  EXPECT_EQ(Copies(), (std::vector<std::string>{"reorder w/assign a -> a"}));
  Set("w", {1, 2, 3, 4});
  Feed("x", {1, 1, 1, 1});
  RunAll();
  EXPECT_EQ(Fetched("product"), (Floats{2, 6, 12, 20})) << "the old value times the new";
  EXPECT_EQ(ValueOf("w"), (Floats{2, 3, 4, 5}));
}

TEST_F(PlanTest, AKernelThatIsNotInPlaceWritesElsewhere) {
  const Value w = Variable("w");
  Assign(w, Node("ToyMultiply", "square", {w, w}, {}, Stage::kUpdate), Stage::kUpdate);
  Compile();
  EXPECT_EQ(MadeIn("square"), "");
  Set("w", {1, 2, 3, 4});
  RunAll();
  RunAll();
  EXPECT_EQ(ValueOf("w"), (Floats{1, 16, 81, 256}));
}

TEST_F(PlanTest, AVariableReadTwiceByItsUpdateIsNotOverwritten) {
  const Value w = Variable("w");
  Assign(w, Node("ToyAdd", "double", {w, w}, {}, Stage::kUpdate), Stage::kUpdate);
  Compile();
  EXPECT_EQ(MadeIn("double"), "");
  Set("w", {1, 2, 3, 4});
  RunAll();
  EXPECT_EQ(ValueOf("w"), (Floats{2, 4, 6, 8}));
}

// A bad step changes nothing: what is computed before the host has looked must not be made in a variable's memory.
TEST_F(PlanTest, NoStageWritesForALaterOne) {
  const Value x = Input("x"), mean = Variable("mean"), w = Variable("w");
  Assign(mean, Scale("batch_mean", x, 0.5), Stage::kCommit);
  Assign(w, Scale("committed", x, 2, Stage::kCommit), Stage::kUpdate);
  Compile();
  EXPECT_EQ(MadeIn("batch_mean"), "");
  EXPECT_EQ(MadeIn("committed"), "");
  Set("mean", {0, 0, 0, 0});
  Set("w", {0, 0, 0, 0});
  Feed("x", {2, 4, 6, 8});
  Run(Stage::kCompute);
  EXPECT_EQ(ValueOf("mean"), (Floats{0, 0, 0, 0}));
  Run(Stage::kCommit);
  EXPECT_EQ(ValueOf("mean"), (Floats{1, 2, 3, 4}));
  EXPECT_EQ(ValueOf("w"), (Floats{0, 0, 0, 0}));
  Run(Stage::kUpdate);
  EXPECT_EQ(ValueOf("w"), (Floats{4, 8, 12, 16}));
}

// With accumulated gradients the update comes only every so many batches; what is committed must be there before.
TEST_F(PlanTest, CommittedCopiesDoNotWaitForTheUpdate) {
  const Value x = Input("x"), sum = Variable("sum");
  const Value next = Node("ToyMultiply", "next", {sum, x}, {}, Stage::kCommit);
  Fetch("both", Node("ToyAdd", "both", {next, sum}, {}, Stage::kCommit));
  Assign(sum, next, Stage::kCommit);
  Compile();
  Set("sum", {1, 2, 3, 4});
  for (int batch = 0; batch < 3; ++batch) {
    Feed("x", {2, 2, 2, 2});
    Run(Stage::kCompute);
    Run(Stage::kCommit);
  }
  EXPECT_EQ(ValueOf("sum"), (Floats{8, 16, 24, 32}));
  EXPECT_EQ(Fetched("both"), (Floats{12, 24, 36, 48}));
}

TEST_F(PlanTest, VariablesCanBeExchanged) {
  const Value a = Variable("a"), b = Variable("b"), c = Variable("c");
  Assign(a, b, Stage::kUpdate);
  Assign(b, Node("ToyLines", "a_as_lines", {a}, ShapeAttrs{{4}}), Stage::kUpdate);
  Assign(c, b, Stage::kUpdate);
  Compile();
  Set("a", {1, 2, 3, 4});
  Set("b", {5, 6, 7, 8});
  RunAll();
  EXPECT_EQ(ValueOf("a"), (Floats{5, 6, 7, 8}));
  EXPECT_EQ(ValueOf("b"), (Floats{1, 2, 3, 4}));
  EXPECT_EQ(ValueOf("c"), (Floats{5, 6, 7, 8}));
}

TEST_F(PlanTest, AFeedIsAssignedInItsStage) {
  const Value x = Input("x"), state = Variable("state");
  Assign(state, x, Stage::kCommit);
  Fetch("old", Scale("old", state, 1));
  Compile();
  Set("state", {9, 9, 9, 9});
  Feed("x", {1, 2, 3, 4});
  Run(Stage::kCompute);
  EXPECT_EQ(Fetched("old"), (Floats{9, 9, 9, 9}));
  EXPECT_EQ(ValueOf("state"), (Floats{9, 9, 9, 9}));
  Run(Stage::kCommit);
  EXPECT_EQ(ValueOf("state"), (Floats{1, 2, 3, 4}));
}

TEST_F(PlanTest, OneValueForTwoVariables) {
  const Value x = Input("x"), a = Variable("a"), b = Variable("b");
  const Value next = Scale("next", x, 3, Stage::kUpdate);
  Assign(a, next, Stage::kUpdate);
  Assign(b, next, Stage::kUpdate);
  Compile();
  Feed("x", {1, 2, 3, 4});
  RunAll();
  EXPECT_EQ(ValueOf("a"), (Floats{3, 6, 9, 12}));
  EXPECT_EQ(ValueOf("b"), (Floats{3, 6, 9, 12}));
}

TEST_F(PlanTest, AFetchedVariableIsTheOneFromBeforeTheStep) {
  const Value w = Variable("w");
  Assign(w, Scale("next", w, 2, Stage::kUpdate), Stage::kUpdate);
  Fetch("w", w);
  Compile();
  Set("w", {1, 2, 3, 4});
  RunAll();
  EXPECT_EQ(Fetched("w"), (Floats{1, 2, 3, 4}));
  EXPECT_EQ(ValueOf("w"), (Floats{2, 4, 6, 8}));
}

TEST_F(PlanTest, AStageCannotReadWhatAnEarlierOneHasOverwritten) {
  const Value sum = Variable("sum");
  Assign(sum, Scale("next", sum, 2, Stage::kCommit), Stage::kCommit);
  Scale("late", sum, 3, Stage::kUpdate);
  EXPECT_EQ(ErrorOfCompile(),
            "<code>: ToyScale 'late': reads variable 'sum', which an earlier stage of the step writes");
}

TEST_F(PlanTest, AWrittenValueComesIntoTheVariablesLayout) {
  const TensorType type = F32({1, 3, 1, 2});
  const Value x = Input("x", type), w = Variable("w", type);
  Fetch("y", Node("ToyBlocks", "y", {w}));
  Assign(w, Scale("next", x, 2, Stage::kUpdate), Stage::kUpdate);
  Compile();
  EXPECT_EQ(store_.layout(store_.Find("w")), BlocksOf16(type.shape));
  Set("w", {0, 0, 0, 0, 0, 0});
  for (int step = 0; step < 2; ++step) {
    Feed("x", {1, 2, 3, 4, 5, 6});
    RunAll();
  }
  EXPECT_EQ(Fetched("y"), (Floats{3, 5, 7, 9, 11, 13}));
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
