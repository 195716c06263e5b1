#include "graph/training.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "graph/load_model.h"
#include "graph/passes.h"
#include "gtest/gtest.h"
#include "proto/train.pb.h"
#include "tests/graph/toy_ops.h"

namespace gradus {
namespace {

absl::StatusOr<Network> LowerText(absl::string_view text, Mode mode = Mode::kTrain) {
  GRADUS_ASSIGN_OR_RETURN(LoadedModel loaded, LoadModelText(text, "m"));
  LowerOptions options;
  options.mode = mode;
  options.batch = 4;
  return Lower(loaded.model, options);
}

class TrainingTest : public testing::Test {
 protected:
  TrainingTest() { options_.optimizer = &sgd_; }

  absl::StatusOr<Program> Build(absl::string_view text) {
    GRADUS_ASSIGN_OR_RETURN(Network network, LowerText(text));
    return BuildTraining(std::move(network), options_);
  }
  std::string ErrorOf(absl::string_view text) { return std::string(Build(text).status().message()); }

  Optimizer::Sgd sgd_;
  TrainingOptions options_;
};

constexpr char kDense[] = R"(
input { name: "x" dims: 3 }
layer { name: "fc" dense { units: 2 } }
loss { name: "energy" weight: 0.5 value {} })";

TEST_F(TrainingTest, AWholeStep) {
  const absl::StatusOr<Program> program = Build(kDense);
  ASSERT_TRUE(program.ok()) << program.status();
  EXPECT_EQ(program->graph.ToString(),
            "%0 = Input() {type=f32[4, 3]} : f32[4, 3]  # x\n"
            "%1 = Variable() {variable=0 type=f32[2, 3]} : f32[2, 3]  # fc/weights\n"
            "%2 = ToyDense(%0, %1) : f32[4, 2]  # fc\n"
            "%3 = Fill() {type=f32[4, 2] value=0.0625} : f32[4, 2]  # energy/seed\n"
            "%4 = ToyDenseWeights(%0, %3) : f32[2, 3]  # fc/gradient\n"
            "%5 = SumTo(%2) {shape=[]} : f32[]  # energy/sum\n"
            "%6 = SquaredNorm(%4) : f32[]  # gradus/squared_norm\n"
            "%7 = Input() {type=f32[]} : f32[]  # gradus/learning_rate\n"
            "%8 = ClipScale(%6) {count=1 clip_norm=0} : f32[]  # gradus/gradient_scale [update]\n"
            "%9 = ToyUpdate(%1, %4, %7, %8) {rate=1 decay=0} : f32[2, 3]  # fc/weights/update [update]\n"
            "%10 = Assign(%9) {variable=0 type=f32[2, 3]}  # fc/weights/assign [update]\n");
  ASSERT_EQ(program->fetches.size(), 2u);
  EXPECT_EQ(program->fetches[0].name, "loss/energy");
  EXPECT_EQ(program->fetches[0].value, (Value{5, 0}));
  EXPECT_EQ(program->fetches[1].name, kSquaredNorm);
  EXPECT_EQ(program->gradients, (std::vector<std::pair<Value, Value>>{{{4, 0}, {1, 0}}}));
  EXPECT_FALSE(program->inference);
  EXPECT_TRUE(Verify(*program).ok()) << Verify(*program);
}

TEST_F(TrainingTest, AccumulationAndClipping) {
  options_.accumulate = 3;
  options_.clip_norm = 1.5;
  const absl::StatusOr<Program> program = Build(kDense);
  ASSERT_TRUE(program.ok()) << program.status();
  const std::string text = program->graph.ToString();
  EXPECT_EQ(text.substr(text.find("%7")),
            "%7 = Variable() {variable=1 type=f32[2, 3]} : f32[2, 3]  # fc/weights/gradient_sum\n"
            "%8 = Accumulate(%7, %4) : f32[2, 3]  # fc/weights/gradient_sum/add [commit]\n"
            "%9 = Assign(%8) {variable=1 type=f32[2, 3]}  # fc/weights/gradient_sum/assign [commit]\n"
            "%10 = SquaredNorm(%8) : f32[]  # gradus/total_squared_norm [update]\n"
            "%11 = Input() {type=f32[]} : f32[]  # gradus/learning_rate\n"
            "%12 = ClipScale(%10) {count=3 clip_norm=1.5} : f32[]  # gradus/gradient_scale [update]\n"
            "%13 = ToyUpdate(%1, %8, %11, %12) {rate=1 decay=0} : f32[2, 3]  # fc/weights/update [update]\n"
            "%14 = Assign(%13) {variable=0 type=f32[2, 3]}  # fc/weights/assign [update]\n");
  EXPECT_EQ(program->graph.variables()[1].role, Role::kAccumulator);
  ASSERT_EQ(program->fetches.size(), 3u);
  EXPECT_EQ(program->fetches[2].name, kTotalSquaredNorm);
  EXPECT_TRUE(Verify(*program).ok()) << Verify(*program);
}

TEST_F(TrainingTest, EachLossStartsFromItsWeightOverItsElements) {
  const absl::StatusOr<Network> network = LowerText(R"(
      input { name: "x" dims: 3 }
      input { name: "label" dtype: INT32 }
      layer { name: "fc" dense { units: 2 } }
      layer { name: "sum" reduce { function: SUM } }
      loss { name: "xent" input: "fc" target: "label" softmax_cross_entropy {} }
      loss { name: "energy" input: "fc" weight: 2 value {} }
      loss { name: "scalar" input: "sum" weight: 0.25 value {} })");
  ASSERT_TRUE(network.ok()) << network.status();
  const std::vector<LossScale> scales = LossScales(*network);
  ASSERT_EQ(scales.size(), 3u);
  EXPECT_EQ(scales[0].name, "loss/xent");
  EXPECT_EQ(scales[0].factor, 0.25);
  EXPECT_EQ(scales[0].divisor, 4);
  EXPECT_EQ(scales[1].factor, 0.25);
  EXPECT_EQ(scales[1].divisor, 8);
  EXPECT_EQ(scales[2].factor, 0.25);
  EXPECT_EQ(scales[2].divisor, 1);

  const absl::StatusOr<Program> program = BuildTraining(*network, options_);
  ASSERT_TRUE(program.ok()) << program.status();
  const Graph& graph = program->graph;
  EXPECT_EQ(graph.node(graph.Find("xent/seed")).attrs.text(), "type=f32[4] value=0.25");
  EXPECT_EQ(graph.node(graph.Find("energy/seed")).attrs.text(), "type=f32[4, 2] value=0.25");
  EXPECT_EQ(graph.node(graph.Find("scalar/seed")).attrs.text(), "type=f32[] value=0.25");
  EXPECT_EQ(graph.Find("scalar/sum"), -1) << "a scalar is its own sum";
  EXPECT_EQ(graph.node(program->fetches[2].value).name, "sum");
}

constexpr char kTwoLayers[] = R"(input { name: "x" dims: 3 }
layer { name: "fc1" dense { units: 2 } }
layer { name: "fc2" dense { units: 2 } }
loss { name: "energy" value {} })";

TEST_F(TrainingTest, SettingsReachTheOptimizer) {
  std::vector<std::string> asked;
  options_.settings = [&](const std::vector<std::string>& parameters) -> absl::StatusOr<std::vector<ParamSettings>> {
    asked = parameters;
    std::vector<ParamSettings> settings(parameters.size());
    settings[1].learning_rate_scale = 2;
    settings[1].weight_decay = 0.5;
    return settings;
  };
  const absl::StatusOr<Program> program = Build(kTwoLayers);
  ASSERT_TRUE(program.ok()) << program.status();
  EXPECT_EQ(asked, (std::vector<std::string>{"fc1/weights", "fc2/weights"}));
  const Graph& graph = program->graph;
  EXPECT_EQ(graph.node(graph.Find("fc1/weights/update")).attrs.text(), "rate=1 decay=0");
  EXPECT_EQ(graph.node(graph.Find("fc2/weights/update")).attrs.text(), "rate=2 decay=0.5");

  options_.settings = [](const auto&) { return absl::InvalidArgumentError("m:7:1: pattern 'f' matches nothing"); };
  EXPECT_EQ(ErrorOf(kTwoLayers), "m:7:1: pattern 'f' matches nothing");
}

// Nothing is computed for what is frozen: neither its gradient nor what only leads to it.
TEST_F(TrainingTest, FrozenParametersAreLeftAlone) {
  options_.settings = [&](const std::vector<std::string>& parameters) -> absl::StatusOr<std::vector<ParamSettings>> {
    std::vector<ParamSettings> settings(parameters.size());
    settings[0].freeze = true;
    return settings;
  };
  const absl::StatusOr<Program> program = Build(kTwoLayers);
  ASSERT_TRUE(program.ok()) << program.status();
  EXPECT_EQ(program->gradients.size(), 1u);
  EXPECT_EQ(program->graph.Find("fc1/gradient"), -1);
  EXPECT_EQ(program->graph.Find("fc1/weights/update"), -1);
  EXPECT_EQ(program->graph.node(program->graph.Find("fc2/gradient")).op->name(), "ToyDenseWeights");
  EXPECT_EQ(program->graph.Find("fc2/gradient_2"), -1);

  options_.settings = [&](const std::vector<std::string>& parameters) -> absl::StatusOr<std::vector<ParamSettings>> {
    ParamSettings frozen;
    frozen.freeze = true;
    return std::vector<ParamSettings>(parameters.size(), frozen);
  };
  EXPECT_EQ(ErrorOf(kTwoLayers), "the model has no parameter to train (all are frozen, or no layer has any)");
}

TEST_F(TrainingTest, ParametersThatNoLossReachesAreNamed) {
  EXPECT_EQ(ErrorOf(R"(input { name: "x" dims: 3 }
layer { name: "fc1" dense { units: 2 } }
layer { name: "stop" stop_gradient {} }
layer { name: "fc2" dense { units: 2 } }
layer { name: "side" input: "fc1" dense { units: 2 } }
loss { name: "energy" input: "fc2" value {} }
output: "fc2")"),
            "m:2:1: no loss depends on parameter 'fc1/weights': give its layer a path to a loss, or freeze it with "
            "param_group { match: \"fc1/weights\" freeze: true }\n"
            "m:5:1: no loss depends on parameter 'side/weights': give its layer a path to a loss, or freeze it with "
            "param_group { match: \"side/weights\" freeze: true }");
}

TEST_F(TrainingTest, NeedsALossParametersAndAnOptimizer) {
  EXPECT_EQ(ErrorOf("input { name: 'x' dims: 3 } layer { name: 'fc' dense { units: 2 } }"),
            "the model has no loss that runs in training; add `loss { ... }` to train it");
  EXPECT_EQ(ErrorOf("input { name: 'x' dims: 3 } layer { name: 's' stop_gradient {} } loss { name: 'l' value {} }"),
            "the model has no parameter to train (all are frozen, or no layer has any)");
  Optimizer::Adam adam;
  options_.optimizer = &adam;
  EXPECT_EQ(
      ErrorOf(kDense),
      "no optimizer is registered for message 'gradus.Optimizer.Adam'; did you mean 'gradus.Optimizer.Sgd'?; is its "
      "library linked into this program?");
}

TEST_F(TrainingTest, NumbersThatMakeNoStepAreRefused) {
  options_.accumulate = 0;
  EXPECT_EQ(ErrorOf(kDense), "accumulate is 0; it must be above 0");
  options_.accumulate = 1;
  options_.clip_norm = -1;
  EXPECT_EQ(ErrorOf(kDense), "clip_norm is -1; it must be at least 0");
}

TEST_F(TrainingTest, GradientOptionsArePassedOn) {
  int finished = 0;
  options_.gradient.finished = [&](Graph*, Value, Value gradient) -> absl::StatusOr<Value> {
    ++finished;
    return gradient;
  };
  ASSERT_TRUE(Build(kTwoLayers).ok());
  EXPECT_EQ(finished, 2);
}

TEST(BuildForwardTest, FetchesLossesMetricsAndOutputs) {
  absl::StatusOr<Network> network = LowerText(R"(
      input { name: "x" dims: 3 }
      input { name: "label" dtype: INT32 }
      layer { name: "fc" dense { units: 2 } }
      loss { name: "xent" target: "label" softmax_cross_entropy {} }
      metric { name: "top1" input: "fc" target: "label" accuracy {} })",
                                              Mode::kEvaluate);
  ASSERT_TRUE(network.ok()) << network.status();
  Program program = BuildForward(*std::move(network));
  ASSERT_TRUE(RunPasses(&program).ok());
  std::vector<std::string> fetches;
  for (const NamedValue& fetch : program.fetches) {
    fetches.push_back(absl::StrCat(fetch.name, " ", program.graph.node(fetch.value).name));
  }
  EXPECT_EQ(fetches, (std::vector<std::string>{"loss/xent xent", "metric/top1 xent", "output/fc fc"}));
  EXPECT_TRUE(program.inference);
}

}  // namespace
}  // namespace gradus
