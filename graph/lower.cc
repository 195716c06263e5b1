#include "graph/lower.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/nearest_name.h"
#include "core/status_macros.h"
#include "graph/builtin_ops.h"
#include "graph/initializer.h"
#include "graph/parameter_names.h"
#include "graph/term_mask.h"
#include "proto/model.pb.h"

namespace gradus {
namespace {

constexpr double kMostLossWeight = 1e30;

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

// The member of the oneof or the extension that says what a layer, loss or metric is.
struct Kind {
  std::string path;  // "conv" or "[acme.roi_align]"
  const Message* config = nullptr;
};

Kind KindOf(const Message& message) {
  std::vector<const FieldDescriptor*> fields;
  message.GetReflection()->ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    const bool is_kind = field->is_extension() || field->containing_oneof() != nullptr;
    if (!is_kind || field->is_repeated() || field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) continue;
    return {field->is_extension() ? absl::StrCat("[", field->full_name(), "]") : field->name(),
            &message.GetReflection()->GetMessage(message, field)};
  }
  return {};
}

bool Runs(Phase only, Mode mode) {
  switch (only) {
    case TRAIN:
      return mode == Mode::kTrain;
    case EVALUATE:
      return mode == Mode::kEvaluate;
    default:
      return true;
  }
}

class Lowering {
 public:
  Lowering(const ExpandedModel& model, const LowerOptions& options)
      : model_(model), options_(options), names_(model.model()) {
    network_.mode = options.mode;
    network_.batch = options.batch;
  }

  absl::StatusOr<Network> Run() {
    if (options_.batch <= 0) {
      return absl::InvalidArgumentError(absl::StrCat("the batch size is ", options_.batch, "; it must be above 0"));
    }
    Keep(CheckInputDims());
    for (int i = 0; i < proto().input_size(); ++i) Keep(AddInput(i));
    for (int i = 0; i < proto().variable_size(); ++i) Keep(AddVariable(i));
    for (int i = 0; i < proto().layer_size(); ++i) {
      if (Runs(proto().layer(i).only(), options_.mode)) Keep(AddLayer(i));
    }
    for (const ParameterNames::Shared& shared : names_.shared()) Keep(CheckShared(shared));
    for (int i = 0; i < proto().layer_size(); ++i) Keep(CheckShares(i));
    if (options_.mode != Mode::kInfer) {
      for (int i = 0; i < proto().loss_size(); ++i) {
        if (Runs(proto().loss(i).only(), options_.mode)) Keep(AddLoss(i));
      }
    }
    if (options_.mode == Mode::kEvaluate) {
      for (int i = 0; i < proto().metric_size(); ++i) {
        if (Runs(proto().metric(i).only(), options_.mode)) Keep(AddMetric(i));
      }
    }
    for (int i = 0; i < proto().output_size(); ++i) {
      const std::string& name = proto().output(i);
      auto found = values_.find(name);
      if (found == values_.end()) {
        Keep(UnknownOutput(name, model_.WhereOutput(i)));
      } else if (found->second.valid()) {
        network_.outputs.push_back({name, found->second});
      }
    }
    for (const Variable& variable : network_.graph.variables()) Keep(CheckInitializerOf(variable));
    if (!errors_.empty()) return absl::InvalidArgumentError(absl::StrJoin(errors_, "\n"));
    return std::move(network_);
  }

 private:
  const Model& proto() const { return model_.model(); }

  void Keep(const absl::Status& status) {
    if (!status.ok()) errors_.push_back(std::string(status.message()));
  }

  absl::Status CheckInputDims() const {
    std::vector<std::string> known;
    for (const Input& input : proto().input()) known.push_back(input.name());
    for (const auto& [name, dims] : options_.input_dims) {
      if (std::find(known.begin(), known.end(), name) != known.end()) continue;
      return absl::InvalidArgumentError(
          absl::StrCat("there is no input '", name, "' to give dimensions", Suggestion(name, known)));
    }
    return absl::OkStatus();
  }

  absl::Status AddInput(int i) {
    const Input& input = proto().input(i);
    values_[input.name()] = Value{};
    const SourceLocation where = model_.Where(absl::StrCat("input[", i, "]"));
    Dims dims = {options_.batch};
    dims.insert(dims.end(), input.dims().begin(), input.dims().end());
    if (auto given = options_.input_dims.find(input.name()); given != options_.input_dims.end()) {
      const Dims& known = given->second.dims();
      bool agree = known.size() + 1 == dims.size();
      for (size_t d = 0; agree && d < known.size(); ++d) agree = dims[d + 1] == -1 || dims[d + 1] == known[d];
      if (!agree) {
        return ErrorAt(where,
                       absl::StrCat("input '", input.name(), "' is ", given->second.ToString(),
                                    " per example, but the model says [", absl::StrJoin(input.dims(), ", "), "]"));
      }
      dims.resize(1);
      dims.insert(dims.end(), known.begin(), known.end());
    }
    for (int64_t dim : dims) {
      if (dim == -1) {
        return ErrorAt(where,
                       absl::StrCat("input '", input.name(), "' has a free dimension (-1), which has to be given"));
      }
    }
    absl::StatusOr<Shape> shape = Shape::Make(dims);
    if (!shape.ok()) {
      return ErrorAt(where, absl::StrCat("input '", input.name(), "': ", shape.status().message()));
    }
    const TensorType type = {input.dtype() == Input::INT32 ? DType::kInt32 : DType::kFloat32, *shape};
    GRADUS_ASSIGN_OR_RETURN(
        Value value, network_.graph.Add({"Input", input.name(), {}, InputAttrs{type}, where, Stage::kCompute, -1}));
    values_[input.name()] = value;
    network_.inputs.push_back({input.name(), value});
    return absl::OkStatus();
  }

  // A variable that says its shape is a value. Its fans are those of a matrix that a row is multiplied by.
  absl::Status AddVariable(int i) {
    const SharedVariable& shared = proto().variable(i);
    if (shared.dims().empty()) return absl::OkStatus();
    values_[shared.name()] = Value{};
    Initializer initializer = shared.init();
    if (initializer.kind_case() == Initializer::KIND_NOT_SET) initializer.mutable_xavier();
    Variable variable;
    variable.name = shared.name();
    variable.where = model_.Where(absl::StrCat("variable[", i, "]"));
    absl::StatusOr<Shape> shape = Shape::Make(Dims(shared.dims().begin(), shared.dims().end()));
    if (!shape.ok()) {
      return ErrorAt(variable.where, absl::StrCat("variable '", shared.name(), "': ", shape.status().message()));
    }
    variable.type = {DType::kFloat32, *shape};
    variable.initializer = initializer.SerializeAsString();
    variable.fan_out = static_cast<double>((*shape)[shape->rank() - 1]);
    variable.fan_in = static_cast<double>(shape->num_elements()) / variable.fan_out;
    GRADUS_ASSIGN_OR_RETURN(values_[shared.name()], network_.graph.AddVariable(std::move(variable)));
    return absl::OkStatus();
  }

  // The values of names, or nullopt when one of them failed before (and was reported then).
  template <typename Names>
  bool Resolve(const Names& names, std::vector<Value>* values) const {
    for (const std::string& name : names) {
      auto found = values_.find(name);
      if (found == values_.end() || !found->second.valid()) return false;
      values->push_back(found->second);
    }
    return true;
  }

  template <typename Names>
  bool AllKnown(const Names& names) const {
    for (const std::string& name : names) {
      if (!values_.contains(name)) return false;
    }
    return true;
  }

  // "layer.output" where the layer has no such output: the expansion cannot know.
  absl::Status UnknownOutput(const std::string& name, const SourceLocation& where) const {
    std::vector<std::string> known;
    for (const auto& [value, unused] : values_) known.push_back(value);
    std::sort(known.begin(), known.end());
    return ErrorAt(where, absl::StrCat("no input or layer gives '", name, "'", Suggestion(name, known, 0)));
  }

  template <typename Names>
  absl::Status FirstUnknown(const Names& names, const std::string& path) const {
    int i = 0;
    for (const std::string& name : names) {
      if (!values_.contains(name)) return UnknownOutput(name, model_.Where(absl::StrCat(path, ".input[", i, "]")));
      ++i;
    }
    return absl::OkStatus();
  }

  // Says after an error what the inputs were and where they come from.
  absl::Status WithInputs(const absl::Status& status, const std::vector<Value>& inputs) const {
    std::string message(status.message());
    for (Value input : inputs) {
      const Node& node = network_.graph.node(input);
      absl::StrAppend(&message, "\n  its input '", node.name, "' is ", network_.graph.type(input).ToString(), ", from ",
                      node.where.ToString());
    }
    return absl::Status(status.code(), message);
  }

  // A shared parameter has to be its owner's, if that runs in this mode.
  absl::Status CheckShared(const ParameterNames::Shared& shared) const {
    if (names_.IsOwn(shared.name)) return absl::OkStatus();
    if (shared.owner >= 0) {
      const auto value = values_.find(proto().layer(shared.owner).name());
      if (value == values_.end() || !value->second.valid()) return absl::OkStatus();
    }
    return ErrorAt(model_.Where(absl::StrCat("layer[", shared.sharer, "].share[0]")),
                   absl::StrCat("'", shared.own_name, "' is to be '", shared.name, "', which is no layer's parameter",
                                Suggestion(shared.name, names_.OwnNames())));
  }

  // Each share that names a parameter has to name one of the layer's, if that runs in this mode.
  absl::Status CheckShares(int index) const {
    const Layer& layer = proto().layer(index);
    const auto value = values_.find(layer.name());
    if (value == values_.end() || !value->second.valid()) return absl::OkStatus();
    for (int i = 0; i < layer.share_size(); ++i) {
      const std::string mistake = names_.ShareMistake(index, i);
      if (!mistake.empty()) return ErrorAt(model_.Where(absl::StrCat("layer[", index, "].share[", i, "]")), mistake);
    }
    return absl::OkStatus();
  }

  LayerContext Context(const std::string& name, const Kind& kind, std::vector<Value> inputs, Value target,
                       const std::string& path, int layer = -1) {
    std::string config = absl::StrCat(path, ".", kind.path);
    return LayerContext(
        &network_.graph, options_.mode, name, kind.config, std::move(inputs), target, model_.Where(path),
        [this, config = std::move(config)](absl::string_view field) {
          return model_.Where(field.empty() ? config : absl::StrCat(config, ".", field));
        },
        [this, layer](const std::string& own_name) { return names_.Name(layer, own_name); });
  }

  template <typename Entry>
  absl::StatusOr<const Entry*> FindEntry(const Kind& kind, absl::string_view what, const std::string& path) const {
    const std::string where = model_.Where(path).ToString();
    if (kind.config == nullptr) return absl::InvalidArgumentError(absl::StrCat(where, ": a ", what, " without a kind"));
    const Entry* entry = Registry<Entry>::Get().Find(kind.config->GetDescriptor()->full_name());
    if (entry != nullptr) return entry;
    return absl::InvalidArgumentError(absl::StrCat(where, ": no ", what, " is registered for message '",
                                                   kind.config->GetDescriptor()->full_name(),
                                                   "'; is its library linked into this program?"));
  }

  absl::Status AddLayer(int i) {
    const Layer& layer = proto().layer(i);
    const std::string path = absl::StrCat("layer[", i, "]");
    values_[layer.name()] = Value{};
    if (!AllKnown(layer.input())) return FirstUnknown(layer.input(), path);
    std::vector<Value> inputs;
    if (!Resolve(layer.input(), &inputs)) return absl::OkStatus();
    const Kind kind = KindOf(layer);
    GRADUS_ASSIGN_OR_RETURN(const LayerEntry* entry, FindEntry<LayerEntry>(kind, "layer", path));
    LoweredLayer lowered{layer.name(), kind.path, Value{}, network_.graph.size(), 0, model_.WhereLayer(i)};
    LayerContext context = Context(layer.name(), kind, inputs, Value{}, path, i);
    absl::StatusOr<Value> output = entry->lower(context);
    if (!output.ok()) return WithInputs(output.status(), inputs);
    values_[layer.name()] = *output;
    for (const auto& [name, value] : context.outputs()) values_[absl::StrCat(layer.name(), ".", name)] = value;
    lowered.output = *output;
    lowered.last_node = network_.graph.size();
    network_.layers.push_back(std::move(lowered));
    return absl::OkStatus();
  }

  // A loss's or metric's values and its mask.
  struct TermValues {
    Value values;  // invalid when an input failed before
    Value mask;    // as the text names it; invalid without
  };

  template <typename Entry, typename Term>
  absl::StatusOr<TermValues> AddTerm(const Term& term, const std::string& path, absl::string_view what,
                                     const Entry** entry_out) {
    std::vector<Value> inputs, targets, masks;
    std::vector<std::string> target_name, mask_name;
    if (term.has_target()) target_name.push_back(term.target());
    if (term.has_mask()) mask_name.push_back(term.mask());
    if (!AllKnown(term.input())) return FirstUnknown(term.input(), path);
    if (!AllKnown(target_name)) return UnknownOutput(term.target(), model_.Where(absl::StrCat(path, ".target")));
    if (!AllKnown(mask_name)) return UnknownOutput(term.mask(), model_.Where(absl::StrCat(path, ".mask")));
    if (!Resolve(term.input(), &inputs) || !Resolve(target_name, &targets) || !Resolve(mask_name, &masks)) {
      return TermValues{};
    }
    const Kind kind = KindOf(term);
    GRADUS_ASSIGN_OR_RETURN(const Entry* entry, FindEntry<Entry>(kind, what, path));
    *entry_out = entry;
    LayerContext context = Context(term.name(), kind, inputs, targets.empty() ? Value{} : targets[0], path);
    absl::StatusOr<Value> output = entry->lower(context);
    inputs.insert(inputs.end(), targets.begin(), targets.end());
    if (!output.ok()) return WithInputs(output.status(), inputs);
    if (const TensorType& type = network_.graph.type(*output); type.dtype != DType::kFloat32) {
      return WithInputs(ErrorAt(model_.Where(path), absl::StrCat("'", term.name(), "' gives ", type.ToString(), "; a ",
                                                                 what, " has to be f32")),
                        inputs);
    }
    return TermValues{*output, masks.empty() ? Value{} : masks[0]};
  }

  // The mean by a mask is a plain mean of values whose weights sum up to their number. Evaluation divides once, by the
  // masks of all its batches.
  absl::Status AddLoss(int i) {
    const Loss& loss = proto().loss(i);
    if (!(std::abs(loss.weight()) <= kMostLossWeight)) {
      return ErrorAt(model_.Where(absl::StrCat("loss[", i, "].weight")),
                     absl::StrCat("loss '", loss.name(), "' has weight ", loss.weight(),
                                  "; it must be a number between -1e30 and 1e30"));
    }
    const std::string path = absl::StrCat("loss[", i, "]");
    const SourceLocation where = model_.WhereLoss(i);
    const bool by_mask = loss.reduction() == Loss::MASKED_MEAN;
    if (by_mask && !loss.has_mask()) {
      return ErrorAt(model_.Where(absl::StrCat(path, ".reduction")),
                     absl::StrCat("'", loss.name(), "': MASKED_MEAN needs a mask"));
    }
    const LossEntry* entry = nullptr;
    GRADUS_ASSIGN_OR_RETURN(TermValues term, AddTerm(loss, path, "loss", &entry));
    if (!term.values.valid()) return absl::OkStatus();
    LossTerm lowered{loss.name(), loss.weight(), term.values, where, loss.reduction(), Value{}};
    if (term.mask.valid()) {
      const TermMask masking(&network_.graph, loss.name(), model_.Where(absl::StrCat(path, ".mask")));
      const bool trains = options_.mode == Mode::kTrain;
      Value mask = term.mask;
      if (by_mask && trains) {
        GRADUS_ASSIGN_OR_RETURN(mask, masking.Normalize(mask));
      }
      GRADUS_ASSIGN_OR_RETURN(lowered.values, masking.Apply(term.values, mask));
      if (by_mask && !trains) {
        GRADUS_ASSIGN_OR_RETURN(lowered.mask, masking.Weights(mask));
      }
    }
    network_.losses.push_back(std::move(lowered));
    return absl::OkStatus();
  }

  absl::Status AddMetric(int i) {
    const Metric& metric = proto().metric(i);
    const MetricEntry* entry = nullptr;
    GRADUS_ASSIGN_OR_RETURN(TermValues term, AddTerm(metric, absl::StrCat("metric[", i, "]"), "metric", &entry));
    if (!term.values.valid()) return absl::OkStatus();
    const TensorType& type = network_.graph.type(term.values);
    if (type.shape.rank() == 0 || type.shape[0] != options_.batch) {
      return ErrorAt(model_.WhereMetric(i),
                     absl::StrCat("'", metric.name(), "' gives ", type.ToString(),
                                  "; a metric needs one value for each of the ", options_.batch, " examples"));
    }
    MetricTerm lowered{metric.name(), term.values, entry, Value{}};
    if (term.mask.valid()) {
      const TermMask masking(&network_.graph, metric.name(), model_.Where(absl::StrCat("metric[", i, "].mask")));
      GRADUS_ASSIGN_OR_RETURN(lowered.values, masking.Apply(term.values, term.mask));
      GRADUS_ASSIGN_OR_RETURN(lowered.mask, masking.Weights(term.mask));
    }
    network_.metrics.push_back(std::move(lowered));
    return absl::OkStatus();
  }

  const ExpandedModel& model_;
  const LowerOptions& options_;
  Network network_;
  absl::flat_hash_map<std::string, Value> values_;  // by name; invalid: failed, reported
  ParameterNames names_;
  std::vector<std::string> errors_;
};

}  // namespace

absl::StatusOr<Network> Lower(const ExpandedModel& model, const LowerOptions& options) {
  return Lowering(model, options).Run();
}

}  // namespace gradus
