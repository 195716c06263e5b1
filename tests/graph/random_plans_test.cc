// Random programs of toy operations, run by plans and by a plain interpreter: whatever shares memory, gives the same.
#include <cmath>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/arena.h"
#include "core/random.h"
#include "core/tensor.h"
#include "graph/op.h"
#include "graph/plan.h"
#include "gtest/gtest.h"
#include "tests/graph/toy_kernels.h"
#include "tests/graph/toy_ops.h"

namespace gradus {
namespace {

using Floats = std::vector<float>;

const Shape& Image() {
  static const Shape* const shape = new Shape({2, 3, 2, 2});
  return *shape;
}
const Shape& Line() {
  static const Shape* const shape = new Shape({24});
  return *shape;
}

Floats Numbers(RandomSequence* random) {
  Floats numbers;
  for (int i = 0; i < 24; ++i) numbers.push_back(static_cast<float>(random->Below(9)) - 4);
  return numbers;
}

class RandomProgram {
 public:
  explicit RandomProgram(uint64_t seed) : random_(seed, "random programs") {
    for (int i = 0; i < 2; ++i) Add(AddInput(&graph(), absl::StrCat("feed", i), Type()), -1);
    for (int i = 0; i < 3; ++i) Add(AddVariable(&graph(), absl::StrCat("variable", i), Type()), i);
    for (Stage stage : {Stage::kCompute, Stage::kCommit, Stage::kUpdate}) {
      const int nodes = static_cast<int>(random_.Below(stage == Stage::kCompute ? 14 : 5));
      for (int i = 0; i < nodes; ++i) AddNode(stage);
      if (stage != Stage::kCompute) AddAssigns(stage);
    }
    const int fetches = static_cast<int>(random_.Below(4));
    for (int i = 0; i < fetches; ++i) program_.fetches.push_back({absl::StrCat("fetch", i), Pick(Stage::kUpdate)});
  }

  const Program& program() const { return program_; }
  RandomSequence* random() { return &random_; }

 private:
  Graph& graph() { return program_.graph; }
  TensorType Type() { return {DType::kFloat32, random_.Below(2) == 0 ? Image() : Line()}; }

  // `variable`: what the value is the old value of, or -1.
  void Add(Value value, int variable) {
    values_.push_back(value);
    variable_of_.push_back(variable);
  }

  // A value that may be read in the stage.
  Value Pick(Stage stage, const TensorType* type = nullptr) {
    for (int tries = 0; tries < 100; ++tries) {
      const size_t i = random_.Below(values_.size());
      const int variable = variable_of_[i];
      if (variable >= 0 && written_[variable] && stage > written_in_[variable]) continue;
      if (type == nullptr || graph().type(values_[i]) == *type) return values_[i];
    }
    return Value{};
  }

  int VariableOf(Value value) const {
    for (size_t i = 0; i < values_.size(); ++i) {
      if (values_[i] == value) return variable_of_[i];
    }
    return -1;
  }

  void AddNode(Stage stage) {
    const Value x = Pick(stage);
    if (!x.valid()) return;
    const TensorType type = graph().type(x);
    const auto add = [&](const char* op, std::vector<Value> inputs, Attrs attrs = {}) {
      return gradus::AddNode(&graph(), op, op, std::move(inputs), std::move(attrs), stage);
    };
    const bool image = type.shape == Image();
    switch (random_.Below(6)) {
      case 0:
        Add(add("ToyScale", {x}, FactorAttrs{random_.Below(2) == 0 ? 0.5 : -1}), -1);
        break;
      case 1:
        Add(add("ToyAdd", {x, Pick(stage, &type)}), -1);
        break;
      case 2:
        Add(add("ToyMultiply", {add("ToyScale", {x}, FactorAttrs{0.25}), add("ToySine", {Pick(stage, &type)})}), -1);
        break;
      case 3: {
        const Value both = add("ToyBoth", {x});
        Add(both, -1);
        Add(Value{both.node, 1}, -1);
        break;
      }
      case 4:
        Add(add("ToyLines", {x}, ShapeAttrs{random_.Below(2) == 0 ? Image() : Line()}), VariableOf(x));
        break;
      default:
        if (image) Add(add("ToyBlocks", {x}), -1);
        break;
    }
  }

  void AddAssigns(Stage stage) {
    bool now[3] = {false, false, false};
    for (int variable = 0; variable < 3; ++variable) {
      if (written_[variable] || random_.Below(3) == 0) continue;
      const TensorType type = graph().variables()[variable].type;
      const Value value = Pick(stage, &type);
      if (!value.valid()) continue;
      EXPECT_TRUE(graph().Assign(graph().ReadOf(variable), value, stage).ok());
      now[variable] = true;
    }
    for (int variable = 0; variable < 3; ++variable) {
      if (!now[variable]) continue;
      written_[variable] = true;
      written_in_[variable] = stage;
    }
  }

  RandomSequence random_;
  Program program_;
  std::vector<Value> values_;
  std::vector<int> variable_of_;
  bool written_[3] = {false, false, false};
  Stage written_in_[3] = {};
};

// One step of the program, node by node, each value in memory of its own.
class Interpreter {
 public:
  explicit Interpreter(const Program& program) : program_(program) {}

  void Step(const std::vector<Floats>& feeds, std::vector<Floats>* variables) {
    const Graph& graph = program_.graph;
    values_.assign(graph.size(), {});
    std::vector<Floats> next = *variables;
    for (int i = 0; i < graph.size(); ++i) {
      const Node& node = graph.node(i);
      const std::string& op = node.op->name();
      if (op == "Input") {
        values_[i] = {feeds[i]};  // feeds come first
      } else if (op == "Variable") {
        values_[i] = {(*variables)[graph.variable_of(i)]};
      } else if (op == "Assign") {
        next[graph.variable_of(i)] = Of(node.inputs[0]);
      } else {
        Compute(node, &values_[i]);
      }
    }
    *variables = std::move(next);
  }

  const Floats& Of(Value value) const { return values_[value.node][value.output]; }

 private:
  void Compute(const Node& node, std::vector<Floats>* outputs) {
    const std::string& op = node.op->name();
    Floats y = Of(node.inputs[0]), twice = y;
    const Floats& second = Of(node.inputs.back());
    for (size_t i = 0; i < y.size(); ++i) {
      twice[i] = 2 * y[i];
      if (op == "ToyScale") y[i] *= static_cast<float>(node.attrs.as<FactorAttrs>().factor);
      if (op == "ToyAdd") y[i] += second[i];
      if (op == "ToyMultiply") y[i] *= second[i];
      if (op == "ToySine") y[i] = std::sin(y[i]);
      if (op == "ToyBlocks") y[i] += 1;
    }
    *outputs = {std::move(y), std::move(twice)};
  }

  const Program& program_;
  std::vector<std::vector<Floats>> values_;  // by node and output
};

Tensor ToTensor(const Floats& values, const TensorType& type) { return Tensor::Of<float>(type.shape, values); }

Floats FromTensor(const Tensor& tensor) { return Floats(tensor.values<float>().begin(), tensor.values<float>().end()); }

void CompareRuns(uint64_t seed) {
  RandomProgram random(seed);
  const Program& program = random.program();
  SCOPED_TRACE(absl::StrCat("seed ", seed, "\n", program.graph.ToString()));
  VariableStore store;
  PlanOptions options;
  options.debug_arena = seed % 2 == 0;
  const absl::StatusOr<std::unique_ptr<Plan>> compiled = Plan::Compile(program, &store, options);
  ASSERT_TRUE(compiled.ok()) << compiled.status();
  Plan& plan = **compiled;
  SCOPED_TRACE(plan.ToString());
  Arena arena;
  RunState state;
  ASSERT_TRUE(arena.Reserve(plan.memory().arena).ok());
  ASSERT_TRUE(plan.Bind(arena.base(), &state).ok());

  std::vector<Floats> variables;
  for (int i = 0; i < 3; ++i) {
    variables.push_back(Numbers(random.random()));
    ASSERT_TRUE(store.Set(i, ToTensor(variables[i], store.variable(i).type)).ok());
  }
  Interpreter interpreter(program);
  for (int step = 0; step < 3; ++step) {
    std::vector<Floats> feeds;
    for (int i = 0; i < 2; ++i) {
      feeds.push_back(Numbers(random.random()));
      TensorType type;
      auto* address = static_cast<float*>(plan.FeedAddress(absl::StrCat("feed", i), &type));
      std::copy(feeds[i].begin(), feeds[i].end(), address);
    }
    interpreter.Step(feeds, &variables);
    for (Stage stage : {Stage::kCompute, Stage::kCommit, Stage::kUpdate}) ASSERT_TRUE(plan.Run(stage).ok());
    for (const NamedValue& fetch : program.fetches) {
      TensorType type;
      const auto* address = static_cast<const float*>(plan.FetchAddress(fetch.name, &type));
      ASSERT_EQ(Floats(address, address + 24), interpreter.Of(fetch.value)) << fetch.name << " in step " << step;
    }
    for (int i = 0; i < 3; ++i) {
      ASSERT_EQ(FromTensor(store.Get(i).value()), variables[i]) << "variable " << i << " after step " << step;
    }
  }
}

TEST(RandomPlansTest, GiveWhatAnInterpreterGives) {
  for (uint64_t seed = 1; seed <= 1000 && !testing::Test::HasFailure(); ++seed) CompareRuns(seed);
}

}  // namespace
}  // namespace gradus
