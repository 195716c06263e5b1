// Classifies images with a checkpoint: see kUsage.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "core/status_macros.h"
#include "examples/class_name.h"
#include "examples/command_line.h"
#include "examples/model_image.h"
#include "examples/text_table.h"
#include "examples/trained_model.h"
#include "train/model_variables.h"
#include "train/predictor.h"

namespace {

constexpr char kUsage[] = R"(Classifies JPEG and PNG images with a checkpoint.

  predict --checkpoint=runs/lenet/checkpoints/best three.png
  predict --run_dir=runs/resnet50 --top=3 photos/*.jpg
  predict --run_dir=runs/lenet --json images/*.png > predictions.jsonl

An image is prepared as the checkpoint's evaluation data were (resized, cropped in the middle, normalised). Where those
were never resized or cropped, its size has to be that of the training images. Colours become grey, and grey colours,
where the model wants it. The training images decide what is foreground: MNIST's digits are white on black.

For each image the likeliest classes with their probabilities, the softmax of the model's output. With --json a line
for each image: {"image": ..., "classes": [{"class": 3, "name": "3", "probability": 0.98}, ...]}.

Images that cannot be used are reported at the end and do not stop the others.

Exit code: 0, 1 after an error, 2 for wrong flags.)";

}  // namespace

ABSL_FLAG(std::string, run_dir, "", "folder of a run: its newest whole checkpoint");
ABSL_FLAG(std::string, checkpoint, "", "folder of a checkpoint, instead of --run_dir");
ABSL_FLAG(int64_t, top, 5, "how many classes to print for each image");
ABSL_FLAG(bool, json, false, "one JSON object a line, for programs");
ABSL_FLAG(int, threads, 0, "compute threads; 0: one for each core that this process may use");

namespace gradus {
namespace {

// Whether the layer gives probabilities already.
bool IsSoftmax(const Model& model, const std::string& layer) {
  return std::any_of(model.layer().begin(), model.layer().end(),
                     [&layer](const Layer& l) { return l.name() == layer && l.has_softmax(); });
}

// exp(x - max) / sum, in double.
std::vector<double> Softmax(absl::Span<const float> logits) {
  const float largest = *std::max_element(logits.begin(), logits.end());
  std::vector<double> result;
  for (float logit : logits) result.push_back(std::exp(static_cast<double>(logit) - largest));
  const double sum = std::accumulate(result.begin(), result.end(), 0.0);
  for (double& value : result) value /= sum;
  return result;
}

class Classifier {
 public:
  static absl::StatusOr<Classifier> Make(const TrainedModel* trained) {
    GRADUS_ASSIGN_OR_RETURN(ModelImage input, FindModelImage(trained->file, "predict"));
    GRADUS_ASSIGN_OR_RETURN(std::shared_ptr<VariableStore> variables, DeclareVariables(*trained));
    SessionOptions options;
    options.threads = absl::GetFlag(FLAGS_threads);
    GRADUS_ASSIGN_OR_RETURN(std::unique_ptr<Predictor> predictor,
                            Predictor::Create(trained->file.model.model, variables, 1, std::move(options)));
    GRADUS_RETURN_IF_ERROR(RestoreVariables(trained->checkpoint, /*optimizer=*/false, variables.get()));
    return Classifier(trained, std::move(input), std::move(predictor));
  }

  // The probability of each class.
  absl::StatusOr<std::vector<double>> Classify(const std::string& image) {
    GRADUS_ASSIGN_OR_RETURN(const Tensor prepared, ReadModelImage(*trained_, input_, image));
    const Shape& shape = prepared.shape();
    const Tensor batch = Tensor::Of<float>(Shape{1, shape[0], shape[1], shape[2]}, prepared.values<float>());
    GRADUS_ASSIGN_OR_RETURN(const std::vector<Tensor> outputs, predictor_->Run({{input_.name, &batch}}));
    const std::string& name = predictor_->outputs()[0];
    const Tensor& output = outputs[0];
    if (output.dtype() != DType::kFloat32 || output.shape().rank() != 2 || output.shape()[1] < 1) {
      return absl::FailedPreconditionError(absl::StrCat("the model's output '", name, "' is ", output.type().ToString(),
                                                        "; predict needs f32[1, classes]"));
    }
    const absl::Span<const float> values = output.values<float>();
    if (IsSoftmax(trained_->file.model.model.model(), name)) return std::vector<double>(values.begin(), values.end());
    return Softmax(values);
  }

 private:
  Classifier(const TrainedModel* trained, ModelImage input, std::unique_ptr<Predictor> predictor)
      : trained_(trained), input_(std::move(input)), predictor_(std::move(predictor)) {}

  const TrainedModel* trained_;
  ModelImage input_;
  std::unique_ptr<Predictor> predictor_;
};

// The `top` likeliest classes, of equal ones the lower first.
std::vector<int64_t> Likeliest(const std::vector<double>& probabilities, int64_t top) {
  std::vector<int64_t> classes(probabilities.size());
  std::iota(classes.begin(), classes.end(), 0);
  std::stable_sort(classes.begin(), classes.end(),
                   [&](int64_t a, int64_t b) { return probabilities[a] > probabilities[b]; });
  classes.resize(std::min<int64_t>(top, static_cast<int64_t>(classes.size())));
  return classes;
}

void Print(const std::string& image, const std::vector<double>& probabilities, const TrainedModel& trained) {
  const auto name = [&trained](int64_t i) { return ClassName(trained.class_names, i); };
  TextTable table({TextTable::Align::kLeft, TextTable::Align::kRight});
  nlohmann::ordered_json json;
  json["image"] = image;
  json["classes"] = nlohmann::ordered_json::array();
  for (int64_t i : Likeliest(probabilities, absl::GetFlag(FLAGS_top))) {
    table.Add({absl::StrCat("  ", name(i)), absl::StrFormat("%.2f %%", 100 * probabilities[i])});
    json["classes"].push_back({{"class", i}, {"name", name(i)}, {"probability", probabilities[i]}});
  }
  if (absl::GetFlag(FLAGS_json)) {
    // Names of files may be any bytes.
    std::printf("%s\n", json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
  } else {
    std::printf("%s\n%s", image.c_str(), table.ToString().c_str());
  }
}

absl::StatusOr<int> Predict(const std::vector<std::string>& images) {
  GRADUS_RETURN_IF_ERROR(CheckFlagRange("top", absl::GetFlag(FLAGS_top), 1));
  GRADUS_RETURN_IF_ERROR(CheckFlagRange("threads", absl::GetFlag(FLAGS_threads), 0, 1024));
  if (images.empty()) return WrongFlags("no image is given");
  GRADUS_ASSIGN_OR_RETURN(const TrainedModel trained,
                          OpenTrainedModel(absl::GetFlag(FLAGS_checkpoint), absl::GetFlag(FLAGS_run_dir)));
  GRADUS_ASSIGN_OR_RETURN(Classifier classifier, Classifier::Make(&trained));
  std::vector<std::string> errors;
  for (const std::string& image : images) {
    const absl::StatusOr<std::vector<double>> probabilities = classifier.Classify(image);
    if (probabilities.ok()) {
      Print(image, *probabilities, trained);
    } else {
      errors.push_back(std::string(probabilities.status().message()));
    }
  }
  if (!errors.empty()) return absl::InvalidArgumentError(absl::StrJoin(errors, "\n"));
  return 0;
}

}  // namespace
}  // namespace gradus

int main(int argc, char** argv) { return gradus::RunProgram(argc, argv, kUsage, gradus::Predict); }
