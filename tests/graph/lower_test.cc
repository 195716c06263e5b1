#include "graph/lower.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "graph/load_model.h"
#include "gtest/gtest.h"

namespace gradus {
namespace {

absl::StatusOr<Network> LowerText(absl::string_view text, const LowerOptions& options) {
  absl::StatusOr<LoadedModel> loaded = LoadModelText(text, "m");
  if (!loaded.ok()) return loaded.status();
  return Lower(loaded->model, options);
}

absl::StatusOr<Network> LowerText(absl::string_view text, Mode mode = Mode::kTrain) {
  LowerOptions options;
  options.mode = mode;
  options.batch = 4;
  return LowerText(text, options);
}

std::string ErrorOf(absl::string_view text, const LowerOptions& options) {
  return std::string(LowerText(text, options).status().message());
}

std::string ErrorOf(absl::string_view text, Mode mode = Mode::kTrain) {
  return std::string(LowerText(text, mode).status().message());
}

constexpr char kModel[] = R"(
input { name: "x" dims: 3 }
input { name: "label" dtype: INT32 }
layer { name: "fc" dense { units: 2 } }
layer { name: "norm" batch_norm {} }
layer { name: "drop" dropout {} }
layer { name: "aux" input: "fc" dense { units: 5 } only: TRAIN }
layer { name: "seen" input: "fc" dense { units: 6 } only: EVALUATE }
layer { name: "logits" input: "drop" dense { units: 2 } }
loss { name: "xent" input: "logits" target: "label" softmax_cross_entropy {} }
loss { name: "aux_energy" input: "aux" weight: 0.3 value {} only: TRAIN }
metric { name: "top1" input: "logits" target: "label" accuracy {} }
output: "logits"
)";

TEST(LowerTest, ForTraining) {
  const absl::StatusOr<Network> network = LowerText(kModel);
  ASSERT_TRUE(network.ok()) << network.status();
  EXPECT_EQ(network->graph.ToString(),
            "%0 = Input() {type=f32[4, 3]} : f32[4, 3]  # x\n"
            "%1 = Input() {type=i32[4]} : i32[4]  # label\n"
            "%2 = Variable() {variable=0 type=f32[2, 3]} : f32[2, 3]  # fc/weights\n"
            "%3 = ToyDense(%0, %2) : f32[4, 2]  # fc\n"
            "%4 = Variable() {variable=1 type=f32[]} : f32[]  # norm/mean\n"
            "%5 = ToySum(%3) : f32[]  # norm/batch_mean\n"
            "%6 = ToyScale(%5) {factor=0.10000000000000001} : f32[]  # norm/mean/next [commit]\n"
            "%7 = Assign(%6) {variable=1 type=f32[]}  # norm/mean/assign [commit]\n"
            "%8 = ToyMultiply(%3, %5) : f32[4, 2]  # norm\n"
            "%9 = ToyNoise(%8) : f32[4, 2]  # drop\n"
            "%10 = Variable() {variable=2 type=f32[5, 2]} : f32[5, 2]  # aux/weights\n"
            "%11 = ToyDense(%3, %10) : f32[4, 5]  # aux\n"
            "%12 = Variable() {variable=3 type=f32[2, 2]} : f32[2, 2]  # logits/weights\n"
            "%13 = ToyDense(%9, %12) : f32[4, 2]  # logits\n"
            "%14 = ToyCrossEntropy(%13, %1) : f32[4]  # xent\n");
  ASSERT_EQ(network->losses.size(), 2u);
  EXPECT_EQ(network->losses[0].name, "xent");
  EXPECT_EQ(network->losses[0].weight, 1);
  EXPECT_EQ(network->losses[0].values, (Value{14, 0}));
  EXPECT_EQ(network->losses[1].weight, 0.3);
  EXPECT_EQ(network->losses[1].values, (Value{11, 0})) << "a loss without target may be a layer itself";
  EXPECT_EQ(network->losses[1].where.ToString(), "m:11:1");
  EXPECT_TRUE(network->metrics.empty());
  EXPECT_EQ(network->outputs[0].value, (Value{13, 0}));
  EXPECT_EQ(network->graph.variables()[0].role, Role::kParameter);
  EXPECT_EQ(network->graph.variables()[0].fan_in, 3);
  EXPECT_EQ(network->graph.variables()[1].role, Role::kState);
  ASSERT_EQ(network->layers.size(), 5u);
  EXPECT_EQ(network->layers[0].name, "fc");
  EXPECT_EQ(network->layers[0].kind, "dense");
  EXPECT_EQ(network->layers[0].first_node, 2);
  EXPECT_EQ(network->layers[0].last_node, 4);
  EXPECT_EQ(network->layers[0].where.ToString(), "m:4:1");
  EXPECT_EQ(network->graph.node(3).where.ToString(), "m:4:1");
}

TEST(LowerTest, ForEvaluation) {
  const absl::StatusOr<Network> network = LowerText(kModel, Mode::kEvaluate);
  ASSERT_TRUE(network.ok()) << network.status();
  EXPECT_EQ(network->graph.ToString(),
            "%0 = Input() {type=f32[4, 3]} : f32[4, 3]  # x\n"
            "%1 = Input() {type=i32[4]} : i32[4]  # label\n"
            "%2 = Variable() {variable=0 type=f32[2, 3]} : f32[2, 3]  # fc/weights\n"
            "%3 = ToyDense(%0, %2) : f32[4, 2]  # fc\n"
            "%4 = Variable() {variable=1 type=f32[]} : f32[]  # norm/mean\n"
            "%5 = ToyMultiply(%3, %4) : f32[4, 2]  # norm\n"
            "%6 = Variable() {variable=2 type=f32[6, 2]} : f32[6, 2]  # seen/weights\n"
            "%7 = ToyDense(%3, %6) : f32[4, 6]  # seen\n"
            "%8 = Variable() {variable=3 type=f32[2, 2]} : f32[2, 2]  # logits/weights\n"
            "%9 = ToyDense(%5, %8) : f32[4, 2]  # logits\n"
            "%10 = ToyCrossEntropy(%9, %1) : f32[4]  # xent\n"
            "%11 = ToyCrossEntropy(%9, %1) : f32[4]  # top1\n");
  EXPECT_EQ(network->losses.size(), 1u);
  ASSERT_EQ(network->metrics.size(), 1u);
  EXPECT_EQ(network->metrics[0].values, (Value{11, 0}));
  EXPECT_NE(network->metrics[0].entry, nullptr);
}

TEST(LowerTest, ForInference) {
  const absl::StatusOr<Network> network = LowerText(kModel, Mode::kInfer);
  ASSERT_TRUE(network.ok()) << network.status();
  EXPECT_TRUE(network->losses.empty());
  EXPECT_TRUE(network->metrics.empty());
  EXPECT_EQ(network->graph.FindVariable("aux/weights"), -1);
  EXPECT_EQ(network->graph.FindVariable("seen/weights"), -1);
  EXPECT_EQ(network->inputs.size(), 2u);
  EXPECT_EQ(network->outputs[0].name, "logits");
}

TEST(LowerTest, ScalarLosses) {
  const absl::StatusOr<Network> network = LowerText(R"(
      input { name: "x" dims: 3 }
      layer { name: "sum" reduce { function: SUM } }
      loss { name: "energy" value {} })");
  ASSERT_TRUE(network.ok()) << network.status();
  EXPECT_EQ(network->graph.type(network->losses[0].values).ToString(), "f32[]");
}

TEST(LowerTest, SecondOutputsHaveNames) {
  const absl::StatusOr<Network> network = LowerText(R"(
      input { name: "x" dims: 3 }
      layer { name: "both" slice {} }
      layer { name: "product" input: ["both", "both.twice"] binary {} }
      output: "both.twice"
      output: "product")");
  ASSERT_TRUE(network.ok()) << network.status();
  EXPECT_EQ(network->outputs[0].value, (Value{1, 1}));
  EXPECT_EQ(network->graph.node(2).inputs, (std::vector<Value>{{1, 0}, {1, 1}}));
  EXPECT_EQ(ErrorOf(R"(input { name: "x" dims: 3 }
layer { name: "both" slice {} }
layer { name: "fc" input: "both.twise" dense { units: 2 } }
output: "both.thrice")"),
            "m:3:20: no input or layer gives 'both.twise'; did you mean 'both.twice'?\n"
            "m:4:1: no input or layer gives 'both.thrice'; did you mean 'both.twice'?");
}

TEST(LowerTest, ReportsAllMistakesAtOnceWithTheirInputs) {
  EXPECT_EQ(ErrorOf(R"(input { name: "x" dims: 3 }
input { name: "label" dtype: INT32 }
layer { name: "a" dense { units: 0 } }
layer { name: "after_a" dense { units: 2 } }
layer { name: "flat" input: "label" dense { units: 2 } }
layer { name: "good" input: "x" dense { units: 4 } }
layer { name: "odd" input: ["good", "x"] binary {} }
layer { name: "one" input: "good" binary {} }
layer { name: "max" input: "x" pool {} }
loss { name: "xent" input: "good" target: "x" softmax_cross_entropy {} }
loss { name: "lonely" input: "good" softmax_cross_entropy {} }
loss { name: "energy" input: "good" target: "label" value {} }
loss { name: "after" input: "after_a" value {} }
metric { name: "mse" input: "good" target: "x" mean_squared_error {} }
output: "good")"),
            "m:3:27: 'a': units is 0; it must be above 0\n"
            "  its input 'x' is f32[4, 3], from m:1:1\n"
            "m:5:37: 'flat': expected f32[N, I]\n"
            "  its input 'label' is i32[4], from m:2:1\n"
            "m:7:1: 'odd': ToyMultiply(f32[4, 4], f32[4, 3]): shapes [4, 4] and [4, 3] do not broadcast to each other\n"
            "  its input 'good' is f32[4, 4], from m:6:1\n"
            "  its input 'x' is f32[4, 3], from m:1:1\n"
            "m:8:35: 'one': takes 2 inputs; it has 1\n"
            "  its input 'good' is f32[4, 4], from m:6:1\n"
            "m:9:1: no layer is registered for message 'gradus.Pool'; is its library linked into this program?\n"
            "m:10:1: 'xent': ToyCrossEntropy(f32[4, 4], f32[4, 3]): expected f32[N, C] and i32[N]; got f32[4, 4] and "
            "f32[4, 3]\n"
            "  its input 'good' is f32[4, 4], from m:6:1\n"
            "  its input 'x' is f32[4, 3], from m:1:1\n"
            "m:11:37: 'lonely': needs a target: the input or layer that its input is compared with\n"
            "  its input 'good' is f32[4, 4], from m:6:1\n"
            "m:12:53: 'energy': takes no target\n"
            "  its input 'good' is f32[4, 4], from m:6:1\n"
            "  its input 'label' is i32[4], from m:2:1");
}

TEST(LowerTest, LossesAndMetricsHaveToBeNumbers) {
  constexpr char kText[] = R"(input { name: "x" dims: 3 }
input { name: "label" dtype: INT32 }
layer { name: "same" input: "label" stop_gradient {} }
layer { name: "sum" input: "x" reduce { function: SUM } }
loss { name: "energy" input: "same" value {} }
metric { name: "top1" input: "sum" mean {} }
output: "same")";
  EXPECT_EQ(ErrorOf(kText),
            "m:5:1: 'energy' gives i32[4]; a loss has to be f32\n"
            "  its input 'same' is i32[4], from m:3:1");
  EXPECT_EQ(ErrorOf(kText, Mode::kEvaluate),
            "m:5:1: 'energy' gives i32[4]; a loss has to be f32\n"
            "  its input 'same' is i32[4], from m:3:1\n"
            "m:6:1: 'top1' gives f32[]; a metric needs one value for each of the 4 examples");
}

TEST(LowerTest, BindsFreeDimensions) {
  constexpr char kText[] = R"(input { name: "x" dims: [-1, 7] }
layer { name: "same" stop_gradient {} })";
  EXPECT_EQ(ErrorOf(kText), "m:1:1: input 'x' has a free dimension (-1), which has to be given");
  LowerOptions options;
  options.batch = 2;
  options.input_dims["x"] = Shape({5, 7});
  const absl::StatusOr<Network> network = LowerText(kText, options);
  ASSERT_TRUE(network.ok()) << network.status();
  EXPECT_EQ(network->graph.type(network->inputs[0].value).ToString(), "f32[2, 5, 7]");
  options.input_dims["x"] = Shape({5, 8});
  EXPECT_EQ(ErrorOf(kText, options), "m:1:1: input 'x' is [5, 8] per example, but the model says [-1, 7]");
  options.input_dims = {{"y", Shape({5, 7})}};
  EXPECT_EQ(ErrorOf(kText, options),
            "there is no input 'y' to give dimensions; known: x\n"
            "m:1:1: input 'x' has a free dimension (-1), which has to be given");
}

TEST(LowerTest, RefusesBatchesThatCannotBe) {
  constexpr char kText[] = R"(input { name: "x" dims: 3000000 }
layer { name: "same" stop_gradient {} })";
  LowerOptions options;
  options.batch = 0;
  EXPECT_EQ(ErrorOf(kText, options), "the batch size is 0; it must be above 0");
  options.batch = int64_t{1} << 60;
  EXPECT_EQ(ErrorOf(kText, options).rfind("m:1:1: input 'x': ", 0), 0u);
}

}  // namespace
}  // namespace gradus
