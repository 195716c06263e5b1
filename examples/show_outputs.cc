// Draws what a trained model makes: see kUsage.
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/status_macros.h"
#include "data/loader.h"
#include "examples/command_line.h"
#include "examples/evaluation_data.h"
#include "examples/image_grid.h"
#include "examples/trained_model.h"
#include "graph/load_model.h"
#include "train/data_binding.h"
#include "train/model_variables.h"
#include "train/predictor.h"

namespace {

constexpr char kUsage[] = R"(Draws images that a trained model makes, or its weights, into a PNG file.

  show_outputs --run_dir=runs/vae                              the model's outputs for the first evaluation examples
  show_outputs --run_dir=runs/vae --layers=image,reconstruction --count=16
  show_outputs --run_dir=runs/vae --layers=sample --count=64
  show_outputs --run_dir=runs/rbm --layers=sample --passes=1000
  show_outputs --run_dir=runs/rbm --weights=weights --count=100

--layers names inputs, layers and second outputs; side by side for each example. What is not an image of 1 or 3 channels,
f32[N, C, H, W], is folded into one where --dims or the model's image input has as many numbers. --weights does the same
with the rows of a variable; each filter is stretched to black and white with all others.

--passes runs the model so many times over the same examples before it draws; what layers carry from batch to batch goes on
(the Gibbs chain of a restricted Boltzmann machine).

Exit code: 0, 1 after an error, 2 for wrong flags.)";

}  // namespace

ABSL_FLAG(std::string, run_dir, "", "folder of a run: its newest whole checkpoint");
ABSL_FLAG(std::string, checkpoint, "", "folder of a checkpoint, instead of --run_dir");
ABSL_FLAG(std::string, data_dir, "", "folder that relative paths of data sets start from; empty: the current one");
ABSL_FLAG(std::vector<std::string>, layers, {}, "what to draw, separated by commas; default: the model's outputs");
ABSL_FLAG(std::string, weights, "", "a variable whose rows to draw, instead of --layers");
ABSL_FLAG(std::vector<std::string>, dims, {}, "channels,height,width of what is not an image");
ABSL_FLAG(int64_t, count, 32, "examples, or rows of the weights, to draw");
ABSL_FLAG(int64_t, passes, 1, "how often the model runs before its outputs are drawn");
ABSL_FLAG(std::string, output, "outputs.png", "PNG file to write");
ABSL_FLAG(int, threads, 0, "compute threads; 0: one for each core that this process may use");

namespace gradus {
namespace {

bool IsImage(const Shape& shape) { return shape.rank() == 3 && (shape[0] == 1 || shape[0] == 3); }

// The images that rows are folded into: what --dims says, or the model's image input.
absl::StatusOr<std::vector<Shape>> ImageShapes(const Model& model) {
  std::vector<Shape> shapes;
  if (!absl::GetFlag(FLAGS_dims).empty()) {
    RepeatedFlag dims;
    dims.values.push_back(absl::StrCat("image=", absl::StrJoin(absl::GetFlag(FLAGS_dims), ",")));
    GRADUS_ASSIGN_OR_RETURN(const auto parsed, ParseInputDims("dims", dims));
    shapes.push_back(parsed.at("image"));
    if (!IsImage(shapes[0])) return WrongFlags("--dims has to be channels,height,width with 1 or 3 channels");
    return shapes;
  }
  for (const Input& input : model.input()) {
    const absl::StatusOr<Shape> shape = Shape::Make(input.dims());
    if (input.dtype() == Input::FLOAT32 && shape.ok() && IsImage(*shape)) shapes.push_back(*shape);
  }
  return shapes;
}

// Rows of a tensor as images.
absl::StatusOr<std::vector<Tensor>> Images(const std::string& name, const Tensor& tensor,
                                           absl::Span<const int64_t> rows, const std::vector<Shape>& shapes) {
  const Shape& whole = tensor.shape();
  if (tensor.dtype() != DType::kFloat32 || whole.rank() < 2 || whole.num_elements() == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", name, "' is ", tensor.type().ToString(), ", no row of images to draw"));
  }
  GRADUS_ASSIGN_OR_RETURN(Shape shape, Shape::Make(Dims(whole.dims().begin() + 1, whole.dims().end())));
  const int64_t elements = shape.num_elements();
  if (!IsImage(shape)) {
    const auto fits = std::find_if(shapes.begin(), shapes.end(),
                                   [elements](const Shape& image) { return image.num_elements() == elements; });
    if (fits == shapes.end()) {
      return absl::InvalidArgumentError(
          absl::StrCat("'", name, "' is ", tensor.type().ToString(), ", which is no row of images of 1 or 3 channels; ",
                       "--dims=channels,height,width says how to fold ", elements, " numbers"));
    }
    shape = *fits;
  }
  std::vector<Tensor> images;
  for (int64_t i : rows) {
    Tensor& image = images.emplace_back(TensorType{DType::kFloat32, shape});
    std::memcpy(image.data(), tensor.values<float>().data() + i * elements, image.bytes());
  }
  return images;
}

absl::StatusOr<CaptionedImages> DrawnWeights(const TrainedModel& trained) {
  const std::string name = absl::GetFlag(FLAGS_weights);
  GRADUS_ASSIGN_OR_RETURN(const std::vector<Shape> shapes, ImageShapes(trained.file.model.model.model()));
  GRADUS_ASSIGN_OR_RETURN(const Tensor value, ReadVariable(trained.checkpoint, name));
  std::vector<int64_t> rows(value.shape().rank() == 0 ? 0 : std::min(absl::GetFlag(FLAGS_count), value.shape()[0]));
  std::iota(rows.begin(), rows.end(), 0);
  CaptionedImages drawn;
  GRADUS_ASSIGN_OR_RETURN(drawn.images, Images(name, value, rows, shapes));
  drawn.captions.resize(drawn.images.size());
  return drawn;
}

// The model with --layers as its outputs, but for inputs, which need not be computed.
absl::StatusOr<LoadedModel> WithOutputs(const TrainedModel& trained, const std::vector<std::string>& layers) {
  Model model = trained.file.model.model.model();
  const auto is_input = [&model](const std::string& name) {
    return std::any_of(model.input().begin(), model.input().end(),
                       [&name](const Input& input) { return input.name() == name; });
  };
  const std::vector<std::string> usual(model.output().begin(), model.output().end());
  model.clear_output();
  for (const std::string& name : layers) {
    if (!is_input(name)) model.add_output(name);
  }
  if (model.output().empty()) {
    for (const std::string& name : usual) model.add_output(name);
  }
  return ModelFromProto(model);
}

absl::StatusOr<CaptionedImages> DrawnLayers(TrainedModel trained) {
  std::vector<std::string> layers = absl::GetFlag(FLAGS_layers);
  if (layers.empty()) {
    const auto& outputs = trained.file.model.model.model().output();
    layers.assign(outputs.begin(), outputs.end());
  }
  GRADUS_ASSIGN_OR_RETURN(const std::vector<Shape> shapes, ImageShapes(trained.file.model.model.model()));
  GRADUS_ASSIGN_OR_RETURN(const std::unique_ptr<Loader> loader,
                          OpenEvaluationData(trained, absl::GetFlag(FLAGS_data_dir), absl::GetFlag(FLAGS_count)));
  GRADUS_ASSIGN_OR_RETURN(DataBinding binding, DataBinding::Make(trained.file, trained.data_field, loader->columns()));
  GRADUS_ASSIGN_OR_RETURN(const std::shared_ptr<VariableStore> variables,
                          DeclareVariables(trained, binding.input_dims()));
  GRADUS_ASSIGN_OR_RETURN(const LoadedModel model, WithOutputs(trained, layers));
  SessionOptions options;
  options.threads = absl::GetFlag(FLAGS_threads);
  GRADUS_ASSIGN_OR_RETURN(const std::unique_ptr<Predictor> predictor,
                          Predictor::Create(model.model, variables, loader->options().batch_size, std::move(options),
                                            binding.input_dims()));
  GRADUS_RETURN_IF_ERROR(RestoreVariables(trained.checkpoint, /*optimizer=*/false, variables.get()));
  GRADUS_ASSIGN_OR_RETURN(const Batch* batch, loader->Next());
  const absl::Span<const InputFeed> all = binding.Feeds(*batch);
  std::vector<InputFeed> feeds;
  for (const InputFeed& feed : all) {
    const std::vector<std::string>& wanted = predictor->plan().feeds();
    if (std::count(wanted.begin(), wanted.end(), feed.input) > 0) feeds.push_back(feed);
  }
  std::vector<Tensor> outputs;
  for (int64_t pass = 0; pass < absl::GetFlag(FLAGS_passes); ++pass) {
    GRADUS_ASSIGN_OR_RETURN(outputs, predictor->Run(feeds));
    ++predictor->session().state().step;  // other draws in each pass
  }

  TellSkipped(*batch);
  std::vector<int64_t> rows;  // padding and what could not be read have a weight of 0
  for (int64_t i = 0; i < batch->weights.shape()[0]; ++i) {
    if (batch->weights.values<float>()[i] != 0) rows.push_back(i);
  }
  if (rows.empty()) return absl::DataLossError("the first examples cannot be read; give a larger --count");
  std::vector<std::vector<Tensor>> columns;
  for (const std::string& name : layers) {
    const auto input = std::find_if(all.begin(), all.end(), [&name](const InputFeed& f) { return f.input == name; });
    const auto output = std::find(predictor->outputs().begin(), predictor->outputs().end(), name);
    const Tensor& tensor = input != all.end() ? *input->value : outputs[output - predictor->outputs().begin()];
    GRADUS_ASSIGN_OR_RETURN(columns.emplace_back(), Images(name, tensor, rows, shapes));
    if (columns.back()[0].type() == columns[0][0].type()) continue;
    return absl::InvalidArgumentError(absl::StrCat("'", layers[0], "' and '", name, "' are images of two sizes, ",
                                                   columns[0][0].shape().ToString(), " and ",
                                                   columns.back()[0].shape().ToString(), "; draw them one by one"));
  }
  CaptionedImages drawn;
  drawn.column_multiple = static_cast<int64_t>(layers.size());
  for (size_t i = 0; i < columns[0].size(); ++i) {
    for (size_t c = 0; c < columns.size(); ++c) {
      drawn.images.push_back(std::move(columns[c][i]));
      drawn.captions.push_back(layers.size() > 1 ? layers[c] : "");
    }
  }
  return drawn;
}

absl::StatusOr<int> ShowOutputs(const std::vector<std::string>& arguments) {
  GRADUS_RETURN_IF_ERROR(RefuseArguments(arguments));
  GRADUS_RETURN_IF_ERROR(RequireFlags({"output"}));
  GRADUS_RETURN_IF_ERROR(CheckFlagRange("count", absl::GetFlag(FLAGS_count), 1, 1 << 16));
  GRADUS_RETURN_IF_ERROR(CheckFlagRange("passes", absl::GetFlag(FLAGS_passes), 1));
  GRADUS_RETURN_IF_ERROR(CheckFlagRange("threads", absl::GetFlag(FLAGS_threads), 0, 1024));
  const bool weights = !absl::GetFlag(FLAGS_weights).empty();
  if (weights && !absl::GetFlag(FLAGS_layers).empty()) {
    return WrongFlags("--layers and --weights are both given; give one of them");
  }
  if (weights) GRADUS_RETURN_IF_ERROR(RefuseFlags({"passes"}, "with --weights"));
  GRADUS_ASSIGN_OR_RETURN(TrainedModel trained,
                          OpenTrainedModel(absl::GetFlag(FLAGS_checkpoint), absl::GetFlag(FLAGS_run_dir)));
  GRADUS_ASSIGN_OR_RETURN(const CaptionedImages drawn,
                          weights ? DrawnWeights(trained) : DrawnLayers(std::move(trained)));
  GRADUS_RETURN_IF_ERROR(
      WriteImageGrid(drawn, absl::GetFlag(FLAGS_output),
                     absl::StrCat(drawn.images.size(), " images, ", drawn.images[0].type().ToString(), " each")));
  return 0;
}

}  // namespace
}  // namespace gradus

int main(int argc, char** argv) { return gradus::RunProgram(argc, argv, kUsage, gradus::ShowOutputs); }
