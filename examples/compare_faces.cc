// Says whether two faces are one person's: see kUsage.
#include <algorithm>
#include <cstdio>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "core/file.h"
#include "core/human.h"
#include "core/status_macros.h"
#include "data/face_crop.h"
#include "data/image_file.h"
#include "data/stream.h"
#include "examples/command_line.h"
#include "examples/evaluation_data.h"
#include "examples/text_table.h"
#include "examples/trained_model.h"
#include "train/model_variables.h"
#include "train/predictor.h"
#include "train/ranking.h"

namespace {

constexpr char kUsage[] =
    R"(Compares two faces with a model that train has made (examples/faces/similarity.train.textproto).

  compare_faces --run_dir=runs/similarity ada.jpg somebody.png
  compare_faces --run_dir=runs/similarity --box_a=30,12,95,101 group.jpg ada.jpg
  compare_faces --run_dir=runs/similarity --evaluate

Prints the similarity, the cosine of two vectors: 1 is the same, 0 has nothing to do with it. A JPEG or PNG file is one face,
as it was cut out in training, unless --box_a or --box_b says where in the first or second image the face is (detect_faces
finds it).

With --evaluate: the equal error rate over the pairs of the checkpoint's evaluation data, and how many are taken for the same
wrongly and for others wrongly at some thresholds (the receiver operating characteristic).

Exit code: 0, 1 after an error, 2 for wrong flags.)";

}  // namespace

ABSL_FLAG(std::string, run_dir, "", "folder of a run: its newest whole checkpoint");
ABSL_FLAG(std::string, checkpoint, "", "folder of a checkpoint, instead of --run_dir");
ABSL_FLAG(std::string, box_a, "", "left,top,right,bottom of the face in the first image, in pixels");
ABSL_FLAG(std::string, box_b, "", "the same in the second image");
ABSL_FLAG(bool, evaluate, false, "equal error rate over the evaluation data, instead of two images");
ABSL_FLAG(std::string, data_dir, "", "of --evaluate: folder that relative paths of data sets start from");
ABSL_FLAG(int, threads, 0, "compute threads; 0: one for each core that this process may use");

namespace gradus {
namespace {

// The model's inputs, and the columns of a data set.
constexpr const char* kFaces[] = {"image", "other"};

class Comparer {
 public:
  static absl::StatusOr<Comparer> Make(const TrainedModel& trained, int64_t batch) {
    Comparer comparer;
    GRADUS_ASSIGN_OR_RETURN(comparer.size_, FindSize(trained));
    GRADUS_ASSIGN_OR_RETURN(const std::shared_ptr<VariableStore> variables, DeclareVariables(trained));
    SessionOptions options;
    options.threads = absl::GetFlag(FLAGS_threads);
    GRADUS_ASSIGN_OR_RETURN(comparer.predictor_,
                            Predictor::Create(trained.file.model.model, variables, batch, std::move(options)));
    GRADUS_RETURN_IF_ERROR(RestoreVariables(trained.checkpoint, /*optimizer=*/false, variables.get()));
    return comparer;
  }

  // Side of the images that the model takes.
  int64_t size() const { return size_; }

  // The score of each pair: the model's first output, f32[N] or f32[N, 1].
  absl::StatusOr<Tensor> Run(const Tensor& a, const Tensor& b) {
    GRADUS_ASSIGN_OR_RETURN(std::vector<Tensor> outputs, predictor_->Run({{kFaces[0], &a}, {kFaces[1], &b}}));
    if (outputs[0].dtype() == DType::kFloat32 && outputs[0].shape().num_elements() == a.shape()[0]) {
      return std::move(outputs[0]);
    }
    return absl::FailedPreconditionError(absl::StrCat("the model's output '", predictor_->outputs()[0], "' is ",
                                                      outputs[0].type().ToString(),
                                                      "; one score for each pair is needed"));
  }

 private:
  static absl::StatusOr<int64_t> FindSize(const TrainedModel& trained) {
    int64_t size = 0;
    int found = 0;
    for (const Input& input : trained.file.model.model.model().input()) {
      if (input.name() != kFaces[0] && input.name() != kFaces[1]) continue;
      if (input.dims_size() != 3 || input.dims(0) != 3 || input.dims(1) < 1 || input.dims(1) != input.dims(2)) continue;
      size = input.dims(1);
      ++found;
    }
    if (found == 2) return size;
    return absl::FailedPreconditionError(
        "the model has no two inputs 'image' and 'other' f32[3, S, S]; is it one of similarity?");
  }

  int64_t size_ = 0;
  std::unique_ptr<Predictor> predictor_;
};

// What a flag says about the face's place in an image.
absl::StatusOr<Square> SquareOfFlag(absl::string_view name, const std::string& flag, const Tensor& image) {
  if (flag.empty()) return SquareOver(image.shape()[1], image.shape()[2]);
  const absl::Status wrong = WrongFlags(absl::StrCat("--", name, " is '", flag,
                                                     "'; it is left,top,right,bottom in pixels, inside the image's ",
                                                     image.shape()[2], " x ", image.shape()[1]));
  std::vector<float> sides;
  for (absl::string_view part : absl::StrSplit(flag, ',')) {
    float side = 0;
    if (!absl::SimpleAtof(part, &side)) return wrong;
    sides.push_back(side);
  }
  if (sides.size() != 4 ||
      !(sides[0] >= 0 && sides[1] >= 0 && sides[0] < sides[2] && sides[1] < sides[3] &&
        sides[2] <= static_cast<float>(image.shape()[2]) && sides[3] <= static_cast<float>(image.shape()[1]))) {
    return wrong;
  }
  return SquareAround({sides[0], sides[1], sides[2], sides[3]});
}

// The face as the model takes it, f32[1, 3, S, S].
absl::StatusOr<Tensor> ReadFace(const TrainedModel& trained, const std::string& path, absl::string_view box_name,
                                const std::string& box, const char* column, int64_t size) {
  GRADUS_ASSIGN_OR_RETURN(const std::string bytes, ReadFile(UserPath(path)));
  GRADUS_ASSIGN_OR_RETURN(const Tensor image, DecodeImage(path, bytes, 3));
  GRADUS_ASSIGN_OR_RETURN(const Square square, SquareOfFlag(box_name, box, image));
  Tensor face(TensorType{DType::kFloat32, {3, size, size}});
  CropSquare(image, square, size, face.values<float>().data());
  GRADUS_ASSIGN_OR_RETURN(const Tensor prepared, Preprocess(trained.evaluation, column, face));
  if (prepared.type() != face.type()) {
    return absl::FailedPreconditionError(absl::StrCat(trained.data_field, " of '", trained.checkpoint.folder(),
                                                      "' changes the size of images; that is not supported here"));
  }
  return Tensor::Of<float>({1, 3, size, size}, prepared.values<float>());
}

absl::StatusOr<int> CompareTwo(const TrainedModel& trained, const std::vector<std::string>& paths) {
  GRADUS_ASSIGN_OR_RETURN(Comparer comparer, Comparer::Make(trained, 1));
  GRADUS_ASSIGN_OR_RETURN(const Tensor a,
                          ReadFace(trained, paths[0], "box_a", absl::GetFlag(FLAGS_box_a), kFaces[0], comparer.size()));
  GRADUS_ASSIGN_OR_RETURN(const Tensor b,
                          ReadFace(trained, paths[1], "box_b", absl::GetFlag(FLAGS_box_b), kFaces[1], comparer.size()));
  GRADUS_ASSIGN_OR_RETURN(const Tensor score, comparer.Run(a, b));
  std::printf("%.4f\n", static_cast<double>(score.values<float>()[0]));
  return 0;
}

// The curve at some thresholds, from strict to lenient.
void PrintCurve(const std::vector<RocPoint>& curve) {
  TextTable table({TextTable::Align::kRight, TextTable::Align::kRight, TextTable::Align::kRight});
  table.Add({"threshold", "others accepted", "same rejected"});
  for (double most : {0.001, 0.01, 0.02, 0.05, 0.1, 0.2}) {
    const auto above =
        std::find_if(curve.begin(), curve.end(), [most](const RocPoint& p) { return p.false_accepts > most; });
    if (above == curve.begin()) continue;
    const RocPoint& point = *std::prev(above);
    table.Add({absl::StrFormat("%.3f", point.threshold), absl::StrFormat("%.2f %%", 100 * point.false_accepts),
               absl::StrFormat("%.2f %%", 100 * point.false_rejects)});
  }
  std::printf("%s\n", table.ToString().c_str());
}

absl::StatusOr<int> EvaluatePairs(const TrainedModel& trained) {
  GRADUS_ASSIGN_OR_RETURN(const std::unique_ptr<Loader> loader,
                          OpenEvaluationData(trained, absl::GetFlag(FLAGS_data_dir), 0));
  GRADUS_ASSIGN_OR_RETURN(Comparer comparer, Comparer::Make(trained, loader->options().batch_size));
  constexpr char kRemedy[] = "--evaluate needs a data set of faces with `example: PAIR`";
  const Dims face = {3, comparer.size(), comparer.size()};
  GRADUS_ASSIGN_OR_RETURN(const int a, FindColumn(trained, *loader, kFaces[0], DType::kFloat32, face, kRemedy));
  GRADUS_ASSIGN_OR_RETURN(const int b, FindColumn(trained, *loader, kFaces[1], DType::kFloat32, face, kRemedy));
  GRADUS_ASSIGN_OR_RETURN(const int same, FindColumn(trained, *loader, "same", DType::kInt32, {}, kRemedy));
  std::vector<ScoredExample> examples;
  GRADUS_RETURN_IF_ERROR(ForEachBatch(trained, loader.get(), [&](const Batch& batch) -> absl::Status {
    GRADUS_ASSIGN_OR_RETURN(const Tensor scores, comparer.Run(batch.columns[a], batch.columns[b]));
    for (int64_t n = 0; n < batch.num_examples; ++n) {
      if (batch.weights.values<float>()[n] == 0) continue;
      examples.push_back({scores.values<float>()[n], batch.columns[same].values<int32_t>()[n] == 1});
    }
    return absl::OkStatus();
  }));
  const std::vector<RocPoint> curve = RocCurve(examples);
  const EqualErrorPoint equal = EqualErrorRate(curve);
  PrintCurve(curve);
  nlohmann::ordered_json json;
  json["equal_error_rate"] = equal.rate;
  json["threshold"] = equal.threshold;
  json["area_under_roc"] = AreaUnderRoc(curve);
  json["pairs"] = examples.size();
  std::printf("%s\n", json.dump().c_str());
  return 0;
}

absl::StatusOr<int> CompareFaces(const std::vector<std::string>& arguments) {
  GRADUS_RETURN_IF_ERROR(CheckFlagRange("threads", absl::GetFlag(FLAGS_threads), 0, 1024));
  const bool evaluate = absl::GetFlag(FLAGS_evaluate);
  if (evaluate) GRADUS_RETURN_IF_ERROR(RefuseArguments(arguments));
  if (evaluate) GRADUS_RETURN_IF_ERROR(RefuseFlags({"box_a", "box_b"}, "with --evaluate"));
  if (!evaluate && arguments.size() != 2) {
    return WrongFlags(absl::StrCat("two images are compared; there are ", arguments.size()));
  }
  GRADUS_ASSIGN_OR_RETURN(const TrainedModel trained,
                          OpenTrainedModel(absl::GetFlag(FLAGS_checkpoint), absl::GetFlag(FLAGS_run_dir)));
  return evaluate ? EvaluatePairs(trained) : CompareTwo(trained, arguments);
}

}  // namespace
}  // namespace gradus

int main(int argc, char** argv) { return gradus::RunProgram(argc, argv, kUsage, gradus::CompareFaces); }
