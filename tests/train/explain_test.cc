// What a plan says about the bytes that it moves without computing anything.
#include <memory>
#include <string>

#include "absl/strings/match.h"
#include "graph/load_model.h"
#include "gtest/gtest.h"
#include "train/learner.h"

namespace gradus {
namespace {

std::string ExplainTraining(const char* model_text) {
  const absl::StatusOr<LoadedModel> model = LoadModelText(model_text, "model");
  if (!model.ok()) return model.status().ToString();
  Training training;
  training.set_batch_size(2);
  training.set_threads(2);
  std::string said;
  LearnerOptions options;
  options.passes.explain = [&](const std::string& pass, const PassLog& log) {
    if (pass != "plan") return;
    for (const std::string& line : log.missed) said += line + "\n";
  };
  const absl::StatusOr<std::unique_ptr<Learner>> learner = Learner::Create(*model, training, options);
  if (!learner.ok()) return learner.status().ToString();
  EXPECT_EQ((*learner)->plan().Explain(), said);
  return said;
}

TEST(ExplainTest, BranchesAreCopied) {
  const std::string said = ExplainTraining(R"(
    input { name: "image" dims: [8, 6, 6] }
    input { name: "label" dtype: INT32 }
    layer { name: "stem" conv { filters: 8 kernel: 3 padding: SAME } }
    layer { name: "mix" concat {
      branch { layer { name: "a" conv { filters: 8 kernel: 1 activation: RELU } } }
      branch { layer { name: "b" conv { filters: 16 kernel: 1 activation: RELU } } }
    } }
    layer { name: "logits" dense { units: 5 } }
    loss { name: "xent" input: "logits" target: "label" softmax_cross_entropy {} }
  )");
  EXPECT_TRUE(absl::StrContains(said, "1 x Concat copies 6.9 kB: kernels make dense tensors")) << said;
  EXPECT_TRUE(absl::StrContains(said, "2 x Slice copies 6.9 kB: kernels take dense tensors")) << said;
}

TEST(ExplainTest, DropoutOfImagesWantsThemPlain) {
  const std::string said = ExplainTraining(R"(
    input { name: "image" dims: [8, 6, 6] }
    input { name: "label" dtype: INT32 }
    layer { name: "conv" conv { filters: 8 kernel: 3 padding: SAME activation: RELU } }
    layer { name: "drop" dropout { rate: 0.5 } }
    layer { name: "logits" dense { units: 5 } }
    loss { name: "xent" input: "logits" target: "label" softmax_cross_entropy {} }
  )");
  EXPECT_TRUE(
      absl::StrContains(said, "wanted by drop; Dropout 'drop': its random numbers are counted in row-major order"))
      << said;
  EXPECT_TRUE(absl::StrContains(
      said, "wanted by conv/activation/gradient; Dropout 'drop/gradient': its random numbers are counted"))
      << said;
}

// x is needed again for the gradient of the weights that it meets in the first convolution.
TEST(ExplainTest, AResidualThatIsReadLaterIsCopied) {
  const std::string said = ExplainTraining(R"(
    input { name: "image" dims: [8, 6, 6] }
    input { name: "label" dtype: INT32 }
    layer { name: "stem" conv { filters: 8 kernel: 1 activation: RELU } }
    layer { name: "res" residual { activation: RELU layer { name: "a" conv { filters: 8 kernel: 1 } } } }
    layer { name: "logits" dense { units: 5 } }
    loss { name: "xent" input: "logits" target: "label" softmax_cross_entropy {} }
  )");
  EXPECT_TRUE(absl::StrContains(
      said, "FusedConv 'res/a+res+activation' copies its input 2 (2.3 kB): 'res/a/gradient_2' reads it later\n"))
      << said;
}

}  // namespace
}  // namespace gradus
