// Recurrent layers against their steps written out in elementary layers: a block of dense, binary and unary layers,
// repeated with shared variables, trains to the same numbers.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "core/random.h"
#include "core/status_macros.h"
#include "core/tensor.h"
#include "graph/load_model.h"
#include "gtest/gtest.h"
#include "proto/train.pb.h"
#include "train/learner.h"

namespace gradus {
namespace {

constexpr int64_t kBatch = 6, kSteps = 20, kUnits = 5, kBatches = 3;

// A parameter of the layer, and those of the step whose rows make it up, in their order.
struct Parameter {
  std::string whole;
  std::vector<std::string> parts;
};

struct Cell {
  const char* name;
  const char* layer;
  bool has_cell;
  const char* step;  // layers between "x", "h" (and "c") and "new_h" (and "new_c")
  std::vector<Parameter> parameters;
};

constexpr char kVanilla[] = R"(
    layer { name: "from_x" input: "x" dense { units: 5 } }
    layer { name: "from_h" input: "h" dense { units: 5 bias: false } }
    layer { name: "sum" input: ["from_x", "from_h"] binary { function: ADD } }
    layer { name: "new_h" unary { function: TANH } })";

constexpr char kRectified[] = R"(
    layer { name: "from_x" input: "x" dense { units: 5 } }
    layer { name: "from_h" input: "h" dense { units: 5 bias: false } }
    layer { name: "sum" input: ["from_x", "from_h"] binary { function: ADD } }
    layer { name: "new_h" unary { function: RELU } })";

// r, z = sigmoid(x + p); n = tanh(x + r (p + b)); h' = (1 - z) n + z h = n + z (h - n)
constexpr char kGru[] = R"(
    layer { name: "from_x" input: "x" dense { units: 15 } }
    layer { name: "from_h" input: "h" dense { units: 10 bias: false } }
    layer { name: "q" input: "h" dense { units: 5 } }
    layer { name: "x_rz" input: "from_x" slice { axis: 1 begin: 0 end: 10 } }
    layer { name: "x_n" input: "from_x" slice { axis: 1 begin: 10 end: 15 } }
    layer { name: "rz_sum" input: ["x_rz", "from_h"] binary { function: ADD } }
    layer { name: "rz" unary { function: SIGMOID } }
    layer { name: "r" input: "rz" slice { axis: 1 begin: 0 end: 5 } }
    layer { name: "z" input: "rz" slice { axis: 1 begin: 5 end: 10 } }
    layer { name: "reset" input: ["r", "q"] binary { function: MULTIPLY } }
    layer { name: "n_sum" input: ["x_n", "reset"] binary { function: ADD } }
    layer { name: "n" unary { function: TANH } }
    layer { name: "away" input: ["h", "n"] binary { function: SUBTRACT } }
    layer { name: "kept" input: ["z", "away"] binary { function: MULTIPLY } }
    layer { name: "new_h" input: ["n", "kept"] binary { function: ADD } })";

// i, f, o = sigmoid(x + p); g = tanh(x + p); c' = f c + i g; h' = o tanh(c')
constexpr char kLstm[] = R"(
    layer { name: "from_x" input: "x" dense { units: 20 } }
    layer { name: "from_h" input: "h" dense { units: 20 bias: false } }
    layer { name: "sum" input: ["from_x", "from_h"] binary { function: ADD } }
    layer { name: "i_sum" input: "sum" slice { axis: 1 begin: 0 end: 5 } }
    layer { name: "f_sum" input: "sum" slice { axis: 1 begin: 5 end: 10 } }
    layer { name: "g_sum" input: "sum" slice { axis: 1 begin: 10 end: 15 } }
    layer { name: "o_sum" input: "sum" slice { axis: 1 begin: 15 end: 20 } }
    layer { name: "i" input: "i_sum" unary { function: SIGMOID } }
    layer { name: "f" input: "f_sum" unary { function: SIGMOID } }
    layer { name: "g" input: "g_sum" unary { function: TANH } }
    layer { name: "o" input: "o_sum" unary { function: SIGMOID } }
    layer { name: "kept" input: ["f", "c"] binary { function: MULTIPLY } }
    layer { name: "let_in" input: ["i", "g"] binary { function: MULTIPLY } }
    layer { name: "new_c" input: ["kept", "let_in"] binary { function: ADD } }
    layer { name: "seen" unary { function: TANH } }
    layer { name: "new_h" input: ["o", "seen"] binary { function: MULTIPLY } })";

const std::vector<Parameter>& PlainParameters() {
  static const auto* const kParameters = new std::vector<Parameter>{
      {"weights", {"from_x/weights"}}, {"recurrent_weights", {"from_h/weights"}}, {"bias", {"from_x/bias"}}};
  return *kParameters;
}

std::vector<Cell> AllCells() {
  return {{"Tanh", "rnn { units: 5 }", false, kVanilla, PlainParameters()},
          {"Relu", "rnn { units: 5 activation: RELU }", false, kRectified, PlainParameters()},
          {"Gru",
           "gru { units: 5 }",
           false,
           kGru,
           {{"weights", {"from_x/weights"}},
            {"recurrent_weights", {"from_h/weights", "q/weights"}},
            {"bias", {"from_x/bias"}},
            {"recurrent_bias", {"q/bias"}}}},
          {"Lstm", "lstm { units: 5 }", true, kLstm, PlainParameters()}};
}

constexpr char kLoss[] = R"(
  layer { name: "square" unary { function: SQUARE } }
  loss { name: "l" value {} })";

std::string WholeModel(const Cell& cell) {
  return absl::StrCat("input { name: 'sequence' dims: [", kSteps, ", ", kUnits, "] }\nlayer { name: 'r' ", cell.layer,
                      " }\nlayer { name: 'all' flatten {} }", kLoss);
}

// Between the copies of the step goes f32[N, T x units + units (+ units)]: the sequence, whose first element becomes
// the last one's output each time, then the state (and the cell).
std::string UnrolledModel(const Cell& cell) {
  const int64_t sequence = kSteps * kUnits;
  const auto slice = [](const char* name, int64_t begin, int64_t end) {
    return absl::StrCat("    layer { name: '", name, "' input: 'carried' slice { axis: 1 begin: ", begin, " end: ", end,
                        " } }\n");
  };
  return absl::StrCat(
      "input { name: 'sequence' dims: [", kSteps, ", ", kUnits, "] }\nblock {\n    name: 'step' input: 'carried'\n",
      slice("x", 0, kUnits), slice("rest", kUnits, sequence), slice("h", sequence, sequence + kUnits),
      cell.has_cell ? slice("c", sequence + kUnits, sequence + 2 * kUnits) : "", cell.step,
      "\n    layer { name: 'next' input: ['rest', 'new_h', 'new_h'", cell.has_cell ? ", 'new_c'" : "",
      "] concat { axis: 1 } }\n}\nlayer { name: 'row' flatten {} }\nlayer { name: 'first' pad { axis: 1 before: 0 "
      "after: ",
      (cell.has_cell ? 2 : 1) * kUnits, " } }\nlayer { name: 'time' use { block: 'step' repeat: ", kSteps,
      " share_with: 'time' } }\nlayer { name: 'all' slice { axis: 1 begin: 0 end: ", sequence, " } }", kLoss);
}

struct Outcome {
  std::vector<double> losses;
  std::vector<std::vector<float>> first, last;  // values of each parameter of the layer
};

// A few steps of plain SGD. names: of the variables that make up each parameter.
absl::StatusOr<Outcome> Train(const std::string& text, const std::vector<std::vector<std::string>>& names) {
  GRADUS_ASSIGN_OR_RETURN(const LoadedModel model, LoadModelText(text, "net.textproto"));
  Training training;
  training.set_batch_size(kBatch);
  training.set_threads(2);
  training.mutable_optimizer()->mutable_sgd();
  GRADUS_ASSIGN_OR_RETURN(const std::unique_ptr<Learner> learner, Learner::Create(model, training));
  VariableStore& variables = learner->variables();
  Outcome outcome;
  const auto read = [&](std::vector<std::vector<float>>* values) -> absl::Status {
    for (const std::vector<std::string>& parts : names) {
      std::vector<float>& all = values->emplace_back();
      for (const std::string& part : parts) {
        GRADUS_ASSIGN_OR_RETURN(const Tensor value, learner->Value(part));
        all.insert(all.end(), value.values<float>().begin(), value.values<float>().end());
      }
    }
    return absl::OkStatus();
  };
  for (size_t i = 0; i < names.size(); ++i) {
    RandomSequence random(7, "parameter", i);
    for (const std::string& part : names[i]) {
      const int index = variables.Find(part);
      if (index < 0) return absl::NotFoundError(part);
      Tensor value(variables.variable(index).type);
      for (float& v : value.values<float>()) v = static_cast<float>(random.Uniform(-0.5, 0.5));
      GRADUS_RETURN_IF_ERROR(variables.Set(index, value));
    }
  }
  GRADUS_RETURN_IF_ERROR(read(&outcome.first));
  for (int64_t batch = 0; batch < kBatches; ++batch) {
    Tensor sequence(TensorType{DType::kFloat32, {kBatch, kSteps, kUnits}});
    RandomSequence random(8, "sequence", batch);
    for (float& x : sequence.values<float>()) x = static_cast<float>(random.Uniform(-1, 1));
    GRADUS_ASSIGN_OR_RETURN(const StepResult step, learner->Step({{"sequence", &sequence}}, 0.5));
    outcome.losses.push_back(step.loss);
  }
  GRADUS_RETURN_IF_ERROR(read(&outcome.last));
  return outcome;
}

class UnrolledRecurrentTest : public testing::TestWithParam<Cell> {};

TEST_P(UnrolledRecurrentTest, GivesTheSameNumbers) {
  const Cell& cell = GetParam();
  std::vector<std::vector<std::string>> whole_names, unrolled_names;
  for (const Parameter& parameter : cell.parameters) {
    whole_names.push_back({absl::StrCat("r/", parameter.whole)});
    std::vector<std::string>& parts = unrolled_names.emplace_back();
    for (const std::string& part : parameter.parts) parts.push_back(absl::StrCat("time/1/", part));
  }
  const absl::StatusOr<Outcome> whole = Train(WholeModel(cell), whole_names);
  ASSERT_TRUE(whole.ok()) << whole.status();
  const absl::StatusOr<Outcome> unrolled = Train(UnrolledModel(cell), unrolled_names);
  ASSERT_TRUE(unrolled.ok()) << unrolled.status();
  for (int64_t i = 0; i < kBatches; ++i) EXPECT_NEAR(whole->losses[i], unrolled->losses[i], 1e-6);
  for (size_t p = 0; p < cell.parameters.size(); ++p) {
    SCOPED_TRACE(cell.parameters[p].whole);
    ASSERT_EQ(whole->first[p], unrolled->first[p]);
    ASSERT_EQ(whole->last[p].size(), unrolled->last[p].size());
    double farthest = 0;
    for (size_t i = 0; i < whole->last[p].size(); ++i) {
      EXPECT_NEAR(whole->last[p][i], unrolled->last[p][i], 3e-6) << i;
      farthest = std::max<double>(farthest, std::fabs(whole->last[p][i] - whole->first[p][i]));
    }
    EXPECT_GT(farthest, 1e-3);  // it trains, else there were nothing to compare
  }
}

INSTANTIATE_TEST_SUITE_P(Cells, UnrolledRecurrentTest, testing::ValuesIn(AllCells()),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace gradus
