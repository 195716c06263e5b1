// Looks into a trained network: see kUsage.
#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "core/nearest_name.h"
#include "core/status_macros.h"
#include "examples/command_line.h"
#include "examples/image_grid.h"
#include "examples/trained_model.h"
#include "examples/view_pictures.h"
#include "examples/viewer.h"

namespace {

constexpr char kUsage[] = R"(Draws what a trained network sees, as a PNG file. The first argument says what to draw:

  visualize filters --run_dir=runs/lenet --layer=conv1
      The weights of a layer that looks at the image itself; grey is 0.
  visualize features --run_dir=runs/lenet --layer=conv1 [seven.png]
      An image and each map that a layer makes of it.
  visualize deconvolution --run_dir=runs/lenet --layer=conv2 --units=0,3,7 --count=8
      For each unit the patches of the evaluation data that it answers strongest, and below them what goes back from its
      activation to the pixels through transposed filters, switches of max pooling and rectified ReLUs (Zeiler and
      Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014).
  visualize guided --run_dir=runs/lenet [--layer=conv2 --units=3] [seven.png ...]
      Guided back-propagation from the likeliest class, or from where a unit is strongest.
  visualize saliency --run_dir=runs/lenet [seven.png ...]
      How strongly each pixel moves the class score: the magnitude of its gradient; bright is much.
  visualize occlusion --run_dir=runs/lenet --square=7 [seven.png ...]
      The class score with a square laid over each place: dark where the score falls most.
  visualize maximize --run_dir=runs/lenet [--layer=conv2 --units=0,3,7]
      Images that make units as large as gradient ascent gets them, from noise.

Images are JPEG or PNG files, prepared as `predict` does; where none is given, the first --count examples of the
evaluation data. --layer is the model's output unless given.

Exit code: 0, 1 after an error, 2 for wrong flags.)";

}  // namespace

ABSL_FLAG(std::string, run_dir, "", "folder of a run: its newest whole checkpoint");
ABSL_FLAG(std::string, checkpoint, "", "folder of a checkpoint, instead of --run_dir");
ABSL_FLAG(std::string, data_dir, "", "folder that relative paths of data sets start from; empty: the current one");
ABSL_FLAG(std::string, output, "view.png", "PNG file to write");
ABSL_FLAG(std::string, layer, "", "the layer to look at; empty: the model's output");
ABSL_FLAG(std::string, units, "",
          "channels or units of the layer, like 0,3,7; empty: the likeliest class, or the first. guided, saliency and "
          "occlusion take one");
ABSL_FLAG(int64_t, count, 8, "examples to show of each unit, or of the evaluation data");
ABSL_FLAG(int64_t, search, 1000, "deconvolution: how many examples are searched for the strongest");
ABSL_FLAG(int64_t, square, 7, "occlusion: side of the square. Pixels");
ABSL_FLAG(int64_t, stride, 1, "occlusion: from square to square. Pixels");
ABSL_FLAG(int64_t, steps, 100, "maximize: steps of gradient ascent");
ABSL_FLAG(double, rate, 0.05, "maximize: length of a step. Parts of the images' range of values, as root mean square");
ABSL_FLAG(double, blur, 0.2, "maximize: how far each step smooths the image; 0...1");
ABSL_FLAG(uint64_t, seed, 1, "maximize: of the noise");
ABSL_FLAG(int, threads, 0, "compute threads; 0: one for each core that this process may use");

namespace gradus {
namespace {

absl::StatusOr<std::vector<int64_t>> ParseUnits(const std::string& flag) {
  std::vector<int64_t> units;
  if (flag.empty()) return units;
  for (absl::string_view text : absl::StrSplit(flag, ',')) {
    units.push_back(0);
    if (absl::SimpleAtoi(text, &units.back())) continue;
    return WrongFlags(absl::StrCat("--units: '", text, "' is no whole number; expected a list like 0,3,7"));
  }
  return units;
}

absl::StatusOr<PictureOptions> OptionsFromFlags() {
  PictureOptions options;
  options.layer = absl::GetFlag(FLAGS_layer);
  GRADUS_ASSIGN_OR_RETURN(options.units, ParseUnits(absl::GetFlag(FLAGS_units)));
  options.count = absl::GetFlag(FLAGS_count);
  options.search = absl::GetFlag(FLAGS_search);
  options.square = absl::GetFlag(FLAGS_square);
  options.stride = absl::GetFlag(FLAGS_stride);
  options.steps = absl::GetFlag(FLAGS_steps);
  options.rate = absl::GetFlag(FLAGS_rate);
  options.blur = absl::GetFlag(FLAGS_blur);
  options.seed = absl::GetFlag(FLAGS_seed);
  GRADUS_RETURN_IF_ERROR(CheckFlagRange("count", options.count, 1, 1000));
  GRADUS_RETURN_IF_ERROR(CheckFlagRange("search", options.search, 1));
  GRADUS_RETURN_IF_ERROR(CheckFlagRange("square", options.square, 1));
  GRADUS_RETURN_IF_ERROR(CheckFlagRange("stride", options.stride, 1));
  GRADUS_RETURN_IF_ERROR(CheckFlagRange("steps", options.steps, 1));
  if (!(options.rate > 0 && options.rate <= 1e6)) {
    return WrongFlags(absl::StrCat("--rate is ", options.rate, "; it must be above 0"));
  }
  if (!(options.blur >= 0 && options.blur <= 1)) {
    return WrongFlags(absl::StrCat("--blur is ", options.blur, "; it must be 0 to 1"));
  }
  return options;
}

// Flags of other pictures than the one that is drawn.
absl::Status RefuseFlagsOfOthers(const std::string& name, size_t units) {
  const std::string why = absl::StrCat("to ", name);
  if (name != "deconvolution") GRADUS_RETURN_IF_ERROR(RefuseFlags({"search"}, why));
  if (name != "occlusion") GRADUS_RETURN_IF_ERROR(RefuseFlags({"square", "stride"}, why));
  if (name != "maximize") GRADUS_RETURN_IF_ERROR(RefuseFlags({"steps", "rate", "blur", "seed"}, why));
  if (name == "filters" || name == "features") return RefuseFlags({"units", "count"}, why);
  if (name == "maximize") return RefuseFlags({"count"}, why);
  if (name == "deconvolution" || units <= 1) return absl::OkStatus();
  return WrongFlags(absl::StrCat("--units has ", units, " units; ", name, " looks at one"));
}

absl::StatusOr<int> Visualize(const std::vector<std::string>& arguments) {
  const std::vector<std::string> names = PictureNames();
  if (arguments.empty()) {
    return WrongFlags(absl::StrCat("what to draw is missing: one of ", absl::StrJoin(names, ", ")));
  }
  const std::string& name = arguments[0];
  if (std::find(names.begin(), names.end(), name) == names.end()) {
    return WrongFlags(absl::StrCat("'", name, "' is nothing to draw", Suggestion(name, names)));
  }
  GRADUS_ASSIGN_OR_RETURN(PictureOptions options, OptionsFromFlags());
  options.files.assign(arguments.begin() + 1, arguments.end());
  GRADUS_RETURN_IF_ERROR(RefuseFlagsOfOthers(name, options.units.size()));
  if (name == "features" || name == "filters") GRADUS_RETURN_IF_ERROR(RequireFlags({"layer"}));
  const size_t most = name == "features"                                                   ? 1
                      : name == "filters" || name == "deconvolution" || name == "maximize" ? 0
                                                                                           : 1000;
  if (options.files.size() > most) {
    return WrongFlags(absl::StrCat(name, most == 0 ? " takes no image" : " takes one image", ": '", options.files[most],
                                   "' is too much"));
  }
  GRADUS_RETURN_IF_ERROR(RequireFlags({"output"}));
  GRADUS_RETURN_IF_ERROR(CheckFlagRange("threads", absl::GetFlag(FLAGS_threads), 0, 1024));
  GRADUS_ASSIGN_OR_RETURN(TrainedModel trained,
                          OpenTrainedModel(absl::GetFlag(FLAGS_checkpoint), absl::GetFlag(FLAGS_run_dir)));
  GRADUS_ASSIGN_OR_RETURN(
      const std::unique_ptr<Viewer> viewer,
      Viewer::Open(std::move(trained), "visualize", absl::GetFlag(FLAGS_data_dir), absl::GetFlag(FLAGS_threads)));
  GRADUS_ASSIGN_OR_RETURN(const CaptionedImages grid, DrawPicture(name, options, viewer.get()));
  GRADUS_RETURN_IF_ERROR(WriteImageGrid(grid, absl::GetFlag(FLAGS_output)));
  return 0;
}

}  // namespace
}  // namespace gradus

int main(int argc, char** argv) { return gradus::RunProgram(argc, argv, kUsage, gradus::Visualize); }
