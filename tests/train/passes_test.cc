// Every pass leaves results as they are: networks that hold every pattern train and infer with all passes, with none,
// and with each one left out; tests/examples/models_passes_test.cc does the same with the models of examples/.
//
// Most passes keep every byte. Two do not. A convolution that adds a residual or applies relu may run by another
// kernel, which adds the same terms in another order; weights with a batch norm worked in are rounded once more. A sum
// of n terms, here up to 1000, is off by some 6e-8 sqrt(n) of their typical size. What is an average over the batch (a
// loss, the norm of the gradient) moves by no more than a few roundings: 1e-6. Single outputs: 1e-5. The terms of a
// gradient cancel, so that of a single variable is good to 1e-4.
#include "graph/passes.h"

#include <google/protobuf/text_format.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/testlib/pass_comparison.h"

namespace gradus {
namespace {

// Convolutions with bias, relu, pooling, dropout; two readers of one value.
constexpr char kPlainNet[] = R"(
  input { name: "image" dims: [3, 12, 12] }
  input { name: "label" dtype: INT32 }
  layer { name: "conv1" conv { filters: 9 kernel: 3 padding: SAME activation: RELU } }
  layer { name: "pool1" pool { kernel: 2 } }
  layer { name: "left"  input: "pool1" conv { filters: 8 kernel: 1 activation: RELU } }
  layer { name: "right" input: "pool1" conv { filters: 16 kernel: 3 padding: SAME activation: RELU } }
  layer { name: "both"  input: ["left", "right"] concat { axis: 1 } }
  layer { name: "conv2" conv { filters: 20 kernel: 3 stride: 2 activation: RELU } }
  layer { name: "drop"  dropout { rate: 0.3 } }
  layer { name: "fc1"   dense { units: 30 norm { batch {} } activation: RELU } }
  layer { name: "logits" dense { units: 5 } }
  loss { name: "xent" input: "logits" target: "label" softmax_cross_entropy {} }
  output: "logits"
)";

// Batch norm and shortcuts, with and without projection; one before a convolution; one that cannot be folded.
constexpr char kResidualNet[] = R"(
  input { name: "image" dims: [3, 12, 12] }
  input { name: "label" dtype: INT32 }
  layer { name: "stem"  conv { filters: 16 kernel: 3 padding: SAME norm { batch {} } activation: RELU } }
  layer { name: "pool"  pool { kernel: 2 } }
  layer { name: "a1"    conv { filters: 16 kernel: 1 norm { batch {} } activation: RELU } }
  layer { name: "a2"    conv { filters: 16 kernel: 3 padding: SAME norm { batch {} } } }
  layer { name: "a"     input: ["a2", "pool"] binary { function: ADD } }
  layer { name: "relu_a" unary { function: RELU } }
  layer { name: "b1"    conv { filters: 12 kernel: 3 stride: 2 padding: SAME norm { batch {} } activation: RELU } }
  layer { name: "b2"    conv { filters: 24 kernel: 1 norm { batch {} } } }
  layer { name: "b0"    input: "relu_a" conv { filters: 24 kernel: 1 stride: 2 norm { batch {} } } }
  layer { name: "b"     input: ["b2", "b0"] binary { function: ADD } }
  layer { name: "relu_b" unary { function: RELU } }
  layer { name: "c0"    batch_norm {} }
  layer { name: "c1"    unary { function: RELU } }
  layer { name: "c2"    conv { filters: 24 kernel: 3 padding: SAME } }
  layer { name: "c3"    conv { filters: 24 kernel: 1 bias: false } }
  layer { name: "c"     input: ["c3", "relu_b"] binary { function: ADD } }
  layer { name: "relu_c" unary { function: RELU } }
  layer { name: "logits" dense { units: 5 } }
  loss { name: "xent" input: "logits" target: "label" softmax_cross_entropy {} }
  output: "logits"
)";

// Groups, depthwise and strided convolutions, LRN before overlapping pooling.
constexpr char kTower[] = R"(
  input { name: "image" dims: [3, 19, 19] }
  input { name: "label" dtype: INT32 }
  defaults { dense { activation: RELU } }
  layer { name: "conv1" conv { filters: 24 kernel: 5 stride: 2 activation: RELU } }
  layer { name: "norm1" lrn { size: 5 alpha: 5e-2 k: 2 } }
  layer { name: "pool1" pool { kernel: 3 stride: 2 ceil: true } }
  layer { name: "conv2" conv { filters: 32 kernel: 3 pad: 1 groups: 2 activation: RELU } }
  layer { name: "conv3" conv { filters: 32 kernel: 3 pad: 1 groups: 32 activation: RELU } }
  layer { name: "conv4" conv { filters: 16 kernel: 1 groups: 4 activation: RELU } }
  layer { name: "conv5" conv { filters: 40 kernel: 1 stride: 2 activation: RELU } }
  layer { name: "drop6" dropout { rate: 0.5 } }
  layer { name: "fc6"   dense { units: 33 } }
  layer { name: "drop7" dropout { rate: 0.5 } }
  layer { name: "fc7"   dense { units: 16 } }
  layer { name: "logits" dense { units: 5 activation: NONE } }
  loss { name: "xent" input: "logits" target: "label" softmax_cross_entropy { label_smoothing: 0.1 } }
  output: "logits"
)";

// Each kind of shortcut, with the norm and the relu before, inside and behind the sum.
constexpr char kShortcuts[] = R"(
  input { name: "image" dims: [3, 12, 12] }
  input { name: "label" dtype: INT32 }
  defaults { conv { padding: SAME norm { batch {} } activation: RELU } }
  layer { name: "stem" conv { filters: 16 kernel: 3 } }
  layer { name: "identity" residual { shortcut: IDENTITY activation: RELU
    layer { name: "a" conv { filters: 8 kernel: 1 } }
    layer { name: "b" conv { filters: 8 kernel: 3 } }
    layer { name: "c" conv { filters: 16 kernel: 1 activation: NONE } }
  } }
  layer { name: "project" residual { shortcut: PROJECT activation: RELU
    layer { name: "a" conv { filters: 24 kernel: 3 stride: 2 } }
    layer { name: "b" conv { filters: 24 kernel: 3 activation: NONE } }
  } }
  layer { name: "pad" residual { shortcut: PAD activation: RELU
    layer { name: "a" conv { filters: 32 kernel: 3 stride: 2 } }
    layer { name: "b" conv { filters: 32 kernel: 3 activation: NONE } }
  } }
  layer { name: "auto" residual {
    layer { name: "a" batch_norm {} }
    layer { name: "b" unary { function: RELU } }
    layer { name: "c" conv { filters: 32 kernel: 3 norm { none {} } activation: NONE } }
  } }
  layer { name: "late" residual { norm { batch {} } activation: RELU
    layer { name: "a" conv { filters: 32 kernel: 1 norm { none {} } } }
    layer { name: "b" conv { filters: 32 kernel: 3 groups: 2 norm { none {} } bias: false activation: NONE } }
  } }
  layer { name: "pool" pool { kind: AVERAGE global: true } }
  layer { name: "logits" dense { units: 5 } }
  loss { name: "xent" input: "logits" target: "label" softmax_cross_entropy {} }
  output: "logits"
)";

// Branches, convolutions of one input, a head that only training has, two losses of one kind.
constexpr char kBranches[] = R"(
  input { name: "image" dims: [3, 12, 12] }
  input { name: "label" dtype: INT32 }
  defaults { conv { padding: SAME activation: RELU } lrn { alpha: 1e-2 } }
  block {
    name: "inception" input: "in"
    layer { name: "out" concat {
      branch { layer { name: "1x1" conv { filters: 8 kernel: 1 } } }
      branch { layer { name: "3x3/reduce" conv { filters: 12 kernel: 1 } } layer { name: "3x3" conv { filters: 16 kernel: 3 } } }
      branch { layer { name: "5x5/reduce" conv { filters: 4 kernel: 1 } } layer { name: "5x5" conv { filters: 8 kernel: 5 } } }
      branch { layer { name: "pool" pool { kernel: 3 stride: 1 padding: SAME } } layer { name: "proj" conv { filters: 6 kernel: 1 } } }
    } }
  }
  layer { name: "stem"   conv { filters: 16 kernel: 3 } }
  layer { name: "norm"   lrn {} }
  layer { name: "mixed1" use { block: "inception" } }
  layer { name: "pool1"  pool { kernel: 3 stride: 2 padding: SAME } }
  layer { name: "mixed2" use { block: "inception" repeat: 2 } }
  layer { name: "pool2"  pool { kind: AVERAGE global: true } }
  layer { name: "drop"   dropout { rate: 0.4 } }
  layer { name: "logits" dense { units: 5 } }
  layer { name: "head/pool" input: "mixed1" only: TRAIN pool { kind: AVERAGE kernel: 5 stride: 3 } }
  layer { name: "head/conv" only: TRAIN conv { filters: 12 kernel: 1 } }
  layer { name: "head/fc" only: TRAIN dense { units: 20 activation: RELU } }
  layer { name: "head/drop" only: TRAIN dropout { rate: 0.7 } }
  layer { name: "head/logits" only: TRAIN dense { units: 5 } }
  loss { name: "main" input: "logits" target: "label" weight: 0.5 softmax_cross_entropy {} }
  loss { name: "head" input: "head/logits" target: "label" weight: 0.5 only: TRAIN softmax_cross_entropy {} }
  output: "logits"
  output: "mixed1"
)";

struct Net {
  const char* name;
  const char* model;
  const char* training;
};

const Net kNets[] = {
    {"Plain", kPlainNet, "optimizer { sgd { momentum: 0.9 } }"},
    {"Residual", kResidualNet, "optimizer { sgd { momentum: 0.9 nesterov: true } } accumulate: 2 clip_norm: 0.5"},
    {"Tower", kTower,
     "optimizer { adam {} } weight_decay: 1e-3 param_group { match: 'conv4/**' freeze: true } "
     "param_group { match: '**/bias' weight_decay: 0 learning_rate_scale: 2 }"},
    {"Shortcuts", kShortcuts, "optimizer { sgd { momentum: 0.9 } } weight_decay: 1e-3 weight_decay_l1: 1e-4"},
    {"Branches", kBranches, "optimizer { sgd {} }"},
};

PassSetting SettingOf(const Net& net) {
  PassSetting setting;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(net.training, &setting.training));
  setting.training.set_batch_size(6);
  setting.learning_rate = setting.training.optimizer().has_adam() ? 0.01 : 0.05;
  return setting;
}

class KeepResultsTest : public testing::TestWithParam<Net> {};

TEST_P(KeepResultsTest, WithAllNoneAndEachLeftOut) {
  const absl::StatusOr<LoadedModel> model = LoadModelText(GetParam().model, "model");
  ASSERT_TRUE(model.ok()) << model.status();
  const PassSetting setting = SettingOf(GetParam());
  const absl::StatusOr<PassRun> none = RunWithout({"all"}, *model, setting);
  ASSERT_TRUE(none.ok()) << none.status();
  // What trains, changes: else the test would compare nothing.
  EXPECT_GT(std::fabs(none->losses.front() - none->losses.back()), 1e-2);
  EXPECT_NE(none->first_outputs, none->last_outputs);

  std::vector<std::vector<std::string>> skips = {{}};
  for (const Pass& pass : Pipeline()) skips.push_back({pass.name});
  for (const std::vector<std::string>& skip : skips) {
    const absl::StatusOr<PassRun> run = RunWithout(skip, *model, setting);
    ASSERT_TRUE(run.ok()) << run.status();
    const PassDifference difference = Compare(*run, *none);
    SCOPED_TRACE(absl::StrCat("without ", skip.empty() ? "nothing" : skip[0], ": ", difference.ToString()));
    EXPECT_LT(difference.losses, 1e-6);
    EXPECT_LT(difference.gradient_norms, 1e-6);
    EXPECT_LT(std::max(difference.first_outputs, difference.last_outputs), 1e-5);
    EXPECT_LT(std::max(difference.first_update, difference.last_update), 1e-4);
  }
}

// One by one or many in one step: an update is the same loop over the same elements.
TEST_P(KeepResultsTest, MergedUpdatesKeepEveryByte) {
  const absl::StatusOr<LoadedModel> model = LoadModelText(GetParam().model, "model");
  ASSERT_TRUE(model.ok()) << model.status();
  const PassSetting setting = SettingOf(GetParam());
  const absl::StatusOr<PassRun> merged = RunWithout({}, *model, setting);
  const absl::StatusOr<PassRun> alone = RunWithout({"merge_updates"}, *model, setting);
  ASSERT_TRUE(merged.ok()) << merged.status();
  ASSERT_TRUE(alone.ok()) << alone.status();
  EXPECT_GT(merged->operations.at("Together"), 0);
  EXPECT_EQ(alone->operations.count("Together"), 0u);
  EXPECT_EQ(merged->losses, alone->losses);
  for (size_t i = 0; i < merged->variables.size(); ++i) {
    EXPECT_EQ(merged->variables[i].last, alone->variables[i].last) << merged->variables[i].name;
  }
}

INSTANTIATE_TEST_SUITE_P(Networks, KeepResultsTest, testing::ValuesIn(kNets),
                         [](const auto& info) { return info.param.name; });

// The networks of this test hold every pattern that there is a pass for.
TEST(KeepResultsNetworksTest, HoldEveryPattern) {
  PassRun all;
  for (const Net& net : kNets) {
    const absl::StatusOr<LoadedModel> model = LoadModelText(net.model, "model");
    ASSERT_TRUE(model.ok()) << model.status();
    PassSetting setting = SettingOf(net);
    setting.batches = 1;
    const absl::StatusOr<PassRun> run = RunWithout({}, *model, setting);
    ASSERT_TRUE(run.ok()) << run.status();
    for (const auto& [pass, count] : run->done) all.done[pass] += count;
    for (const auto& [operation, count] : run->operations) all.operations[operation] += count;
  }
  for (const Pass& pass : Pipeline()) EXPECT_GT(all.done[pass.name], 0) << pass.name << " has nothing to do";
  for (const char* made : {"FusedConv", "BatchNormRelu", "BatchNormReluBackward", "BatchNormAdd",
                           "BatchNormInferenceRelu", "SumReluBackward"}) {
    EXPECT_GT(all.operations[made], 0) << made;
  }
  // Of batch norm at inference only what no layer takes in is left, and folded weights are made outside the steps.
  EXPECT_EQ(all.operations["FoldBatchNorm"], 0);
}

}  // namespace
}  // namespace gradus
