#include "examples/model_gradient_check.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/human.h"
#include "core/memory_limit.h"
#include "core/random.h"
#include "core/status_macros.h"
#include "core/tensor.h"
#include "examples/text_table.h"
#include "graph/builtin_ops.h"
#include "graph/initializer.h"
#include "graph/lower.h"
#include "graph/training.h"

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

// Whether all values fit into memory at once, in float64; before any of them is made.
absl::Status CheckMemory(const Graph& graph) {
  double bytes = 0;
  for (const Node& node : graph.nodes()) {
    for (const TensorType& type : node.outputs) bytes += 8 * static_cast<double>(type.shape.num_elements());
  }
  const int64_t limit = MemoryLimit();
  if (bytes <= static_cast<double>(limit)) return absl::OkStatus();
  return absl::ResourceExhaustedError(absl::StrFormat(
      "the model's values need about %.3g bytes in float64, but this process can get %s; a smaller batch needs less",
      bytes, HumanBytes(limit)));
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

std::string Place(const TensorGradientCheck& check) {
  if (check.probes == 0) return "nothing compared";
  return check.worst.element < 0 ? "random direction" : IndexText(check.shape, check.worst.element);
}

}  // namespace

absl::StatusOr<GradientReport> CheckModelGradients(const LoadedModel& model, const ModelGradientOptions& options) {
  LowerOptions lower;
  lower.mode = Mode::kTrain;
  lower.batch = options.batch;
  lower.input_dims = options.input_dims;
  GRADUS_ASSIGN_OR_RETURN(Network network, Lower(model.model, lower));
  if (network.losses.empty()) {
    return absl::FailedPreconditionError(absl::StrCat(model.path, ": it has no loss that runs in training"));
  }
  Graph& graph = network.graph;
  std::vector<Value> ys, dys, parameters;
  const std::vector<LossScale> scales = LossScales(network);
  for (size_t i = 0; i < scales.size(); ++i) {
    const Value values = network.losses[i].values;
    Graph::NodeSpec seed;
    seed.op = "Fill";
    seed.name = absl::StrCat(network.losses[i].name, "/seed");
    seed.attrs = FillAttrs{graph.type(values), scales[i].factor};
    GRADUS_ASSIGN_OR_RETURN(const Value dy, graph.Add(std::move(seed)));
    ys.push_back(values);
    dys.push_back(dy);
  }
  for (size_t i = 0; i < graph.variables().size(); ++i) {
    if (graph.variables()[i].role == Role::kParameter) parameters.push_back(graph.ReadOf(static_cast<int>(i)));
  }
  if (parameters.empty()) return absl::FailedPreconditionError(absl::StrCat(model.path, ": it has no parameter"));
  GRADUS_RETURN_IF_ERROR(CheckMemory(graph));
  GRADUS_ASSIGN_OR_RETURN(const ReferenceFeeds feeds, MakeFeeds(model.model.model(), network, options.check.seed));
  return CheckGradients(&graph, ys, dys, parameters, feeds, options.check);
}

std::string GradientTable(const GradientReport& report) {
  using Align = TextTable::Align;
  TextTable table({Align::kLeft, Align::kLeft, Align::kRight, Align::kRight, Align::kRight, Align::kLeft, Align::kRight,
                   Align::kRight});
  table.Add({"parameter", "shape", "compared", "kinks", "worst error", "at", "gradient", "difference"});
  table.AddRule();
  for (const TensorGradientCheck& check : report.tensors) {
    table.Add({check.name, check.shape.ToString(), absl::StrCat(check.probes), absl::StrCat(check.kinks),
               absl::StrFormat("%.1e", check.worst.difference), Place(check),
               absl::StrFormat("%.6g", check.worst.analytic), absl::StrFormat("%.6g", check.worst.numeric)});
  }
  const auto worst = absl::c_max_element(
      report.tensors, [](const auto& a, const auto& b) { return a.worst.difference < b.worst.difference; });
  return absl::StrCat(table.ToString(), "\n",
                      absl::StrFormat("worst: %s, relative error %.1e at %s; tolerance %.1e\n", worst->name,
                                      worst->worst.difference, Place(*worst), report.tolerance));
}

absl::Status JudgeGradients(const GradientReport& report) {
  if (report.ok()) return absl::OkStatus();
  std::string message = "wrong gradients:";
  for (const TensorGradientCheck& check : report.tensors) {
    const bool compared = check.probes > 0 || check.shape.num_elements() == 0;
    if (compared && check.worst.error <= report.tolerance) continue;
    absl::StrAppend(&message, "\n  ", check.ToString());
  }
  return absl::FailedPreconditionError(message);
}

}  // namespace gradus
