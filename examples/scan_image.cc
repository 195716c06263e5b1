// Applies a classifier everywhere in an image: see kUsage.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "core/file.h"
#include "core/status_macros.h"
#include "data/chosen_member.h"
#include "data/image_file.h"
#include "data/stream.h"
#include "data/transform.h"
#include "examples/class_name.h"
#include "examples/command_line.h"
#include "examples/image_grid.h"
#include "examples/score_map.h"
#include "examples/shades.h"
#include "examples/trained_model.h"
#include "examples/viewer.h"
#include "graph/load_model.h"

namespace {

constexpr char kUsage[] =
    R"(Applies a trained classifier to every window of a larger image at once, by its dense layers written as convolutions:

  scan_image --run_dir=runs/lenet --model=examples/dense_to_conv/lenet.textproto --digits=6
  scan_image --run_dir=runs/lenet --model=examples/dense_to_conv/lenet.textproto photo.png

--model has the layers of the classifier under the same names, dense ones as convolutions with as many weights. Without
an image --digits examples of the evaluation data are put at random into a scene. A file, JPEG or PNG, is scanned as large as
it is: what resizes and crops the evaluation data is left out. Writes a PNG file with the image and a
heat map for each class: the logarithm of its odds, log(p / (1 - p)) of its softmax p, black where it is not likelier
than all others together, white for the highest. Prints what it sees: class, log odds and the middle of the window. A
classifier that never saw the space between digits has an opinion on that, too.

Exit code: 0, 1 after an error, 2 for wrong flags.)";

}  // namespace

ABSL_FLAG(std::string, run_dir, "", "folder of a run: its newest whole checkpoint");
ABSL_FLAG(std::string, checkpoint, "", "folder of a checkpoint, instead of --run_dir");
ABSL_FLAG(std::string, model, "", "model file: the classifier with its dense layers as convolutions");
ABSL_FLAG(std::string, data_dir, "", "folder that relative paths of data sets start from; empty: the current one");
ABSL_FLAG(std::string, output, "scores.png", "PNG file to write");
ABSL_FLAG(int64_t, digits, 6, "examples in the scene where no image is given");
ABSL_FLAG(int64_t, height, 96, "of the scene. Pixels");
ABSL_FLAG(int64_t, width, 128, "of the scene. Pixels");
ABSL_FLAG(uint64_t, seed, 1, "of the places in the scene");
ABSL_FLAG(int, threads, 0, "compute threads; 0: one for each core that this process may use");

namespace gradus {
namespace {

// The stream without what moves images, which would make one window of all there is.
absl::StatusOr<DataStream> WithoutGeometry(const DataStream& stream, int64_t channels) {
  DataStream result;
  const ImageInput any_size = {{DType::kFloat32, {channels, 0, 0}}, /*any_size=*/true};
  for (const Transform& transform : stream.transform()) {
    GRADUS_ASSIGN_OR_RETURN(const google::protobuf::Message* config, ChosenMember(transform, "transform"));
    const absl::StatusOr<MadeTransform> made = MakeTransform(*config, any_size, TransformMode::kEvaluate);
    if (!made.ok() || made->geometric == nullptr) *result.add_transform() = transform;
  }
  return result;
}

// A photograph, as large as it is.
absl::StatusOr<Tensor> ReadScene(const Viewer& viewer, const std::string& path) {
  const Shape& window = viewer.input().type.shape;
  GRADUS_ASSIGN_OR_RETURN(const std::string bytes, ReadFile(UserPath(path)));
  GRADUS_ASSIGN_OR_RETURN(const Tensor pixels, DecodeImage(path, bytes, static_cast<int>(window[0])));
  const Shape& shape = pixels.shape();
  if (shape[1] < window[1] || shape[2] < window[2]) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": an image of ", shape[2], " x ", shape[1],
                                                   " pixels is smaller than the classifier's window of ", window[2],
                                                   " x ", window[1]));
  }
  GRADUS_ASSIGN_OR_RETURN(const DataStream stream, WithoutGeometry(viewer.trained().evaluation, window[0]));
  return Preprocess(stream, viewer.input().column, pixels);
}

absl::StatusOr<Tensor> OpenScene(const Viewer& viewer, const std::vector<std::string>& files) {
  const Shape& window = viewer.input().type.shape;
  if (!files.empty()) return ReadScene(viewer, files[0]);
  GRADUS_RETURN_IF_ERROR(CheckFlagRange("digits", absl::GetFlag(FLAGS_digits), 1, 1000));
  GRADUS_RETURN_IF_ERROR(CheckFlagRange("height", absl::GetFlag(FLAGS_height), window[1], 4096));
  GRADUS_RETURN_IF_ERROR(CheckFlagRange("width", absl::GetFlag(FLAGS_width), window[2], 4096));
  GRADUS_ASSIGN_OR_RETURN(const std::vector<Tensor> examples, viewer.Images({}, absl::GetFlag(FLAGS_digits)));
  return MakeScene(examples, RangeOf(examples).least, absl::GetFlag(FLAGS_height), absl::GetFlag(FLAGS_width),
                   absl::GetFlag(FLAGS_seed));
}

absl::StatusOr<int> ScanImage(const std::vector<std::string>& arguments) {
  GRADUS_RETURN_IF_ERROR(RequireFlags({"model", "output"}));
  GRADUS_RETURN_IF_ERROR(CheckFlagRange("threads", absl::GetFlag(FLAGS_threads), 0, 1024));
  if (arguments.size() > 1) return WrongFlags(absl::StrCat("one image at a time: '", arguments[1], "' is too much"));
  if (!arguments.empty()) {
    GRADUS_RETURN_IF_ERROR(RefuseFlags({"digits", "height", "width", "seed"}, "with an image"));
  }
  GRADUS_ASSIGN_OR_RETURN(TrainedModel trained,
                          OpenTrainedModel(absl::GetFlag(FLAGS_checkpoint), absl::GetFlag(FLAGS_run_dir)));
  GRADUS_ASSIGN_OR_RETURN(const LoadedModel model, LoadModel(UserPath(absl::GetFlag(FLAGS_model))));
  GRADUS_ASSIGN_OR_RETURN(
      const std::unique_ptr<Viewer> viewer,
      Viewer::Open(std::move(trained), "scan_image", absl::GetFlag(FLAGS_data_dir), absl::GetFlag(FLAGS_threads)));
  GRADUS_ASSIGN_OR_RETURN(const Tensor scene, OpenScene(*viewer, arguments));
  GRADUS_ASSIGN_OR_RETURN(
      ScoreMap map, ScoreImage(model, viewer->trained().checkpoint.folder(), scene, absl::GetFlag(FLAGS_threads)));
  map.scores = LogOdds(map.scores);
  const Shape& window = viewer->input().type.shape;
  const auto name = [&viewer](int64_t label) { return ClassName(viewer->trained().class_names, label); };
  CaptionedImages grid;
  grid.stretch = false;
  grid.images.push_back(ToRgb(ToShades(scene, RangeOf(scene))));
  grid.captions.push_back("image");
  const float largest = std::max(0.0f, RangeOf(map.scores).largest);
  for (int64_t label = 0; label < map.scores.shape()[0]; ++label) {
    grid.images.push_back(ToHeat(MapOverImage(map, label, scene.shape()), {0, largest}));
    grid.captions.push_back(name(label));
  }
  GRADUS_RETURN_IF_ERROR(WriteImageGrid(grid, absl::GetFlag(FLAGS_output)));
  std::printf("scores %s of an image %s\n", map.scores.shape().ToString().c_str(), scene.shape().ToString().c_str());
  for (const Sighting& seen : FindSightings(map, window)) {
    std::printf("%s: log odds %.4g at x %lld, y %lld\n", name(seen.label).c_str(), seen.score,
                static_cast<long long>(seen.x + window[2] / 2), static_cast<long long>(seen.y + window[1] / 2));
  }
  return 0;
}

}  // namespace
}  // namespace gradus

int main(int argc, char** argv) { return gradus::RunProgram(argc, argv, kUsage, gradus::ScanImage); }
