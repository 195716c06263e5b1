#include "graph/expand.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/text_proto.h"
#include "graph/blocks.h"
#include "graph/layer_order.h"
#include "graph/merge_defaults.h"
#include "graph/model_text.h"
#include "graph/stamp.h"

namespace gradus {
namespace {

using ::google::protobuf::FieldDescriptor;
using ::google::protobuf::Message;
using ::google::protobuf::RepeatedPtrField;

// One pass for each thing that can be wrong, all of them in any case:
//   1. names and blocks: a flat list of layers (graph/stamp.h);
//   2. operations: exactly one, with the defaults underneath;
//   3. references: inputs made explicit, all of them known, none that does not run when it is needed;
//   4. the order.
class Expander {
 public:
  Expander(absl::Span<const Model* const> models, absl::Span<const SourceMap> sources)
      : models_(models), text_(*models[0]), mistakes_(sources) {}

  absl::Status Run();
  Model TakeModel() { return std::move(model_); }
  // Those of the expanded model's layers.
  std::vector<Origin> TakeOrigins() { return std::move(origins_); }

 private:
  void ExpandOperation(absl::string_view what, const std::string& name, const Origin& where, Message* message);
  void ExpandProjection(Residual* residual);
  void ExpandLayerInputs(int index);
  void ExpandShares(int index);
  template <typename Term>
  void ExpandTerms(absl::string_view what, RepeatedPtrField<Term>* terms);
  void ExpandOutputs();
  void CheckBlockOutputs();
  void SortLayers();

  // What a reference leads to, when that is an input or a layer; a mistake if not, or if it does not always run when
  // the user does. `where` is the user.
  std::optional<Names::Found> Resolve(const std::string& user, Phase only, int reference, const Origin& where);
  std::string FullName(const Names::Found& found) const;
  int Refer(const std::string& name, const std::string& path) {
    return stamped_.names.AddReference({name, Names::kModel, InModel(path)});
  }
  void CheckPhase(const std::string& user, Phase only, int layer, const Origin& where);
  std::string Suggest(const Reference& reference) {
    const bool shown = !mistakes_.full() && !mistakes_.IsTold(reference.where, "");
    return shown ? stamped_.names.Suggest(reference.name, reference.scope) : "";
  }
  const Layer& layer(int index) const { return stamped_.layers[index].layer; }

  absl::Span<const Model* const> models_;
  const Model& text_;
  MistakeList mistakes_;
  StampedModel stamped_;
  Model model_;
  std::vector<Origin> origins_;
  absl::flat_hash_set<int> shared_variables_;
  std::vector<std::vector<int>> takes_;  // for each layer the layers that it takes
};

absl::Status Expander::Run() {
  const absl::Status version =
      CheckLanguageVersion(text_.language_version(), mistakes_.Place(InModel("language_version"), ""), "the model");
  if (!version.ok()) return version;
  model_ = text_;
  model_.clear_layer();
  model_.clear_defaults();
  model_.clear_block();
  model_.clear_import();
  if (text_.layer().empty()) mistakes_.Add(InModel(""), "", "the model has no layer");
  CheckText(text_, &mistakes_);
  const BlockTable blocks(models_, &mistakes_);
  stamped_ = StampLayers(models_, blocks, &mistakes_);
  if (stamped_.too_large) return mistakes_.ToStatus();
  const int layers = static_cast<int>(stamped_.layers.size());
  takes_.resize(layers);
  for (int i = 0; i < layers; ++i) {
    FlatLayer& flat = stamped_.layers[i];
    ExpandOperation("layer", flat.layer.name(), flat.origin, &flat.layer);
    ExpandLayerInputs(i);
    ExpandShares(i);
  }
  CheckBlockOutputs();
  for (int i = 0; i < text_.variable_size(); ++i) {
    if (shared_variables_.contains(i)) continue;
    mistakes_.Add(InModel(ElementPath("variable", i)), "",
                  absl::StrCat("nothing takes or shares variable '", text_.variable(i).name(), "'"));
  }
  ExpandTerms("loss", model_.mutable_loss());
  ExpandTerms("metric", model_.mutable_metric());
  ExpandOutputs();
  SortLayers();
  return mistakes_.ToStatus();
}

void Expander::ExpandOperation(absl::string_view what, const std::string& name, const Origin& where, Message* message) {
  const std::vector<const FieldDescriptor*> operations = OperationsOf(*message);
  if (operations.empty()) {
    return mistakes_.Add(where, "",
                         absl::StrCat(Called(what, name), " has no operation: say what it does, like '",
                                      what == "layer"  ? "dense { units: 10 }"
                                      : what == "loss" ? "softmax_cross_entropy {}"
                                                       : "accuracy {}",
                                      "'"));
  }
  if (operations.size() > 1) {
    return mistakes_.Add(where, "",
                         absl::StrCat(Called(what, name), " has more than one operation: '", operations[0]->name(),
                                      "' and '", operations[1]->name(), "'"));
  }
  if (what != "layer") return;
  Layer* layer = static_cast<Layer*>(message);
  const bool own_projection = layer->residual().has_projection();
  const FieldDescriptor* field = DefaultsField(*Defaults::descriptor(), *operations[0]);
  const Defaults& defaults = text_.defaults();
  if (field != nullptr && defaults.GetReflection()->HasField(defaults, field)) {
    MergeUnderneath(defaults.GetReflection()->GetMessage(defaults, field),
                    message->GetReflection()->MutableMessage(message, operations[0]));
  }
  if (!layer->has_residual()) return;
  ExpandProjection(layer->mutable_residual());
  const Residual::Shortcut shortcut = layer->residual().shortcut();
  if (own_projection && (shortcut == Residual::IDENTITY || shortcut == Residual::PAD)) {
    mistakes_.Add(where, "residual.projection",
                  absl::StrCat(Called(what, name), " has a projection, but its shortcut is ",
                               Residual::Shortcut_Name(shortcut), "; PROJECT has use for one"));
  }
}

// The convolution on a shortcut follows the conventions of the others, but for what the shapes decide.
void Expander::ExpandProjection(Residual* residual) {
  if (residual->shortcut() != Residual::AUTO && residual->shortcut() != Residual::PROJECT) return;
  if (!text_.defaults().has_conv()) return;
  Conv conventions;
  const Conv& conv = text_.defaults().conv();
  if (conv.has_bias()) conventions.set_bias(conv.bias());
  if (conv.has_weights_init()) *conventions.mutable_weights_init() = conv.weights_init();
  if (conv.has_bias_init()) *conventions.mutable_bias_init() = conv.bias_init();
  if (conv.has_norm()) *conventions.mutable_norm() = conv.norm();
  MergeUnderneath(conventions, residual->mutable_projection());
}

std::string Expander::FullName(const Names::Found& found) const {
  if (found.producer.kind == Producer::kInput) return text_.input(found.producer.index).name();
  if (found.producer.kind == Producer::kVariable) return text_.variable(found.producer.index).name();
  return absl::StrCat(layer(found.producer.index).name(), found.output.empty() ? "" : ".", found.output);
}

void Expander::ExpandLayerInputs(int index) {
  FlatLayer& flat = stamped_.layers[index];
  const std::string user = Called("layer", flat.layer.name());
  for (int reference : flat.inputs) {
    const std::optional<Names::Found> found = Resolve(user, flat.layer.only(), reference, flat.origin);
    if (!found.has_value()) continue;
    flat.layer.add_input(FullName(*found));
    if (found->producer.kind != Producer::kLayer) continue;
    if (found->producer.index == index) {
      mistakes_.Add(stamped_.names.reference(reference).where, "", absl::StrCat(user, " takes itself"));
    } else {
      takes_[index].push_back(found->producer.index);
    }
  }
}

// Says with full names whose parameters a layer takes.
void Expander::ExpandShares(int index) {
  FlatLayer& flat = stamped_.layers[index];
  const std::string user = Called("layer", flat.layer.name());
  for (const FlatLayer::Share& share : flat.shares) {
    const auto mistake = [&](absl::string_view field, absl::string_view message) {
      mistakes_.Add(share.where, field, absl::StrCat(user, " shares ", message));
    };
    absl::string_view owner = share.with, parameter;
    std::optional<Names::Found> found = stamped_.names.Find(owner, share.scope);
    while (!found.has_value() && absl::StrContains(owner, '/')) {
      owner = owner.substr(0, owner.rfind('/'));
      parameter = absl::string_view(share.with).substr(owner.size() + 1);
      found = stamped_.names.Find(owner, share.scope);
    }
    if (!found.has_value()) found = stamped_.names.Find(owner = share.with, Names::kModel);
    if (found.has_value() && found->producer.kind == Producer::kBroken) continue;
    const bool is_variable = found.has_value() && found->producer.kind == Producer::kVariable && owner == share.with;
    if (!is_variable && (!found.has_value() || found->producer.kind != Producer::kLayer || !found->output.empty())) {
      mistake("with", absl::StrCat("with '", share.with, "', which is no layer, no parameter of one and no variable",
                                   Suggest({share.with, share.scope, share.where})));
      continue;
    }
    if (share.variable.empty() && (is_variable || !parameter.empty())) {
      mistake("", absl::StrCat("with parameter '", share.with,
                               "': say which of its own that is, like 'variable: \"weights\"'"));
      continue;
    }
    if (!is_variable && found->producer.index == index) {
      mistake("with", "with itself");
      continue;
    }
    if (parameter.empty()) parameter = share.variable;
    if (is_variable) shared_variables_.insert(found->producer.index);
    Layer::Share* expanded = flat.layer.add_share();
    if (!share.variable.empty()) expanded->set_variable(share.variable);
    expanded->set_with(is_variable ? share.with
                                   : absl::StrCat(FullName(*found), parameter.empty() ? "" : "/", parameter));
  }
}

template <typename Term>
void Expander::ExpandTerms(absl::string_view what, RepeatedPtrField<Term>* terms) {
  for (int i = 0; i < terms->size(); ++i) {
    Term* term = terms->Mutable(i);
    const std::string user = Called(what, term->name());
    const Origin where = InModel(ElementPath(what, i));
    ExpandOperation(what, term->name(), where, term);
    const auto expand = [&](int reference, std::string* name) {
      const std::optional<Names::Found> found = Resolve(user, term->only(), reference, where);
      if (found.has_value()) *name = FullName(*found);
    };
    if (term->input().empty() && stamped_.last >= 0 && !text_.layer().empty())
      expand(stamped_.last, term->add_input());
    else
      for (int j = 0; j < term->input_size(); ++j) {
        expand(Refer(term->input(j), where.Path(ElementPath("input", j))), term->mutable_input(j));
      }
    if (term->has_target()) expand(Refer(term->target(), where.Path("target")), term->mutable_target());
    if (term->has_mask()) expand(Refer(term->mask(), where.Path("mask")), term->mutable_mask());
  }
}

void Expander::ExpandOutputs() {
  constexpr char kUser[] = "the model's output";
  absl::flat_hash_set<std::string> outputs;
  for (int i = 0; i < text_.output_size(); ++i) {
    const std::string& name = text_.output(i);
    const Origin where = InModel(ElementPath("output", i));
    if (!outputs.insert(name).second) mistakes_.Add(where, "", absl::StrCat("output '", name, "' is given twice"));
    const std::optional<Names::Found> found = stamped_.names.Find(name, Names::kModel);
    if (!found.has_value() || found->producer.kind == Producer::kVariable) {
      mistakes_.Add(where, "", absl::StrCat("output '", name, "' is no layer", Suggest({name, Names::kModel, where})));
    } else if (found->producer.kind == Producer::kInput) {
      mistakes_.Add(where, "", absl::StrCat("output '", name, "' is an input; it must be a layer"));
    } else if (found->producer.kind == Producer::kLayer) {
      CheckPhase(kUser, ALWAYS, found->producer.index, where);
      model_.set_output(i, FullName(*found));
    }
  }
  if (!text_.output().empty() || text_.layer().empty()) return;
  if (stamped_.last_always < 0) {
    return mistakes_.Add(InModel(""), "", "the model has no output: every layer is marked 'only'");
  }
  const std::optional<Names::Found> last = stamped_.names.Resolve(stamped_.last_always);
  if (last.has_value() && last->producer.kind == Producer::kLayer) model_.add_output(FullName(*last));
}

void Expander::CheckBlockOutputs() {
  for (int output : stamped_.block_outputs) {
    const std::optional<Names::Found> found = stamped_.names.Resolve(output);
    if (found.has_value() && found->producer.kind != Producer::kCircle) continue;
    const Reference& reference = stamped_.names.reference(output);
    mistakes_.Add(reference.where, "",
                  found.has_value()
                      ? absl::StrCat("output '", reference.name, "' leads back to itself")
                      : absl::StrCat("output '", reference.name, "' is no layer of the block", Suggest(reference)));
  }
}

void Expander::SortLayers() {
  constexpr size_t kMostNamed = 12;
  LayerOrder order = OrderLayers(takes_);
  for (const std::vector<int>& cycle : order.cycles) {
    if (mistakes_.full()) break;
    std::vector<std::string> names;
    for (int index : cycle) {
      if (names.size() < kMostNamed) names.push_back(layer(index).name());
    }
    if (cycle.size() > kMostNamed) names.push_back(absl::StrCat("(", cycle.size() - kMostNamed, " more)"));
    names.push_back(names.front());
    mistakes_.Add(stamped_.layers[cycle.front()].origin, "",
                  absl::StrCat("layers form a cycle: ", absl::StrJoin(names, " -> ")));
  }
  model_.mutable_layer()->Reserve(static_cast<int>(order.order.size()));
  origins_.reserve(order.order.size());
  for (int index : order.order) {
    model_.add_layer()->Swap(&stamped_.layers[index].layer);
    origins_.push_back(std::move(stamped_.layers[index].origin));
  }
}

std::optional<Names::Found> Expander::Resolve(const std::string& user, Phase only, int reference, const Origin& where) {
  std::optional<Names::Found> found = stamped_.names.Resolve(reference);
  const Reference& written = stamped_.names.reference(reference);
  const bool implicit = written.name.empty();
  if (!found.has_value()) {
    mistakes_.Add(written.where, "",
                  absl::StrCat(user, " takes '", written.name, "', which is no input and no layer", Suggest(written)));
    return std::nullopt;
  }
  if (found->producer.kind == Producer::kVariable) {
    shared_variables_.insert(found->producer.index);
    if (!text_.variable(found->producer.index).dims().empty() && found->output.empty()) return found;
    mistakes_.Add(written.where, "",
                  absl::StrCat(user, " takes '", written.name,
                               "', which is a variable: layers 'share' it, or take it if it says its 'dims'"));
  }
  if (found->producer.kind == Producer::kLayer) {
    CheckPhase(user, only, found->producer.index, implicit ? where : written.where);
  }
  if (found->producer.kind != Producer::kLayer && found->producer.kind != Producer::kInput) return std::nullopt;
  return found;
}

void Expander::CheckPhase(const std::string& user, Phase only, int index, const Origin& where) {
  const Phase needed = layer(index).only();
  if (needed == ALWAYS || needed == only) return;
  const std::string marked =
      only == ALWAYS ? "which always runs" : absl::StrCat("marked 'only: ", Phase_Name(only), "'");
  mistakes_.Add(
      where, "",
      absl::StrCat(user, ", ", marked, ", takes '", layer(index).name(), "', marked 'only: ", Phase_Name(needed),
                   "' at ", mistakes_.Place(stamped_.layers[index].origin, "only").ToString()));
}

}  // namespace

absl::StatusOr<ExpandedModel> ExpandModel(const Model& model, SourceMap source,
                                          absl::Span<const ImportedModel> imports) {
  std::vector<const Model*> models = {&model};
  std::vector<SourceMap> sources = {std::move(source)};
  for (const ImportedModel& import : imports) {
    models.push_back(&import.model);
    sources.push_back(import.source);
  }
  Expander expander(models, sources);
  const absl::Status status = expander.Run();
  if (!status.ok()) return status;
  ExpandedModel expanded;
  expanded.model_ = expander.TakeModel();
  expanded.origins_ = expander.TakeOrigins();
  expanded.sources_ = std::move(sources);
  return expanded;
}

}  // namespace gradus
