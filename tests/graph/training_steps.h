// Small networks that train, and batches for them: what tests of whole training steps share.
#ifndef GRADUS_TESTS_GRAPH_TRAINING_STEPS_H_
#define GRADUS_TESTS_GRAPH_TRAINING_STEPS_H_

#include <google/protobuf/text_format.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/random.h"
#include "core/tensor.h"
#include "graph/load_model.h"
#include "gtest/gtest.h"
#include "train/learner.h"

namespace gradus {

using Bytes = std::map<std::string, std::string>;  // by variable

inline constexpr char kModel[] = R"(
input { name: "image" dims: [3, 8, 8] }
input { name: "label" dtype: INT32 }
layer { name: "conv1" conv { filters: 20 kernel: 3 pad: 1 activation: RELU } }
layer { name: "pool1" pool { kind: MAX kernel: 2 } }
layer { name: "conv2" conv { filters: 12 kernel: 3 } }
layer { name: "fc1" dense { units: 16 activation: TANH } }
layer { name: "logits" dense { units: 5 } }
loss { name: "xent" input: "logits" target: "label" softmax_cross_entropy {} }
metric { name: "top1" input: "logits" target: "label" accuracy {} }
output: "logits")";

struct Batch {
  Tensor images, labels;
  std::vector<InputFeed> feeds() const { return {{"image", &images}, {"label", &labels}}; }
};

// Noise around a pattern for each class, all above 0.
inline Batch MakeBatch(int64_t first, int64_t count) {
  Batch batch{Tensor(TensorType{DType::kFloat32, {count, 3, 8, 8}}), Tensor(TensorType{DType::kInt32, {count}})};
  for (int64_t n = 0; n < count; ++n) {
    RandomSequence random(7, "examples", first + n);
    const int32_t label = static_cast<int32_t>(random.Below(5));
    batch.labels.values<int32_t>()[n] = label;
    for (int64_t i = 0; i < 192; ++i) {
      batch.images.values<float>()[n * 192 + i] =
          static_cast<float>(0.3 * random.Uniform() + (i % 5 == label ? 0.7 : 0));
    }
  }
  return batch;
}

inline std::unique_ptr<Learner> MakeLearner(const char* model, const std::string& training_text,
                                            const LearnerOptions& options = {}) {
  Training training;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(training_text, &training));
  if (!training.has_threads()) training.set_threads(1);
  const absl::StatusOr<LoadedModel> loaded = LoadModelText(model, "m");
  EXPECT_TRUE(loaded.ok()) << loaded.status();
  absl::StatusOr<std::unique_ptr<Learner>> learner = Learner::Create(*loaded, training, options);
  EXPECT_TRUE(learner.ok()) << learner.status();
  return learner.ok() ? *std::move(learner) : nullptr;
}

inline StepResult Step(Learner* learner, const Batch& batch, double rate = 0.1) {
  const absl::StatusOr<StepResult> result = learner->Step(batch.feeds(), rate);
  EXPECT_TRUE(result.ok()) << result.status();
  return result.ok() ? *result : StepResult();
}

inline Bytes Variables(Learner* learner) {
  Bytes bytes;
  VariableStore& store = learner->variables();
  for (int i = 0; i < store.size(); ++i) {
    const Tensor value = store.Get(i).value();
    bytes[store.variable(i).name] = std::string(reinterpret_cast<const char*>(value.data()), value.bytes());
  }
  return bytes;
}

}  // namespace gradus

#endif  // GRADUS_TESTS_GRAPH_TRAINING_STEPS_H_
