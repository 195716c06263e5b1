// The layers Rnn, Lstm and Gru: for each layer and direction a Dense of the inputs of all steps, and Recurrent.
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "core/random.h"
#include "core/status_macros.h"
#include "graph/builtin_ops.h"
#include "graph/layer.h"
#include "ops/concat.h"
#include "ops/dense.h"
#include "ops/dropout.h"
#include "ops/recurrent.h"
#include "ops/reshape.h"
#include "ops/slice.h"
#include "proto/layers.pb.h"

namespace gradus {
namespace {

constexpr int64_t kMostLayers = 1000;

// What the three messages have in common.
struct Settings {
  template <typename Config>
  Settings(const Config& config, RecurrentCell cell)
      : cell(cell),
        has_units(config.has_units()),
        units(config.units()),
        layers(config.layers()),
        direction(config.direction()),
        merge(config.merge()),
        carry_state(config.carry_state()),
        dropout(config.dropout()),
        bias(config.bias()),
        weights_init(&config.weights_init()),
        recurrent_init(&config.recurrent_init()),
        bias_init(&config.bias_init()) {
    for (int operand : config.takes()) takes.push_back(static_cast<RecurrentInput>(operand));
  }

  RecurrentCell cell;
  bool has_units;
  int64_t units, layers;
  Direction direction;
  DirectionMerge merge;
  std::vector<RecurrentInput> takes;
  bool carry_state;
  double dropout;
  bool bias;
  double forget_bias = 0;
  const Initializer *weights_init, *recurrent_init, *bias_init;

  int64_t directions() const { return direction == BIDIRECTIONAL ? 2 : 1; }
};

class RecurrentLayer {
 public:
  RecurrentLayer(LayerContext& context, Settings settings)
      : context_(context), settings_(std::move(settings)), facts_(FactsOf(settings_.cell)) {}

  absl::StatusOr<Value> Lower() {
    GRADUS_RETURN_IF_ERROR(CheckFields());
    GRADUS_RETURN_IF_ERROR(TakeInputs());
    Value x = context_.input(0);
    for (int64_t layer = 0; layer < settings_.layers; ++layer) {
      const std::string prefix = settings_.layers == 1 ? "" : absl::StrCat(layer + 1, "/");
      if (layer > 0 && settings_.dropout > 0 && context_.training()) {
        const std::string suffix = absl::StrCat(prefix, "dropout");
        GRADUS_ASSIGN_OR_RETURN(
            x, context_.Call("Dropout", {x},
                             DropoutAttrs{settings_.dropout, StableHash(absl::StrCat(context_.name(), "/", suffix))},
                             suffix));
      }
      std::vector<Value> ys;
      if (settings_.direction != REVERSE) {
        GRADUS_ASSIGN_OR_RETURN(ys.emplace_back(), AddDirection(x, prefix, false));
      }
      if (settings_.direction != FORWARD) {
        GRADUS_ASSIGN_OR_RETURN(ys.emplace_back(), AddDirection(x, absl::StrCat(prefix, "reverse/"), true));
      }
      GRADUS_ASSIGN_OR_RETURN(x, Merge(ys, prefix));
    }
    GRADUS_RETURN_IF_ERROR(GiveStates("final_state", hidden_, initial_state_));
    if (facts_.has_cell) GRADUS_RETURN_IF_ERROR(GiveStates("final_cell", cells_, initial_cell_));
    return x;
  }

 private:
  absl::Status CheckFields() {
    const TensorType& x = context_.num_inputs() == 0 ? TensorType{} : context_.type(context_.input(0));
    if (x.dtype != DType::kFloat32 || x.shape.rank() != 3 || x.shape[2] == 0) {
      return context_.Error("", absl::StrCat("expected a sequence f32[N, T, features]; got ", x.ToString()));
    }
    if (!settings_.has_units) return context_.Error("", "has no units: the size of the hidden state");
    if (settings_.units < 1) {
      return context_.Error("units", absl::StrCat("units is ", settings_.units, "; expected 1 or more"));
    }
    if (settings_.layers < 1 || settings_.layers > kMostLayers) {
      return context_.Error("layers", absl::StrCat("layers is ", settings_.layers, "; expected 1 to ", kMostLayers));
    }
    if (!(settings_.dropout >= 0 && settings_.dropout < 1)) {
      return context_.Error("dropout", absl::StrCat("dropout is ", settings_.dropout, "; it must be in [0, 1)"));
    }
    if (settings_.dropout > 0 && settings_.layers == 1) {
      return context_.Error("dropout", "dropout is between stacked layers, and there is one; use a dropout layer");
    }
    if (!std::isfinite(settings_.forget_bias)) return context_.Error("forget_bias", "forget_bias is not finite");
    if (settings_.carry_state && settings_.direction != FORWARD) {
      return context_.Error("carry_state",
                            "a state can be carried on FORWARD only: the end of a piece comes last there");
    }
    GRADUS_RETURN_IF_ERROR(CheckShape({facts_.gates, settings_.units, settings_.units}));
    GRADUS_RETURN_IF_ERROR(CheckShape({x.shape[0], x.shape[1], facts_.gates, settings_.units}));
    GRADUS_RETURN_IF_ERROR(CheckShape({facts_.gates, settings_.units, x.shape[2]}));
    return CheckShape({facts_.gates, settings_.units, settings_.directions() * settings_.units});
  }

  absl::Status CheckShape(const Dims& dims) const {
    const absl::StatusOr<Shape> shape = Shape::Make(dims);
    return shape.ok() ? absl::OkStatus() : context_.Error("units", shape.status().message());
  }

  int64_t batch() const { return context_.shape(context_.input(0))[0]; }
  int64_t steps() const { return context_.shape(context_.input(0))[1]; }
  Shape StateShape() const { return Shape{batch(), settings_.layers * settings_.directions(), settings_.units}; }

  // The inputs after the first, and the states that are carried.
  absl::Status TakeInputs() {
    const int count = static_cast<int>(settings_.takes.size());
    if (context_.num_inputs() != 1 + count) {
      return context_.Error(
          "", absl::StrCat(
                  "takes ", 1 + count, " inputs, the sequence and what `takes` says; it has ", context_.num_inputs(),
                  context_.num_inputs() > 1 + count ? ": say what the others are, as in takes: [LENGTHS, INITIAL_STATE]"
                                                    : ""));
    }
    for (int i = 0; i < count; ++i) {
      const std::string field = absl::StrCat("takes[", i, "]");
      const RecurrentInput kind = settings_.takes[i];
      const std::string name = RecurrentInput_Name(kind);
      Value& place = kind == LENGTHS ? lengths_ : kind == INITIAL_STATE ? initial_state_ : initial_cell_;
      if (place.valid()) return context_.Error(field, absl::StrCat(name, " is there twice"));
      if (kind == INITIAL_CELL && !facts_.has_cell) return context_.Error(field, "only an lstm has cells");
      if (kind != LENGTHS && settings_.carry_state) {
        return context_.Error(field, absl::StrCat(name, " and carry_state exclude each other"));
      }
      place = context_.input(1 + i);
      const TensorType expected =
          kind == LENGTHS ? TensorType{DType::kInt32, Shape{batch()}} : TensorType{DType::kFloat32, StateShape()};
      if (context_.type(place) != expected) {
        return context_.Error(field, absl::StrCat(name, " is ", expected.ToString(), " here; the input is ",
                                                  context_.type(place).ToString()));
      }
    }
    if (settings_.carry_state) {
      GRADUS_ASSIGN_OR_RETURN(initial_state_, context_.Carried("carried_state", StateShape()));
      if (facts_.has_cell) {
        GRADUS_ASSIGN_OR_RETURN(initial_cell_, context_.Carried("carried_cell", StateShape()));
      }
    }
    return absl::OkStatus();
  }

  // f32[N, H]: the initial state of the next direction, of those in `states`; zeros where there are none.
  absl::StatusOr<Value> Initial(Value states, const std::string& suffix) {
    const Shape state{batch(), settings_.units};
    if (!states.valid()) return context_.Call("Fill", {}, FillAttrs{{DType::kFloat32, state}, 0}, suffix);
    const auto index = static_cast<int64_t>(hidden_.size());
    if (context_.shape(states)[1] > 1) {
      const SliceAttrs part{{0, index, 0}, {batch(), index + 1, settings_.units}};
      GRADUS_ASSIGN_OR_RETURN(states, context_.Call("Slice", {states}, part, absl::StrCat(suffix, "_of_all")));
    }
    return context_.Call("Reshape", {states}, ReshapeAttrs{state}, suffix);
  }

  absl::StatusOr<Value> AddDirection(Value x, const std::string& prefix, bool reverse) {
    const int64_t inputs = context_.shape(x)[2], units = settings_.units, rows = facts_.gates * units;
    const auto name = [&](absl::string_view suffix) { return absl::StrCat(prefix, suffix); };
    GRADUS_ASSIGN_OR_RETURN(const Value weights,
                            context_.Parameter(name("weights"), Shape{rows, inputs}, settings_.weights_init,
                                               "xavier {}", static_cast<double>(inputs), static_cast<double>(units)));
    GRADUS_ASSIGN_OR_RETURN(
        const Value recurrent,
        context_.Parameter(name("recurrent_weights"), Shape{rows, units}, settings_.recurrent_init, "orthogonal {}",
                           static_cast<double>(units), static_cast<double>(units)));
    std::vector<Value> dense = {x, weights};
    if (settings_.bias) {
      GRADUS_ASSIGN_OR_RETURN(dense.emplace_back(),
                              context_.Parameter(name("bias"), Shape{rows}, settings_.bias_init, "constant {}"));
    }
    GRADUS_ASSIGN_OR_RETURN(
        dense[0], context_.Call("Reshape", {x}, ReshapeAttrs{Shape{batch() * steps(), inputs}}, name("inputs/rows")));
    GRADUS_ASSIGN_OR_RETURN(Value products, context_.Call("Dense", std::move(dense), DenseAttrs{}, name("inputs")));
    GRADUS_ASSIGN_OR_RETURN(products, context_.Call("Reshape", {products}, ReshapeAttrs{Shape{batch(), steps(), rows}},
                                                    name("inputs/steps")));
    std::vector<Value> operands = {products, recurrent};
    GRADUS_ASSIGN_OR_RETURN(operands.emplace_back(), Initial(initial_state_, name("initial_state")));
    if (facts_.has_bias) {
      GRADUS_ASSIGN_OR_RETURN(operands.emplace_back(), RecurrentBias(name("recurrent_bias")));
    }
    if (facts_.has_cell) {
      GRADUS_ASSIGN_OR_RETURN(operands.emplace_back(), Initial(initial_cell_, name("initial_cell")));
    }
    if (lengths_.valid()) operands.push_back(lengths_);
    const RecurrentAttrs attrs{settings_.cell, reverse, lengths_.valid(), settings_.forget_bias};
    GRADUS_ASSIGN_OR_RETURN(const Value y, context_.Call("Recurrent", std::move(operands), attrs, name("steps")));
    hidden_.push_back(Value{y.node, 1});
    if (facts_.has_cell) cells_.push_back(Value{y.node, RecurrentOperands(attrs).c});
    return y;
  }

  absl::StatusOr<Value> RecurrentBias(const std::string& name) {
    const Shape shape{settings_.units};
    if (settings_.bias) return context_.Parameter(name, shape, settings_.bias_init, "constant {}");
    return context_.Call("Fill", {}, FillAttrs{{DType::kFloat32, shape}, 0}, name);
  }

  absl::StatusOr<Value> Merge(std::vector<Value> ys, const std::string& prefix) {
    if (ys.size() == 1) return ys[0];
    if (settings_.merge == SUM_DIRECTIONS) return context_.Call("AddN", std::move(ys), {}, absl::StrCat(prefix, "sum"));
    return context_.Call("Concat", std::move(ys), ConcatAttrs{2}, absl::StrCat(prefix, "both"));
  }

  // The second and third output, and what is carried to the next batch.
  absl::Status GiveStates(const std::string& name, const std::vector<Value>& states, Value carried) {
    Value all = states[0];
    if (states.size() > 1) {
      GRADUS_ASSIGN_OR_RETURN(all, context_.Call("Concat", states, ConcatAttrs{1}, absl::StrCat(name, "/all")));
    }
    GRADUS_ASSIGN_OR_RETURN(all, context_.Call("Reshape", {all}, ReshapeAttrs{StateShape()}, name));
    context_.AddOutput(name, all);
    return settings_.carry_state ? context_.Commit(carried, all) : absl::OkStatus();
  }

  LayerContext& context_;
  const Settings settings_;
  const CellFacts facts_;
  Value lengths_, initial_state_, initial_cell_;
  std::vector<Value> hidden_, cells_;  // final states so far
};

absl::StatusOr<Value> LowerRnn(LayerContext& context) {
  const auto& config = context.config<Rnn>();
  if (config.activation() != TANH && config.activation() != RELU) {
    return context.Error("activation", absl::StrCat("activation is ", UnaryFunction_Name(config.activation()),
                                                    "; an rnn has TANH or RELU"));
  }
  const RecurrentCell cell = config.activation() == TANH ? RecurrentCell::kTanh : RecurrentCell::kRelu;
  return RecurrentLayer(context, Settings(config, cell)).Lower();
}

absl::StatusOr<Value> LowerLstm(LayerContext& context) {
  const auto& config = context.config<Lstm>();
  Settings settings(config, RecurrentCell::kLstm);
  settings.forget_bias = config.forget_bias();
  return RecurrentLayer(context, std::move(settings)).Lower();
}

absl::StatusOr<Value> LowerGru(LayerContext& context) {
  return RecurrentLayer(context, Settings(context.config<Gru>(), RecurrentCell::kGru)).Lower();
}

REGISTER_LAYER(Rnn, "gradus.Rnn", LowerRnn);
REGISTER_LAYER(Lstm, "gradus.Lstm", LowerLstm);
REGISTER_LAYER(Gru, "gradus.Gru", LowerGru);

}  // namespace
}  // namespace gradus
