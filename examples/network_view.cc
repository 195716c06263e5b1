#include "examples/network_view.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/check.h"
#include "core/nearest_name.h"
#include "core/status_macros.h"
#include "graph/builtin_ops.h"
#include "graph/op.h"
#include "graph/program.h"
#include "ops/binary.h"
#include "ops/pool.h"
#include "ops/reduce.h"
#include "ops/unary.h"

namespace gradus {
namespace {

constexpr char kSeed[] = "view/seed";
constexpr char kValue[] = "view/value";
constexpr char kGradient[] = "view/gradient";
constexpr char kNext[] = "view/next";

// The value of a layer or an input; `kind` says which for the error.
template <typename Named>
absl::StatusOr<Value> FindNamed(const std::vector<Named>& all, Value Named::*value, absl::string_view kind,
                                const std::string& name) {
  std::vector<std::string> names;
  for (const Named& named : all) {
    if (named.name == name) return named.*value;
    names.push_back(named.name);
  }
  return absl::NotFoundError(absl::StrCat("the model has no ", kind, " '", name, "'", Suggestion(name, names)));
}

Shape WithoutBatch(const Shape& shape) {
  return *Shape::Make(Dims(shape.dims().begin() + 1, shape.dims().end()));  // a part of a shape is one
}

// Nodes of one name; after an error nothing more is added.
class Nodes {
 public:
  Nodes(Graph* graph, std::string name) : graph_(graph), name_(std::move(name)) {}

  Value Add(absl::string_view op, std::vector<Value> inputs, Attrs attrs) {
    if (!status_.ok()) return Value{};
    absl::StatusOr<Value> added = graph_->Add({op, name_, std::move(inputs), std::move(attrs), {}});
    if (added.ok()) return *added;
    status_ = added.status();
    return Value{};
  }
  Value Constant(double value) { return Add("Fill", {}, FillAttrs{{DType::kFloat32, Shape()}, value}); }
  Value Both(Binary::Function function, Value a, Value b) { return Add("Binary", {a, b}, BinaryAttrs{function}); }
  const absl::Status& status() const { return status_; }

 private:
  Graph* graph_;
  std::string name_;
  absl::Status status_;
};

// See AscentOptions. A gradient of zeros leaves the image as it is.
absl::StatusOr<Value> AddAscent(Graph* graph, Value x, Value gradient, const AscentOptions& ascent) {
  Nodes nodes(graph, kNext);
  const Value square = nodes.Add("Unary", {gradient}, UnaryWithDefaults(SQUARE));
  const Value mean = nodes.Add("Reduce", {square}, ReduceAttrs{Reduce::MEAN, {1, 2, 3}, /*keep_dims=*/true});
  const Value rms = nodes.Add("Unary", {mean}, UnaryWithDefaults(SQRT));
  const Value scale =
      nodes.Both(Binary::DIVIDE, nodes.Constant(ascent.rate), nodes.Both(Binary::ADD, rms, nodes.Constant(1e-12)));
  Value z = nodes.Both(Binary::ADD, x, nodes.Both(Binary::MULTIPLY, gradient, scale));
  if (ascent.blur > 0) {
    const Dims ones = {1, 1};
    const AveragePoolAttrs average = {{{3, 3}, ones, ones, ones, ones}, /*count_padding=*/false, {0, 0}};
    const Value smooth =
        nodes.Both(Binary::MULTIPLY, nodes.Add("AveragePool", {z}, average), nodes.Constant(ascent.blur));
    z = nodes.Both(Binary::ADD, nodes.Both(Binary::MULTIPLY, z, nodes.Constant(1 - ascent.blur)), smooth);
  }
  z = nodes.Both(Binary::MAXIMUM, z, nodes.Constant(ascent.least));
  z = nodes.Both(Binary::MINIMUM, z, nodes.Constant(ascent.largest));
  if (!nodes.status().ok()) return nodes.status();
  return z;
}

// What goes back from `layer` to `image`, by a seed that is fed.
absl::Status AddBackward(Program* program, Value image, Value layer, const NetworkView::Options& options) {
  Graph& graph = program->graph;
  GRADUS_ASSIGN_OR_RETURN(const Value seed, graph.Add({"Input", kSeed, {}, InputAttrs{graph.type(layer)}, {}}));
  GRADUS_ASSIGN_OR_RETURN(const std::vector<Value> gradients,
                          AddGradients(&graph, {layer}, {seed}, {image}, options.rules));
  if (!gradients[0].valid()) {
    return absl::FailedPreconditionError(absl::StrCat("no gradient flows from layer '", options.layer, "' to input '",
                                                      graph.node(image).name, "': it cannot be looked at this way"));
  }
  program->fetches.push_back({kGradient, gradients[0]});
  if (options.ascent) {
    GRADUS_ASSIGN_OR_RETURN(const Value next, AddAscent(&graph, image, gradients[0], *options.ascent));
    program->fetches.push_back({kNext, next});
  }
  return absl::OkStatus();
}

// Examples [begin, begin + batch) in one tensor; those past the end repeat the last.
Tensor Stack(absl::Span<const Tensor> examples, size_t begin, int64_t batch) {
  Dims dims = {batch};
  const Shape& shape = examples[0].shape();
  dims.insert(dims.end(), shape.dims().begin(), shape.dims().end());
  Tensor stacked(TensorType{DType::kFloat32, *Shape::Make(dims)});
  const int64_t bytes = examples[0].bytes();
  for (int64_t i = 0; i < batch; ++i) {
    const Tensor& example = examples[std::min(begin + i, examples.size() - 1)];
    std::memcpy(stacked.data() + i * bytes, example.data(), bytes);
  }
  return stacked;
}

// Whether the plan wants it: what goes back through linear layers alone depends on no image.
bool Feeds(const Plan& plan, absl::string_view name) {
  return std::find(plan.feeds().begin(), plan.feeds().end(), name) != plan.feeds().end();
}

}  // namespace

absl::StatusOr<NetworkView> NetworkView::Make(const ExpandedModel& model, const std::string& image,
                                              const Options& options, Session* session) {
  NetworkView view(image, options, session);
  for (const bool backward : {false, true}) {
    if (backward && !options.backward && !options.ascent) break;
    LowerOptions lower;
    lower.mode = Mode::kInfer;
    lower.batch = options.batch;
    GRADUS_ASSIGN_OR_RETURN(Network network, Lower(model, lower));
    GRADUS_ASSIGN_OR_RETURN(const Value x, FindNamed(network.inputs, &NamedValue::value, "input", image));
    GRADUS_ASSIGN_OR_RETURN(Value layer, FindNamed(network.layers, &LoweredLayer::output, "layer", options.layer));
    if (const Node& last = network.graph.node(layer); options.before_activation && last.op->name() == "Unary") {
      layer = last.inputs[0];
    }
    const TensorType& type = network.graph.type(layer);
    if (type.dtype != DType::kFloat32 || (type.shape.rank() != 4 && type.shape.rank() != 2)) {
      return absl::FailedPreconditionError(absl::StrCat("layer '", options.layer, "' gives ", type.ToString(),
                                                        "; a view needs maps, f32[N, C, H, W], or f32[N, units]"));
    }
    view.image_shape_ = WithoutBatch(network.graph.type(x).shape);
    view.layer_shape_ = WithoutBatch(type.shape);
    Program program;
    program.graph = std::move(network.graph);
    program.inference = !backward;  // else what the way back needs is kept, such as switches
    if (backward) {
      GRADUS_RETURN_IF_ERROR(AddBackward(&program, x, layer, options));
    } else {
      program.fetches.push_back({kValue, layer});
    }
    GRADUS_ASSIGN_OR_RETURN((backward ? view.backward_ : view.forward_), session->Compile(std::move(program)));
  }
  return view;
}

absl::StatusOr<std::vector<Tensor>> NetworkView::Run(const char* fetch, absl::Span<const Tensor> images,
                                                     absl::Span<const Tensor> seeds) {
  Plan* const plan = fetch == kValue ? forward_ : backward_;
  GRADUS_CHECK(plan != nullptr && (plan == forward_ || seeds.size() == images.size()));
  const Shape& shape = fetch == kValue ? layer_shape_ : image_shape_;
  std::vector<Tensor> results;
  for (size_t begin = 0; begin < images.size(); begin += options_.batch) {
    if (Feeds(*plan, image_)) {
      GRADUS_RETURN_IF_ERROR(session_->Feed(plan, image_, Stack(images, begin, options_.batch)));
    }
    if (Feeds(*plan, kSeed)) {
      GRADUS_RETURN_IF_ERROR(session_->Feed(plan, kSeed, Stack(seeds, begin, options_.batch)));
    }
    GRADUS_RETURN_IF_ERROR(session_->Run(plan, Stage::kCompute));
    GRADUS_ASSIGN_OR_RETURN(const Tensor all, session_->Fetch(plan, fetch));
    const int64_t elements = shape.num_elements();
    for (int64_t i = 0; i < options_.batch && begin + i < images.size(); ++i) {
      results.push_back(Tensor::Of<float>(shape, all.values<float>().subspan(i * elements, elements)));
    }
  }
  return results;
}

absl::StatusOr<std::vector<Tensor>> NetworkView::Forward(absl::Span<const Tensor> images) {
  return Run(kValue, images, {});
}

absl::StatusOr<std::vector<Tensor>> NetworkView::Backward(absl::Span<const Tensor> images,
                                                          absl::Span<const Tensor> seeds) {
  return Run(kGradient, images, seeds);
}

absl::StatusOr<std::vector<Tensor>> NetworkView::Ascend(absl::Span<const Tensor> images,
                                                        absl::Span<const Tensor> seeds) {
  return Run(kNext, images, seeds);
}

}  // namespace gradus
