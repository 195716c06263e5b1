// A program of toy operations, its plan, and the arena that it runs in: what the tests of plans share.
#ifndef GRADUS_TESTS_GRAPH_PLAN_FIXTURE_H_
#define GRADUS_TESTS_GRAPH_PLAN_FIXTURE_H_

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/arena.h"
#include "core/tensor.h"
#include "graph/plan.h"
#include "gtest/gtest.h"
#include "tests/graph/toy_kernels.h"
#include "tests/graph/toy_ops.h"

namespace gradus {

using Floats = std::vector<float>;

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

}  // namespace gradus

#endif  // GRADUS_TESTS_GRAPH_PLAN_FIXTURE_H_
