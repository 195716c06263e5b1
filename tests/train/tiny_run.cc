#include "tests/train/tiny_run.h"

#include <algorithm>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "core/check.h"
#include "core/status_macros.h"
#include "data/memory_dataset.h"
#include "tests/testlib/scratch_folder.h"

namespace gradus {

const char kLineModel[] = R"(name: "line"
input { name: "x" dims: [1] }
layer { name: "line" dense { units: 1 bias: false weights_init { constant { value: 1 } } } }
loss { name: "y" value {} }
)";

const char kDigitsModel[] = R"(name: "digits"
input { name: "image" dims: [1, 28, 28] }
input { name: "label" dtype: INT32 }
layer { name: "conv" conv { filters: 4 kernel: 5 stride: 2 norm { batch {} } activation: RELU } }
layer { name: "pool" pool { kernel: 2 } }
layer { name: "drop" dropout { rate: 0.3 } }
layer { name: "logits" dense { units: 10 } }
loss { name: "xent" input: "logits" target: "label" softmax_cross_entropy {} }
metric { name: "top1" input: "logits" target: "label" accuracy {} }
)";

const char kDigitsTraining[] = R"(model: "digits.textproto"
train_data { synthetic_digits { examples: 90 } transform { random_crop { pad: 2 } } }
eval_data { synthetic_digits { examples: 30 split: TEST } }
batch_size: 16
eval_batch_size: 8
steps: 12
optimizer { sgd { momentum: 0.9 } }
threads: 1
log_every_steps: 1
)";

std::shared_ptr<Dataset> Numbers(const std::vector<float>& x) {
  Tensor values(TensorType{DType::kFloat32, {static_cast<int64_t>(x.size()), 1}});
  std::copy(x.begin(), x.end(), values.values<float>().begin());
  auto dataset = std::make_shared<MemoryDataset>();
  GRADUS_CHECK(dataset->Add("x", std::move(values)).ok());
  return dataset;
}

absl::StatusOr<std::unique_ptr<Trainer>> TinyRun::Create() const {
  GRADUS_ASSIGN_OR_RETURN(TrainingFile file,
                          LoadTrainingText(training, "train.textproto", model, "model.textproto", overrides));
  return Trainer::Create(std::move(file), options);
}

absl::StatusOr<TrainResult> TinyRun::Run() {
  GRADUS_ASSIGN_OR_RETURN(trainer, Create());
  return trainer->Run();
}

std::string TinyRun::Error() { return std::string(Run().status().message()); }

TinyRun TinyRun::Line(const std::vector<float>& x, const std::string& text, const std::string& run_dir) {
  TinyRun run;
  run.training = absl::StrCat(
      "model: \"line.textproto\" train_data { shuffle: false } batch_size: 2 learning_rate: 1 threads: 1 ", text);
  run.options.train_dataset = Numbers(x);
  run.options.run_dir = run_dir;
  return run;
}

TinyRun TinyRun::Digits(const std::string& text, const std::string& run_dir) {
  TinyRun run;
  run.model = kDigitsModel;
  run.training = absl::StrCat(kDigitsTraining, text);
  run.options.run_dir = run_dir;
  return run;
}

float TinyRun::Weight() const {
  VariableStore& variables = trainer->learner().variables();
  return variables.Get(variables.Find("line/weights"))->values<float>()[0];
}

std::vector<nlohmann::ordered_json> Metrics(const std::string& run_dir) {
  std::vector<nlohmann::ordered_json> lines;
  for (absl::string_view line : absl::StrSplit(GetFile(run_dir + "/metrics.jsonl"), '\n', absl::SkipEmpty())) {
    lines.push_back(nlohmann::ordered_json::parse(line.begin(), line.end()));
  }
  return lines;
}

std::vector<int64_t> StepsWith(const std::string& run_dir, const std::string& key) {
  std::vector<int64_t> steps;
  for (const auto& line : Metrics(run_dir)) {
    if (line.contains(key)) steps.push_back(line["step"].get<int64_t>());
  }
  return steps;
}

std::string CheckpointBytes(const std::string& run_dir, int64_t step, bool with_state) {
  const std::string folder = CheckpointFolder(run_dir, step);
  if (!std::filesystem::exists(folder)) return "";
  std::string bytes;
  for (const char* name : {"model.safetensors", "optimizer.safetensors", "state.textproto"}) {
    if (!with_state && name == absl::string_view("state.textproto")) continue;
    absl::StrAppend(&bytes, name, "\n", GetFile(absl::StrCat(folder, "/", name)));
  }
  return bytes;
}

}  // namespace gradus
