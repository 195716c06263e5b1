// The programs that the README shows, as they stand there: compiled, run, and compared with its text.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "core/random.h"
#include "core/status_macros.h"
#include "graph/load_model.h"
#include "train/learner.h"
#include "train/predictor.h"
#include "train/save_model.h"

namespace gradus {
namespace {

// Images of one bright row, whose place is the label.
void FillBatch(int step, Tensor* images, Tensor* labels) {
  RandomSequence random(1, "embedding", step);
  for (float& x : images->values<float>()) x = static_cast<float>(random.Uniform(0, 0.1));
  for (int n = 0; n < 64; ++n) {
    const auto label = static_cast<int32_t>(random.Below(10));
    labels->values<int32_t>()[n] = label;
    for (int x = 0; x < 28; ++x) images->values<float>()[(n * 28 + 2 * label + 4) * 28 + x] = 1;
  }
}

struct Trained {
  LoadedModel model;
  std::unique_ptr<Learner> learner;
  Tensor filters;
  double loss = 0;
};

absl::StatusOr<Trained> TrainAsTheReadmeDoes() {
  Tensor images({DType::kFloat32, {64, 1, 28, 28}}), labels({DType::kInt32, {64}});
  double loss = 0;
  // [train]
  GRADUS_ASSIGN_OR_RETURN(LoadedModel model, LoadModel("examples/mnist/lenet.textproto"));
  Training training;
  training.set_batch_size(64);
  training.mutable_optimizer()->mutable_sgd()->set_momentum(0.9);
  GRADUS_ASSIGN_OR_RETURN(std::unique_ptr<Learner> learner, Learner::Create(model, training));
  for (int step = 0; step < 100; ++step) {
    FillBatch(step, &images, &labels);  // yours: f32[64, 1, 28, 28] and i32[64]
    GRADUS_ASSIGN_OR_RETURN(StepResult result, learner->Step({{"image", &images}, {"label", &labels}}, 0.01));
    loss = result.loss;
  }
  GRADUS_ASSIGN_OR_RETURN(Tensor filters, learner->Value("conv1/weights"));  // f32[20, 1, 5, 5]
  GRADUS_RETURN_IF_ERROR(SaveWeights(&learner->variables(), "lenet.safetensors"));
  // [end]
  return Trained{std::move(model), std::move(learner), std::move(filters), loss};
}

absl::StatusOr<Tensor> InferAsTheReadmeDoes(const LoadedModel& model, const std::shared_ptr<VariableStore>& variables,
                                            const Tensor& image) {
  // [infer]
  GRADUS_ASSIGN_OR_RETURN(std::unique_ptr<Predictor> predictor, Predictor::Create(model.model, variables, 1));
  GRADUS_ASSIGN_OR_RETURN(std::vector<Tensor> outputs, predictor->Run({{"image", &image}}));
  // [end]
  return std::move(outputs[0]);
}

// The lines of a file between `// [name]` and `// [end]`, without their indentation.
std::string Region(const std::string& path, const std::string& name) {
  std::ifstream file(path);
  std::string line, region;
  bool inside = false;
  while (std::getline(file, line)) {
    if (line == "  // [end]") inside = false;
    if (inside) region += line.substr(std::min<size_t>(2, line.size())) + "\n";
    if (line == "  // [" + name + "]") inside = true;
  }
  return region;
}

class EmbeddingTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { trained_ = new absl::StatusOr<Trained>(TrainAsTheReadmeDoes()); }
  static absl::StatusOr<Trained>* trained_;
};
absl::StatusOr<Trained>* EmbeddingTest::trained_ = nullptr;

TEST_F(EmbeddingTest, TrainsReadsAndSaves) {
  ASSERT_TRUE(trained_->ok()) << trained_->status();
  EXPECT_LT((*trained_)->loss, 0.1);
  EXPECT_EQ((*trained_)->filters.shape(), Shape({20, 1, 5, 5}));
  VariableStore other(2);
  Training training;
  absl::StatusOr<std::unique_ptr<Learner>> learner = Learner::Create((*trained_)->model, training);
  ASSERT_TRUE(learner.ok()) << learner.status();
  const absl::Status loaded = LoadWeights("lenet.safetensors", &(*learner)->variables());
  ASSERT_TRUE(loaded.ok()) << loaded;
  const absl::StatusOr<Tensor> filters = (*learner)->Value("conv1/weights");
  ASSERT_TRUE(filters.ok()) << filters.status();
  EXPECT_THAT(filters->values<float>(), testing::ElementsAreArray((*trained_)->filters.values<float>()));
  EXPECT_EQ((*learner)->Value("conv1/weight").status().message(),
            "the model has no variable 'conv1/weight'; did you mean 'conv1/weights'?");
}

TEST_F(EmbeddingTest, InfersFromSeveralThreadsOverOneSetOfWeights) {
  ASSERT_TRUE(trained_->ok()) << trained_->status();
  Tensor images({DType::kFloat32, {64, 1, 28, 28}}), labels({DType::kInt32, {64}});
  FillBatch(1000, &images, &labels);
  std::vector<int> right(4, 0);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int n = 16 * t; n < 16 * t + 8; ++n) {
        const Tensor image = Tensor::Of<float>({1, 1, 28, 28}, images.values<float>().subspan(n * 784, 784));
        const absl::StatusOr<Tensor> logits =
            InferAsTheReadmeDoes((*trained_)->model, (*trained_)->learner->shared_variables(), image);
        if (!logits.ok()) continue;
        const auto values = logits->values<float>();
        right[t] += std::max_element(values.begin(), values.end()) - values.begin() == labels.values<int32_t>()[n];
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (int t = 0; t < 4; ++t) EXPECT_EQ(right[t], 8) << "thread " << t;
}

TEST_F(EmbeddingTest, BuildsAModelInCode) {
  Model model;
  Input* image = model.add_input();
  image->set_name("x");
  image->add_dims(4);
  Layer* dense = model.add_layer();
  dense->set_name("y");
  dense->mutable_dense()->set_units(3);
  const absl::StatusOr<LoadedModel> built = ModelFromProto(model);
  ASSERT_TRUE(built.ok()) << built.status();
  const Tensor x({DType::kFloat32, {1, 4}});
  const absl::StatusOr<Tensor> y = [&]() -> absl::StatusOr<Tensor> {
    GRADUS_ASSIGN_OR_RETURN(std::unique_ptr<Predictor> predictor,
                            Predictor::Create(built->model, std::make_shared<VariableStore>(), 1));
    GRADUS_ASSIGN_OR_RETURN(std::vector<Tensor> outputs, predictor->Run({{"x", &x}}));
    return std::move(outputs[0]);
  }();
  ASSERT_TRUE(y.ok()) << y.status();
  EXPECT_EQ(y->shape(), Shape({1, 3}));
}

TEST_F(EmbeddingTest, ReadmeShowsWhatIsCompiledHere) {
  std::ifstream file("README.md");
  std::stringstream readme;
  readme << file.rdbuf();
  for (const char* name : {"train", "infer"}) {
    const std::string region = Region("tests/embedding/embedding_test.cc", name);
    ASSERT_FALSE(region.empty()) << name;
    EXPECT_THAT(readme.str(), testing::HasSubstr("```cpp\n" + region + "```")) << name;
  }
}

}  // namespace
}  // namespace gradus
