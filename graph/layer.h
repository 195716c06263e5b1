// Lowering of one layer, loss or metric: from its message to nodes. Functions are registered by the full name of the
// message, so members of Layer's oneof and extensions from elsewhere are alike.
//
//   absl::StatusOr<Value> LowerSoftmax(LayerContext& context);
//   REGISTER_LAYER(Softmax, "gradus.Softmax", LowerSoftmax);
#ifndef GRADUS_GRAPH_LAYER_H_
#define GRADUS_GRAPH_LAYER_H_

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "core/registry.h"
#include "graph/graph.h"

namespace google::protobuf {
class Message;
}

namespace gradus {

// Decided when lowering, never inside a kernel.
enum class Mode : uint8_t {
  kTrain,     // losses; dropout drops, batch norm uses the batch's statistics
  kEvaluate,  // losses and metrics, on running statistics
  kInfer,     // outputs only
};

class LayerContext {
 public:
  // Where the place of a field ("kernel[0]") is to be found.
  using FieldPlace = std::function<SourceLocation(absl::string_view field)>;

  // Which variable a layer's parameter is ("conv1/weights"): its own or another's. An error when layers go by the same
  // name, or share in a circle.
  struct ParameterName {
    std::string name;
    const Initializer* initializer = nullptr;  // of a variable that says more than the layer
  };
  using ParameterNames = std::function<absl::StatusOr<ParameterName>(const std::string& own_name)>;

  LayerContext(Graph* graph, Mode mode, std::string name, const google::protobuf::Message* config,
               std::vector<Value> inputs, Value target, SourceLocation where, FieldPlace place,
               ParameterNames parameter_names = nullptr);

  // For a part of this layer that is a layer itself, with a message of its own: named `<layer>/<suffix>`, its fields
  // those of `field`. Borrows the message.
  LayerContext Part(absl::string_view suffix, const google::protobuf::Message* config, std::vector<Value> inputs,
                    absl::string_view field) const;

  template <typename T>
  const T& config() const {
    return static_cast<const T&>(*config_);
  }
  const std::string& name() const { return name_; }
  Mode mode() const { return mode_; }
  bool training() const { return mode_ == Mode::kTrain; }
  Graph& graph() { return *graph_; }

  int num_inputs() const { return static_cast<int>(inputs_.size()); }
  Value input(int i) const { return inputs_[i]; }
  const TensorType& type(Value value) const { return graph_->type(value); }
  const Shape& shape(Value value) const { return graph_->type(value).shape; }
  // What a loss or metric compares its input with; invalid when the text names none.
  Value target() const { return target_; }

  // An error unless the number of inputs is right ("layer 'sum' takes 2 inputs; it has 1").
  absl::Status CheckInputs(int least, int most) const;
  absl::Status CheckTarget(bool needed) const;

  // Adds a node named `<layer>` or `<layer>/<suffix>`; its first output.
  absl::StatusOr<Value> Call(absl::string_view op, std::vector<Value> inputs, Attrs attrs = {},
                             absl::string_view suffix = "");

  // Declares `<layer>/<suffix>`, a trained variable, or what the layer shares instead. `initializer`: what the text
  // says, or null; `fallback` then decides: a text-format gradus.Initializer such as "xavier {}". Fans are inputs
  // feeding one output and outputs fed by one input.
  absl::StatusOr<Value> Parameter(absl::string_view suffix, const Shape& shape, const Initializer* initializer,
                                  absl::string_view fallback, double fan_in = 0, double fan_out = 0);

  // Declares `<layer>/<suffix>`, a variable that steps change but training does not, `initial` everywhere at first.
  absl::StatusOr<Value> State(absl::string_view suffix, const Shape& shape, double initial);

  // Declares `<layer>/<suffix>`, a variable of this plan alone whose shape may contain the batch, zeros at first: what
  // a batch leaves to the next (Scope::kPlan). What training carries is saved with the optimizer's slots.
  absl::StatusOr<Value> Carried(absl::string_view suffix, const Shape& shape);

  // Writes a state variable in the commit phase.
  absl::Status Commit(Value state, Value value) { return graph_->Assign(state, value, Stage::kCommit); }

  // A further output, which models name `<layer>.<output>`.
  void AddOutput(absl::string_view output, Value value) { outputs_.emplace_back(std::string(output), value); }
  const std::vector<std::pair<std::string, Value>>& outputs() const { return outputs_; }

  // An error at a field of the layer's message ("kernel", "stride[1]"; "" is the layer itself).
  absl::Status Error(absl::string_view field, absl::string_view message) const;
  const SourceLocation& where() const { return where_; }

 private:
  Graph* graph_;
  Mode mode_;
  std::string name_;
  const google::protobuf::Message* config_;
  std::vector<Value> inputs_;
  Value target_;
  SourceLocation where_;
  FieldPlace place_;
  ParameterNames parameter_names_;
  std::vector<std::pair<std::string, Value>> outputs_;
};

// A layer's main output. A loss's value for each example, f32[N, ...] (training minimises its mean), or a scalar.
using LayerFunction = std::function<absl::StatusOr<Value>(LayerContext&)>;

struct LayerEntry {
  LayerFunction lower;
};
struct LossEntry {
  LayerFunction lower;
};

// The host's part of a metric. Not thread-safe.
class MetricAccumulator {
 public:
  virtual ~MetricAccumulator() = default;
  // `values`: f32[N], what the graph part gave for each example of a batch; `weights`: 1, or 0 for padding.
  virtual void Add(absl::Span<const float> values, absl::Span<const float> weights) = 0;
  virtual double Result() const = 0;
};

// The weighted mean of what was added; 0 of nothing.
class MeanAccumulator : public MetricAccumulator {
 public:
  void Add(absl::Span<const float> values, absl::Span<const float> weights) override;
  double Result() const override { return weight_ == 0 ? 0 : sum_ / weight_; }

 private:
  double sum_ = 0, weight_ = 0;
};

struct MetricEntry {
  LayerFunction lower;  // gives f32[N, ...]; averaged over all axes but the first before the accumulator sees it
  std::function<std::unique_ptr<MetricAccumulator>()> accumulator = [] { return std::make_unique<MeanAccumulator>(); };
  bool larger_is_better = false;
};

}  // namespace gradus

#define REGISTER_LAYER(name, message, function)            \
  [[maybe_unused]] static const bool gradus_layer_##name = \
      ::gradus::Registry<::gradus::LayerEntry>::Get().Add(message, ::gradus::LayerEntry{function})
#define REGISTER_LOSS(name, message, function)            \
  [[maybe_unused]] static const bool gradus_loss_##name = \
      ::gradus::Registry<::gradus::LossEntry>::Get().Add(message, ::gradus::LossEntry{function})
#define REGISTER_METRIC(name, message, ...)                 \
  [[maybe_unused]] static const bool gradus_metric_##name = \
      ::gradus::Registry<::gradus::MetricEntry>::Get().Add(message, ::gradus::MetricEntry{__VA_ARGS__})

#endif  // GRADUS_GRAPH_LAYER_H_
