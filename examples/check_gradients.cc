// Checks a model's gradients: see kUsage.
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/flags/flag.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/random.h"
#include "core/status_macros.h"
#include "core/tensor.h"
#include "examples/command_line.h"
#include "examples/text_table.h"
#include "graph/builtin_ops.h"
#include "graph/gradient_check.h"
#include "graph/initializer.h"
#include "graph/load_model.h"
#include "graph/lower.h"
#include "graph/training.h"

namespace {

constexpr char kUsage[] = R"(Checks the gradients of a model against differences, both in float64.

  check_gradients --model=examples/mnist/lenet.textproto
  check_gradients --model=mine.textproto --batch=4 --seed=7

The model is lowered for training and fed random images and labels; its parameters are at their first values. Of every
parameter 20 elements and one random direction are moved a little, and the change of the loss is compared with what the
gradient promises. Where the loss has a kink (ReLU at 0, a tie of maxima) another point is drawn. All points are a
function of --seed.

A table on stdout: what was compared, and the worst relative error of each parameter. The time grows with the model:
seconds for LeNet, far too long for ImageNet's networks.

Exit code: 0 when all gradients are right, 1 when one is wrong or after an error, 2 for wrong flags.)";

}  // namespace

ABSL_FLAG(std::string, model, "", "model file (gradus.Model as text)");
ABSL_FLAG(int64_t, batch, 2, "examples in the batch");
ABSL_FLAG(uint64_t, seed, 1, "decides parameters, inputs and what is compared");
ABSL_FLAG(int, elements, 20, "elements compared in each parameter");
ABSL_FLAG(double, tolerance, 1e-6, "largest relative error of a right gradient");

namespace gradus {
namespace {

// The value of a layer or input of the model.
Value FindValue(const Network& network, const std::string& name) {
  for (const LoweredLayer& layer : network.layers) {
    if (layer.name == name) return layer.output;
  }
  for (const NamedValue& input : network.inputs) {
    if (input.name == name) return input.value;
  }
  return Value{};
}

// The number of classes that labels of this input count: the last axis of what a loss compares with it; else 2.
int64_t ClassesOf(const Model& model, const Network& network, const std::string& input) {
  for (const Loss& loss : model.loss()) {
    if (loss.target() != input || loss.input().empty()) continue;
    const Value value = FindValue(network, loss.input(0));
    if (!value.valid()) continue;
    const Shape& shape = network.graph.type(value).shape;
    if (shape.rank() > 0 && shape[shape.rank() - 1] > 0) return shape[shape.rank() - 1];
  }
  return 2;
}

// Random inputs: f32 uniform in (0, 1), i32 uniform labels; first values of the variables.
absl::StatusOr<ReferenceFeeds> MakeFeeds(const Model& model, const Network& network, uint64_t seed) {
  ReferenceFeeds feeds;
  for (const NamedValue& input : network.inputs) {
    const TensorType& type = network.graph.type(input.value);
    const int64_t classes = ClassesOf(model, network, input.name);
    RandomSequence random(seed, absl::StrCat("check_gradients/", input.name));
    ReferenceTensor tensor{type.shape, std::vector<double>(type.shape.num_elements())};
    for (double& value : tensor.values) {
      value = type.dtype == DType::kInt32 ? static_cast<double>(random.Below(classes)) : random.Uniform();
    }
    feeds.emplace(input.name, std::move(tensor));
  }
  for (const Variable& variable : network.graph.variables()) {
    GRADUS_ASSIGN_OR_RETURN(const Tensor value, InitialValue(variable, seed));
    ReferenceTensor tensor{value.shape(), std::vector<double>(value.shape().num_elements())};  // zeros, unless f32
    if (value.dtype() == DType::kFloat32) absl::c_copy(value.values<float>(), tensor.values.begin());
    feeds.emplace(variable.name, std::move(tensor));
  }
  return feeds;
}

// The gradient of the training loss by every parameter.
absl::StatusOr<GradientReport> CheckModel(const LoadedModel& model) {
  LowerOptions lower;
  lower.mode = Mode::kTrain;
  lower.batch = absl::GetFlag(FLAGS_batch);
  GRADUS_ASSIGN_OR_RETURN(Network network, Lower(model.model, lower));
  if (network.losses.empty()) {
    return absl::FailedPreconditionError(absl::StrCat(model.path, ": the model has no loss that runs in training"));
  }
  Graph& graph = network.graph;
  std::vector<Value> ys, dys, parameters;
  const std::vector<LossScale> scales = LossScales(network);
  for (size_t i = 0; i < scales.size(); ++i) {
    const Value values = network.losses[i].values;
    GRADUS_ASSIGN_OR_RETURN(const Value dy, graph.Add({"Fill",
                                                       absl::StrCat(network.losses[i].name, "/seed"),
                                                       {},
                                                       FillAttrs{graph.type(values), scales[i].factor},
                                                       {},
                                                       Stage::kCompute,
                                                       -1}));
    ys.push_back(values);
    dys.push_back(dy);
  }
  for (size_t i = 0; i < graph.variables().size(); ++i) {
    if (graph.variables()[i].role == Role::kParameter) parameters.push_back(graph.ReadOf(static_cast<int>(i)));
  }
  if (parameters.empty())
    return absl::FailedPreconditionError(absl::StrCat(model.path, ": the model has no parameter"));
  GradientCheckOptions options;
  options.elements = absl::GetFlag(FLAGS_elements);
  options.tolerance = absl::GetFlag(FLAGS_tolerance);
  options.seed = absl::GetFlag(FLAGS_seed);
  options.state.seed = options.seed;
  GRADUS_ASSIGN_OR_RETURN(const ReferenceFeeds feeds, MakeFeeds(model.model.model(), network, options.seed));
  return CheckGradients(&graph, ys, dys, parameters, feeds, options);
}

std::string Place(const TensorGradientCheck& check) {
  if (check.probes == 0) return "nothing compared";
  return check.worst.element < 0 ? "random direction" : IndexText(check.shape, check.worst.element);
}

void PrintReport(const GradientReport& report) {
  using Align = TextTable::Align;
  TextTable table({Align::kLeft, Align::kLeft, Align::kRight, Align::kRight, Align::kRight, Align::kLeft, Align::kRight,
                   Align::kRight});
  table.Add({"parameter", "shape", "compared", "kinks", "worst error", "at", "gradient", "difference"});
  table.AddRule();
  for (const TensorGradientCheck& check : report.tensors) {
    table.Add({check.name, check.shape.ToString(), absl::StrCat(check.probes), absl::StrCat(check.kinks),
               absl::StrFormat("%.1e", check.worst.error), Place(check), absl::StrFormat("%.6g", check.worst.analytic),
               absl::StrFormat("%.6g", check.worst.numeric)});
  }
  const auto worst =
      absl::c_max_element(report.tensors, [](const auto& a, const auto& b) { return a.worst.error < b.worst.error; });
  std::printf("%s\nworst: %s, relative error %.1e at %s; tolerance %.1e\n", table.ToString().c_str(),
              worst->name.c_str(), worst->worst.error, Place(*worst).c_str(), report.tolerance);
}

// Names every parameter whose gradient is wrong or could not be compared anywhere.
absl::Status Judge(const GradientReport& report) {
  if (report.ok()) return absl::OkStatus();
  std::string message = "wrong gradients:";
  for (const TensorGradientCheck& check : report.tensors) {
    const bool compared = check.probes > 0 || check.shape.num_elements() == 0;
    if (compared && check.worst.error <= report.tolerance) continue;
    absl::StrAppend(&message, "\n  ", check.ToString());
  }
  return absl::FailedPreconditionError(message);
}

absl::StatusOr<int> Check(const std::vector<std::string>& arguments) {
  GRADUS_RETURN_IF_ERROR(RefuseArguments(arguments));
  GRADUS_RETURN_IF_ERROR(RequireFlags({"model"}));
  GRADUS_RETURN_IF_ERROR(CheckFlagRange("batch", absl::GetFlag(FLAGS_batch), 1));
  GRADUS_RETURN_IF_ERROR(CheckFlagRange("elements", absl::GetFlag(FLAGS_elements), 1));
  if (!(absl::GetFlag(FLAGS_tolerance) > 0)) return WrongFlags("--tolerance must be above 0");
  GRADUS_ASSIGN_OR_RETURN(const LoadedModel model, LoadModel(UserPath(absl::GetFlag(FLAGS_model))));
  GRADUS_ASSIGN_OR_RETURN(const GradientReport report, CheckModel(model));
  PrintReport(report);
  GRADUS_RETURN_IF_ERROR(Judge(report));
  return 0;
}

}  // namespace
}  // namespace gradus

int main(int argc, char** argv) { return gradus::RunProgram(argc, argv, kUsage, gradus::Check); }
