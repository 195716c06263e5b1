// Finds faces in a picture with a trained detector: see kUsage.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "core/file.h"
#include "core/human.h"
#include "core/status_macros.h"
#include "data/image_file.h"
#include "data/png.h"
#include "data/stream.h"
#include "examples/command_line.h"
#include "examples/evaluation_data.h"
#include "examples/face_detections.h"
#include "examples/marks.h"
#include "examples/trained_model.h"
#include "graph/lower.h"
#include "train/model_variables.h"
#include "train/predictor.h"

namespace {

constexpr char kUsage[] =
    R"(Finds faces in a JPEG or PNG image with a detector that train has made (examples/faces/detection.train.textproto).

  detect_faces --run_dir=runs/detection --image=people.jpg --output=found.png
  detect_faces --run_dir=runs/detection --evaluate

Prints box, probability and landmarks of each face, in the file's pixels, as a JSON object a line, and draws them into a PNG
of the image's size. The image may have any size; faces are found in the sizes that the detector was trained on (--scale
enlarges or shrinks what the detector sees).

With --evaluate: the average precision over the checkpoint's evaluation data. A detection is right when its intersection
over union with a face's box is at least 0.5; precision is interpolated as in PASCAL VOC 2010.

Exit code: 0, 1 after an error, 2 for wrong flags.)";

}  // namespace

ABSL_FLAG(std::string, run_dir, "", "folder of a run: its newest whole checkpoint");
ABSL_FLAG(std::string, checkpoint, "", "folder of a checkpoint, instead of --run_dir");
ABSL_FLAG(std::string, image, "", "JPEG or PNG file");
ABSL_FLAG(std::string, output, "", "PNG file to write; empty: none");
ABSL_FLAG(double, scale, 1, "the detector sees the image resized by this factor");
ABSL_FLAG(double, threshold, 0.5, "least probability of a face");
ABSL_FLAG(double, overlap, 0.4, "of two boxes whose intersection over union is larger, the better one stays");
ABSL_FLAG(bool, evaluate, false, "average precision over the evaluation data, instead of --image");
ABSL_FLAG(std::string, data_dir, "", "of --evaluate: folder that relative paths of data sets start from");
ABSL_FLAG(int, threads, 0, "compute threads; 0: one for each core that this process may use");

namespace gradus {
namespace {

constexpr char kImage[] = "image";  // the model's input, and the data set's column

// The model's inputs for images of this shape; other free dimensions are `cells`.
absl::StatusOr<InputDims> DimsFor(const TrainedModel& trained, const Shape& image, int64_t cells) {
  InputDims dims;
  for (const Input& input : trained.file.model.model.model().input()) {
    Dims bound(input.dims().begin(), input.dims().end());
    if (input.name() == kImage && bound != Dims{3, -1, -1}) {
      return absl::FailedPreconditionError(absl::StrCat("the model's input 'image' is [", absl::StrJoin(bound, ", "),
                                                        "], not [3, -1, -1]; is it a detector?"));
    }
    std::replace(bound.begin(), bound.end(), int64_t{-1}, cells);
    GRADUS_ASSIGN_OR_RETURN(dims[input.name()], Shape::Make(bound));
  }
  if (dims.find(kImage) == dims.end()) {
    return absl::FailedPreconditionError("the model has no input 'image'; is it a detector?");
  }
  dims[kImage] = image;
  return dims;
}

// Dimensions that the model can be lowered with for training, too, where the maps that it learns from have the size of
// those that it gives.
absl::StatusOr<InputDims> MatchingDims(const TrainedModel& trained) {
  constexpr int64_t kSide = 64;
  LowerOptions options;
  options.mode = Mode::kInfer;
  GRADUS_ASSIGN_OR_RETURN(options.input_dims, DimsFor(trained, {3, kSide, kSide}, 1));
  GRADUS_ASSIGN_OR_RETURN(const Network network, Lower(trained.file.model.model, options));
  for (const NamedValue& output : network.outputs) {
    const Shape& shape = network.graph.type(output.value).shape;
    if (output.name == "face" && shape.rank() == 4) return DimsFor(trained, {3, kSide, kSide}, shape[1]);
  }
  return absl::FailedPreconditionError("the model has no output 'face' f32[N, h, w, 1]; is it a detector?");
}

// A detector for images of one size, f32[3, height, width].
class Detector {
 public:
  static absl::StatusOr<Detector> Make(const TrainedModel& trained, int64_t batch, const Shape& image) {
    GRADUS_ASSIGN_OR_RETURN(const InputDims matching, MatchingDims(trained));
    GRADUS_ASSIGN_OR_RETURN(const std::shared_ptr<VariableStore> variables, DeclareVariables(trained, matching));
    GRADUS_ASSIGN_OR_RETURN(InputDims dims, DimsFor(trained, image, 1));
    SessionOptions options;
    options.threads = absl::GetFlag(FLAGS_threads);
    Detector detector;
    GRADUS_ASSIGN_OR_RETURN(detector.predictor_, Predictor::Create(trained.file.model.model, variables, batch,
                                                                   std::move(options), std::move(dims)));
    GRADUS_RETURN_IF_ERROR(RestoreVariables(trained.checkpoint, /*optimizer=*/false, variables.get()));
    return detector;
  }

  absl::StatusOr<DetectorOutput> Run(const Tensor& images) {
    GRADUS_ASSIGN_OR_RETURN(std::vector<Tensor> outputs, predictor_->Run({{kImage, &images}}));
    DetectorOutput output;
    for (size_t i = 0; i < outputs.size(); ++i) {
      const std::string& name = predictor_->outputs()[i];
      if (name == "face") output.face = std::move(outputs[i]);
      if (name == "box") output.box = std::move(outputs[i]);
      if (name == "points") output.points = std::move(outputs[i]);
    }
    GRADUS_RETURN_IF_ERROR(CheckDetectorOutput(output));
    return output;
  }

 private:
  std::unique_ptr<Predictor> predictor_;
};

DetectionOptions OptionsOfFlags() { return {absl::GetFlag(FLAGS_threshold), absl::GetFlag(FLAGS_overlap)}; }

// f32[1, 3, H, W] of the image, resized, with its last rows and columns repeated until both sides are multiples of 32:
// so the cells' distance is a whole number of pixels, whatever the size.
absl::StatusOr<Tensor> PadForCells(const Tensor& image) {
  constexpr int64_t kMultiple = 32;
  const int64_t height = image.shape()[1], width = image.shape()[2];
  const auto padded = [](int64_t side) { return (side + kMultiple - 1) / kMultiple * kMultiple; };
  Tensor result(TensorType{DType::kFloat32, {1, 3, padded(height), padded(width)}});
  float* to = result.values<float>().data();
  for (int64_t c = 0; c < 3; ++c) {
    for (int64_t y = 0; y < padded(height); ++y) {
      const float* row = image.values<float>().data() + (c * height + std::min(y, height - 1)) * width;
      to = std::copy(row, row + width, to);
      to = std::fill_n(to, padded(width) - width, row[width - 1]);
    }
  }
  return result;
}

// u8[3, H, W] as --scale has it.
absl::StatusOr<Tensor> Rescaled(const Tensor& original) {
  const double scale = absl::GetFlag(FLAGS_scale);
  const auto resized = [scale](int64_t side) {
    return static_cast<int32_t>(std::clamp(scale * static_cast<double>(side) + 0.5, 1.0, 16384.0));
  };
  DataStream stream;
  Resize* resize = stream.add_transform()->mutable_resize();
  resize->set_height(resized(original.shape()[1]));
  resize->set_width(resized(original.shape()[2]));
  GRADUS_ASSIGN_OR_RETURN(const Tensor pixels, Preprocess(stream, kImage, original));
  return ImageToBytes(pixels);
}

// From a picture's pixels to those of another size of it.
void ToPixelsOf(const Shape& to, const Shape& from, std::vector<Detection>* detections) {
  const float x = static_cast<float>(to[2]) / static_cast<float>(from[2]);
  const float y = static_cast<float>(to[1]) / static_cast<float>(from[1]);
  for (Detection& detection : *detections) {
    Extent& box = detection.box;
    box = {box.left * x, box.top * y, box.right * x, box.bottom * y};
    for (Point2& point : detection.landmarks) point = {point.x * x, point.y * y};
  }
}

void Draw(const std::vector<Detection>& detections, Tensor* picture) {
  constexpr MarkColor kBox = {40, 230, 90}, kPoint = {255, 220, 40};
  const int64_t shorter = std::min(picture->shape()[1], picture->shape()[2]);
  const int64_t pen = std::max<int64_t>(1, shorter / 250);
  for (const Detection& detection : detections) {
    MarkBox(detection.box, pen, kBox, picture);
    for (const Point2& point : detection.landmarks) MarkPoint(point, 0.75 * static_cast<double>(pen), kPoint, picture);
    const std::string percent = absl::StrFormat("%.0f", 100 * detection.score);
    MarkText({detection.box.left, detection.box.top - static_cast<float>(8 * pen)}, percent, pen, kBox, picture);
  }
}

void Print(const Detection& detection) {
  nlohmann::ordered_json json;
  const auto rounded = [](double value) { return std::round(value * 100) / 100; };
  json["probability"] = std::round(detection.score * 1e4) / 1e4;
  for (double side : {detection.box.left, detection.box.top, detection.box.right, detection.box.bottom}) {
    json["box"].push_back(rounded(side));
  }
  for (const Point2& point : detection.landmarks) json["landmarks"].push_back({rounded(point.x), rounded(point.y)});
  std::printf("%s\n", json.dump().c_str());
}

absl::StatusOr<int> Detect(const TrainedModel& trained) {
  const std::string path = absl::GetFlag(FLAGS_image);
  GRADUS_ASSIGN_OR_RETURN(const std::string bytes, ReadFile(UserPath(path)));
  GRADUS_ASSIGN_OR_RETURN(Tensor picture, DecodeImage(path, bytes, 3));
  Tensor scaled;
  if (absl::GetFlag(FLAGS_scale) != 1) {
    GRADUS_ASSIGN_OR_RETURN(scaled, Rescaled(picture));
  }
  const Tensor& seen = scaled.empty() ? picture : scaled;
  GRADUS_ASSIGN_OR_RETURN(const Tensor prepared, Preprocess(trained.evaluation, kImage, seen));
  if (prepared.shape() != seen.shape()) {
    return absl::FailedPreconditionError(absl::StrCat(trained.data_field, " of '", trained.checkpoint.folder(),
                                                      "' crops or resizes images; a detector's must not"));
  }
  GRADUS_ASSIGN_OR_RETURN(const Tensor padded, PadForCells(prepared));
  const Shape& shape = padded.shape();
  GRADUS_ASSIGN_OR_RETURN(Detector detector, Detector::Make(trained, 1, {shape[1], shape[2], shape[3]}));
  GRADUS_ASSIGN_OR_RETURN(const DetectorOutput output, detector.Run(padded));
  const double stride = static_cast<double>(shape[2]) / static_cast<double>(output.face.shape()[1]);
  std::vector<Detection> detections = DecodeDetections(output, 0, stride, OptionsOfFlags());
  ToPixelsOf(picture.shape(), seen.shape(), &detections);
  for (const Detection& detection : detections) Print(detection);
  const std::string to = absl::GetFlag(FLAGS_output);
  std::fprintf(stderr, "%s: %zu face%s\n", path.c_str(), detections.size(), detections.size() == 1 ? "" : "s");
  if (to.empty()) return 0;
  Draw(detections, &picture);
  GRADUS_ASSIGN_OR_RETURN(const std::string png, EncodePng(picture));
  GRADUS_RETURN_IF_ERROR(WriteFileAtomically(UserPath(to), png));
  return 0;
}

// The boxes of example `n`: those before the first that is empty.
std::vector<Extent> TrueBoxes(const Tensor& boxes, int64_t n) {
  std::vector<Extent> truth;
  const int64_t most = boxes.shape()[1];
  for (int64_t i = 0; i < most; ++i) {
    const float* box = boxes.values<float>().data() + 4 * (n * most + i);
    if (!(box[2] > box[0])) break;
    truth.push_back({box[0], box[1], box[2], box[3]});
  }
  return truth;
}

absl::StatusOr<int> EvaluateDetector(const TrainedModel& trained) {
  constexpr double kRight = 0.5;  // intersection over union
  // Precision at full recall needs the unlikely ones, too.
  const double least_score = std::min(0.02, absl::GetFlag(FLAGS_threshold));
  GRADUS_ASSIGN_OR_RETURN(const std::unique_ptr<Loader> loader,
                          OpenEvaluationData(trained, absl::GetFlag(FLAGS_data_dir), 0));
  constexpr char kRemedy[] = "--evaluate needs a data set of faces with `example: SCENE`";
  GRADUS_ASSIGN_OR_RETURN(const int image, FindColumn(trained, *loader, kImage, DType::kFloat32, {3, -1, -1}, kRemedy));
  GRADUS_ASSIGN_OR_RETURN(const int boxes, FindColumn(trained, *loader, "boxes", DType::kFloat32, {-1, 4}, kRemedy));
  const Shape& shape = loader->columns()[image].type.shape;
  GRADUS_ASSIGN_OR_RETURN(Detector detector, Detector::Make(trained, loader->options().batch_size, shape));
  DetectionJudge judge(kRight);
  int64_t images = 0;
  GRADUS_RETURN_IF_ERROR(ForEachBatch(trained, loader.get(), [&](const Batch& batch) -> absl::Status {
    GRADUS_ASSIGN_OR_RETURN(const DetectorOutput output, detector.Run(batch.columns[image]));
    const double stride = static_cast<double>(shape[1]) / static_cast<double>(output.face.shape()[1]);
    for (int64_t n = 0; n < batch.num_examples; ++n) {
      if (batch.weights.values<float>()[n] == 0) continue;
      ++images;
      judge.Add(DecodeDetections(output, n, stride, {least_score, absl::GetFlag(FLAGS_overlap)}),
                TrueBoxes(batch.columns[boxes], n));
    }
    return absl::OkStatus();
  }));
  const auto right = std::count_if(judge.detections().begin(), judge.detections().end(), [](const ScoredExample& e) {
    return e.positive && e.score >= absl::GetFlag(FLAGS_threshold);
  });
  std::printf("%s images with %s faces, %s of which are found with a probability of at least %g\n",
              HumanCount(images).c_str(), HumanCount(judge.faces()).c_str(), HumanCount(right).c_str(),
              absl::GetFlag(FLAGS_threshold));
  nlohmann::ordered_json json;
  json["average_precision"] = judge.AveragePrecision();
  json["faces"] = judge.faces();
  json["images"] = images;
  std::printf("%s\n", json.dump().c_str());
  return 0;
}

absl::Status CheckShare(absl::string_view name, double value) {
  if (value >= 0 && value <= 1) return absl::OkStatus();
  return WrongFlags(absl::StrCat("--", name, " is ", value, "; it must be from 0 to 1"));
}

absl::StatusOr<int> DetectFaces(const std::vector<std::string>& arguments) {
  GRADUS_RETURN_IF_ERROR(RefuseArguments(arguments));
  GRADUS_RETURN_IF_ERROR(CheckFlagRange("threads", absl::GetFlag(FLAGS_threads), 0, 1024));
  GRADUS_RETURN_IF_ERROR(CheckShare("threshold", absl::GetFlag(FLAGS_threshold)));
  GRADUS_RETURN_IF_ERROR(CheckShare("overlap", absl::GetFlag(FLAGS_overlap)));
  const bool evaluate = absl::GetFlag(FLAGS_evaluate);
  if (evaluate == !absl::GetFlag(FLAGS_image).empty()) {
    return WrongFlags(evaluate ? "--image and --evaluate are both given; give one of them"
                               : "--image or --evaluate is missing");
  }
  if (evaluate) GRADUS_RETURN_IF_ERROR(RefuseFlags({"output", "scale"}, "with --evaluate"));
  const double scale = absl::GetFlag(FLAGS_scale);
  if (!(scale >= 0.01 && scale <= 100)) {
    return WrongFlags(absl::StrCat("--scale is ", scale, "; it must be from 0.01 to 100"));
  }
  GRADUS_ASSIGN_OR_RETURN(const TrainedModel trained,
                          OpenTrainedModel(absl::GetFlag(FLAGS_checkpoint), absl::GetFlag(FLAGS_run_dir)));
  return evaluate ? EvaluateDetector(trained) : Detect(trained);
}

}  // namespace
}  // namespace gradus

int main(int argc, char** argv) { return gradus::RunProgram(argc, argv, kUsage, gradus::DetectFaces); }
