#include "graph/session.h"

#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/graph/toy_kernels.h"
#include "tests/graph/toy_ops.h"

namespace gradus {
namespace {

using Floats = std::vector<float>;

Tensor Column(const Floats& values) { return Tensor::Of<float>({static_cast<int64_t>(values.size())}, values); }

// y = w x for x: f32[batch] and a scalar w, which the update doubles.
Program Product(int64_t batch) {
  Program program;
  const Value x = AddInput(&program.graph, "image", F32({batch}));
  const Value w = AddVariable(&program.graph, "w", F32({1}));
  const Value wide = AddNode(&program.graph, "BroadcastTo", "wide", {w}, ShapeAttrs{{batch}});
  program.fetches.push_back({"output/y", AddNode(&program.graph, "ToyMultiply", "y", {x, wide})});
  const Value next = AddNode(&program.graph, "ToyScale", "next", {w}, FactorAttrs{2}, Stage::kUpdate);
  EXPECT_TRUE(program.graph.Assign(w, next, Stage::kUpdate).ok());
  return program;
}

class SessionTest : public testing::Test {
 protected:
  SessionTest() { options_.threads = 1; }

  Session MakeSession() { return Session(variables_, options_); }

  Floats RunOn(Session* session, Plan* plan, const Floats& image) {
    absl::Status status = session->Feed(plan, "image", Column(image));
    if (status.ok()) status = session->Run(plan, Stage::kCompute);
    EXPECT_TRUE(status.ok()) << status;
    const absl::StatusOr<Tensor> y = session->Fetch(plan, "output/y");
    if (!y.ok()) return {};
    return Floats(y->values<float>().begin(), y->values<float>().end());
  }
  void SetW(float w) { ASSERT_TRUE(variables_->Set(variables_->Find("w"), Column({w})).ok()); }

  std::shared_ptr<VariableStore> variables_ = std::make_shared<VariableStore>();
  SessionOptions options_;
};

TEST_F(SessionTest, FeedsRunsAndFetches) {
  Session session = MakeSession();
  const absl::StatusOr<Plan*> plan = session.Compile(Product(3));
  ASSERT_TRUE(plan.ok()) << plan.status();
  SetW(2);
  EXPECT_EQ(RunOn(&session, *plan, {1, 2, 3}), (Floats{2, 4, 6}));
  ASSERT_TRUE(session.Run(*plan, Stage::kUpdate).ok());
  EXPECT_EQ(RunOn(&session, *plan, {1, 2, 3}), (Floats{4, 8, 12}));
}

TEST_F(SessionTest, ErrorsNameFeedsAndFetches) {
  Session session = MakeSession();
  Plan* plan = session.Compile(Product(3)).value();
  EXPECT_EQ(session.Feed(plan, "imagge", Column({1, 2, 3})),
            absl::NotFoundError("the plan has no input 'imagge'; did you mean 'image'?"));
  EXPECT_EQ(session.Feed(plan, "image", Column({1, 2})),
            absl::InvalidArgumentError("input 'image' is f32[3]; the value is f32[2]"));
  EXPECT_EQ(session.Feed(plan, "image", Tensor(I32({3}))),
            absl::InvalidArgumentError("input 'image' is f32[3]; the value is i32[3]"));
  RunOn(&session, plan, {1, 2, 3});
  EXPECT_EQ(session.Fetch(plan, "output/x").status(), absl::NotFoundError("the plan does not fetch 'output/x'"));
  EXPECT_EQ(session.FetchScalar(plan, "output/x").status(), absl::NotFoundError("the plan does not fetch 'output/x'"));
  EXPECT_EQ(session.FetchScalar(plan, "output/y").status(),
            absl::InvalidArgumentError("'output/y' is f32[3], no f32 scalar"));
}

TEST_F(SessionTest, PlansOfSeveralBatchSizesShareOneArenaAndTheirVariables) {
  Session session = MakeSession();
  Plan* small = session.Compile(Product(2)).value();
  const int64_t alone = session.memory().arena;
  Plan* large = session.Compile(Product(1000)).value();
  EXPECT_GT(session.memory().arena, alone);
  EXPECT_EQ(session.memory().arena, large->memory().arena);
  EXPECT_EQ(session.memory().variables, variables_->bytes());
  EXPECT_EQ(variables_->size(), 1);
  SetW(3);
  EXPECT_EQ(RunOn(&session, small, {1, 2}), (Floats{3, 6}));
  EXPECT_EQ(RunOn(&session, large, Floats(1000, 2)), Floats(1000, 6));
  ASSERT_TRUE(session.Run(large, Stage::kUpdate).ok());
  EXPECT_EQ(RunOn(&session, small, {1, 2}), (Floats{6, 12}));
  Plan* larger = session.Compile(Product(2000)).value();  // the arena grows under the plans that there are
  EXPECT_EQ(RunOn(&session, larger, Floats(2000, 1)), Floats(2000, 6));
  EXPECT_EQ(RunOn(&session, small, {1, 2}), (Floats{6, 12}));
  EXPECT_EQ(RunOn(&session, large, Floats(1000, 2)), Floats(1000, 12));
}

// Plans lie over each other: what one was fed or has computed is gone when another comes between.
TEST_F(SessionTest, ValuesOfAPlanEndWhereAnotherBegins) {
  const absl::Status gone = absl::FailedPreconditionError(
      "this plan has no values: it was not fed or run yet, or another plan of the session came between");
  Session session = MakeSession();
  Plan* a = session.Compile(Product(2)).value();
  EXPECT_EQ(session.Run(a, Stage::kCompute), gone) << "never fed";
  EXPECT_EQ(session.Fetch(a, "output/y").status(), gone);
  RunOn(&session, a, {1, 2});
  Plan* b = session.Compile(Product(3)).value();
  EXPECT_TRUE(session.Fetch(a, "output/y").ok()) << "compiling touches no memory";
  ASSERT_TRUE(session.Feed(a, "image", Column({1, 2})).ok());
  ASSERT_TRUE(session.Feed(b, "image", Column({1, 2, 3})).ok());
  EXPECT_EQ(session.Run(a, Stage::kCompute), gone);
  EXPECT_EQ(session.Run(a, Stage::kUpdate), gone);
  EXPECT_EQ(session.RunCheckingNumerics(a), gone);
  EXPECT_EQ(session.FetchScalar(a, "output/y").status(), gone);
  EXPECT_TRUE(session.Run(b, Stage::kCompute).ok());
}

TEST_F(SessionTest, AnArenaThatGrowsLosesWhatWasFed) {
  Session session = MakeSession();
  Plan* small = session.Compile(Product(2)).value();
  ASSERT_TRUE(session.Feed(small, "image", Column({1, 2})).ok());
  ASSERT_TRUE(session.Compile(Product(10000)).ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(session.Run(small, Stage::kCompute)));
  EXPECT_EQ(RunOn(&session, small, {1, 2}).size(), 2u);
}

TEST_F(SessionTest, APlanWithoutFeedsNeedsNone) {
  Program program;
  program.fetches.push_back({"ones", AddNode(&program.graph, "Fill", "ones", {}, FillAttrs{F32({}), 1})});
  Session session = MakeSession();
  Plan* plan = session.Compile(std::move(program)).value();
  EXPECT_FALSE(session.FetchScalar(plan, "ones").ok());
  ASSERT_TRUE(session.Run(plan, Stage::kCompute).ok());
  EXPECT_EQ(session.FetchScalar(plan, "ones").value(), 1);
  EXPECT_TRUE(session.RunCheckingNumerics(plan).ok());
}

TEST_F(SessionTest, EmptyBatchesRun) {
  Session session = MakeSession();
  Program program;
  const Value x = AddInput(&program.graph, "image", F32({0, 3}));
  program.fetches.push_back({"output/y", AddNode(&program.graph, "ToyScale", "y", {x}, FactorAttrs{2})});
  Plan* plan = session.Compile(std::move(program)).value();
  const absl::Status fed = session.Feed(plan, "image", Tensor(F32({0, 3})));
  ASSERT_TRUE(fed.ok()) << fed;
  ASSERT_TRUE(session.Run(plan, Stage::kCompute).ok());
  EXPECT_EQ(session.Fetch(plan, "output/y")->shape().ToString(), "[0, 3]");
}

TEST_F(SessionTest, MemoryBudgetsAreKept) {
  options_.memory_budget = 5000;
  Session session = MakeSession();
  ASSERT_TRUE(session.Compile(Product(100)).ok());
  const absl::StatusOr<Plan*> refused = session.Compile(Product(1000));
  EXPECT_EQ(refused.status(), absl::ResourceExhaustedError(
                                  absl::StrCat("the plan needs ", kArenaRedZone == 0 ? "12.1" : "12.3",
                                               " kB, more than the memory_budget of 5.0 kB; the smallest that would do "
                                               "is memory_budget: ",
                                               kArenaRedZone == 0 ? 12068 : 12260)));
  EXPECT_LT(session.memory().arena, 5000) << "what was refused is not counted";
}

TEST_F(SessionTest, PlansThatDoNotFitTheMachineAreRefusedWithBothFigures) {
  Session session = MakeSession();
  const absl::Status status = session.Compile(Product(int64_t{1} << 45)).status();
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
  EXPECT_TRUE(absl::StartsWith(status.message(),
                               "the plan needs 422.2 TB (422.2 TB for activations, gradients and "
                               "scratch, 4 B for variables), but this process can get "))
      << status;
  EXPECT_TRUE(absl::EndsWith(status.message(), "; a smaller batch needs less")) << status;
}

TEST_F(SessionTest, PassesRunBeforeCompiling) {
  Session session = MakeSession();
  Program program = Product(2);
  const Value x{program.graph.Find("image"), 0};
  AddNode(&program.graph, "ToyKernelless", "unused", {x});
  EXPECT_TRUE(session.Compile(program).ok());
  options_.passes.skip = {"prune"};
  EXPECT_FALSE(MakeSession().Compile(program).ok());
  options_.passes.skip = {"no_such_pass"};
  EXPECT_FALSE(MakeSession().Compile(program).ok());
}

TEST_F(SessionTest, ThreadsDefaultToTheCoresOfTheProcess) {
  options_.threads = 0;
  EXPECT_EQ(MakeSession().threads(), AvailableCores());
  EXPECT_GE(AvailableCores(), 1);
}

// Each thread has its own session; the variables are one.
TEST_F(SessionTest, SeveralThreadsInferOverOneStore) {
  constexpr int kThreads = 4, kRuns = 50;
  {
    Session first = MakeSession();
    ASSERT_TRUE(first.Compile(Product(2)).ok());
    SetW(3);
  }
  std::vector<std::thread> threads;
  std::vector<int> right(kThreads, 0);
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      Session session = MakeSession();
      const int64_t batch = 100 + t;
      const absl::StatusOr<Plan*> plan = session.Compile(Product(batch));
      if (!plan.ok()) return;
      for (int run = 0; run < kRuns; ++run) {
        right[t] += RunOn(&session, *plan, Floats(batch, static_cast<float>(run))) ==
                    Floats(batch, static_cast<float>(3 * run));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(right, std::vector<int>(kThreads, kRuns));
}

// y = x (2 w): the product of w is made when w has changed.
Program Derived(int64_t batch) {
  Program program;
  const Value x = AddInput(&program.graph, "image", F32({batch}));
  const Value w = AddVariable(&program.graph, "w", F32({1}));
  const Value twice = AddNode(&program.graph, "ToyScale", "twice", {w}, FactorAttrs{2});
  const Value wide = AddNode(&program.graph, "BroadcastTo", "wide", {twice}, ShapeAttrs{{batch}});
  program.fetches.push_back({"output/y", AddNode(&program.graph, "ToyMultiply", "y", {x, wide})});
  program.inference = true;
  return program;
}

TEST_F(SessionTest, DerivedVariablesFollowTheirSources) {
  Session session = MakeSession();
  const absl::StatusOr<Plan*> writer = session.Compile(Product(2));
  const absl::StatusOr<Plan*> reader = session.Compile(Derived(2)), wider = session.Compile(Derived(3));
  ASSERT_TRUE(writer.ok() && reader.ok() && wider.ok()) << reader.status();
  EXPECT_EQ((*reader)->steps().size(), 1u);
  SetW(1);
  EXPECT_EQ(RunOn(&session, *reader, {1, 2}), (Floats{2, 4}));
  EXPECT_EQ(RunOn(&session, *reader, {1, 2}), (Floats{2, 4}));
  SetW(5);
  EXPECT_EQ(RunOn(&session, *wider, {1, 2, 3}), (Floats{10, 20, 30}));
  EXPECT_EQ(RunOn(&session, *reader, {1, 2}), (Floats{10, 20}));
  EXPECT_EQ(RunOn(&session, *writer, {1, 2}), (Floats{5, 10}));
  ASSERT_TRUE(session.Run(*writer, Stage::kUpdate).ok());  // doubles w
  EXPECT_EQ(RunOn(&session, *reader, {1, 2}), (Floats{20, 40}));
}

TEST_F(SessionTest, SessionsOfOneStoreShareDerivedVariables) {
  Session first = MakeSession(), second = MakeSession();
  const absl::StatusOr<Plan*> one = first.Compile(Derived(2));
  const int size = variables_->size();
  const absl::StatusOr<Plan*> other = second.Compile(Derived(2));
  ASSERT_TRUE(one.ok() && other.ok());
  EXPECT_EQ(variables_->size(), size);
  for (float w : {3.0f, 4.0f}) {
    SetW(w);
    Floats results[2];
    std::thread thread([&] { results[0] = RunOn(&first, *one, {1, 2}); });
    results[1] = RunOn(&second, *other, {1, 2});
    thread.join();
    EXPECT_EQ(results[0], (Floats{2 * w, 4 * w}));
    EXPECT_EQ(results[1], (Floats{2 * w, 4 * w}));
  }
}

}  // namespace
}  // namespace gradus
