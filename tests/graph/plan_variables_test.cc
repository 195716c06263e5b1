// Layouts in a plan, and what it writes to variables when.
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/graph/plan_fixture.h"

namespace gradus {
namespace {

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

}  // namespace
}  // namespace gradus
