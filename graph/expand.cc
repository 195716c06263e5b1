#include "graph/expand.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/error_list.h"
#include "core/nearest_name.h"
#include "core/shape.h"
#include "core/text_proto.h"
#include "core/text_scanner.h"
#include "graph/layer_order.h"
#include "graph/merge_defaults.h"

namespace gradus {
namespace {

using ::google::protobuf::FieldDescriptor;
using ::google::protobuf::Message;
using ::google::protobuf::RepeatedPtrField;

std::string Path(absl::string_view field, int index) { return absl::StrCat(field, "[", index, "]"); }

// What is wrong with the characters of a name, or "".
std::string NameMistake(absl::string_view name, bool may_have_dots) {
  for (char c : name) {
    if (absl::ascii_isalnum(c) || absl::StrContains(may_have_dots ? "_-+/." : "_-+/", c)) continue;
    return absl::StrCat("has '", std::string(1, c), "' in its name; allowed are letters, digits and ",
                        may_have_dots ? "_ - + / ." : "_ - + /");
  }
  if (absl::StartsWith(name, "/") || absl::EndsWith(name, "/") || absl::StrContains(name, "//")) {
    return "has an empty part in its name, before, after or between '/'";
  }
  return "";
}

// Whoever gives a value a name.
struct Producer {
  enum Kind { kInput, kLayer } kind;
  int index;
};

// One pass over the model for each thing that can be wrong, all of them in any case:
//   1. names: there, of the right characters, unique;
//   2. operations: exactly one, with the defaults underneath;
//   3. references: inputs made explicit, all of them known, none that does not run when it is needed;
//   4. the order.
class Expander {
 public:
  Expander(const Model& model, const SourceMap& source) : text_(model), source_(source), model_(model) {}

  // The expanded model and, for each of its layers, the index in the text.
  absl::Status Run();
  Model TakeModel() { return std::move(model_); }
  const std::vector<int>& order() const { return order_; }

 private:
  void CheckName(absl::string_view what, const std::string& name, const std::string& path, bool may_have_dots,
                 absl::flat_hash_map<absl::string_view, std::string>* paths);
  void CheckNames();
  void CheckDims(int index);
  void ExpandOperation(absl::string_view what, const std::string& name, const std::string& path, Message* message);
  void ExpandLayerInputs(int index);
  template <typename Term>
  void ExpandTerms(absl::string_view what, RepeatedPtrField<Term>* terms);
  void ExpandOutputs();
  void SortLayers();

  std::optional<Producer> Find(absl::string_view name) const;
  // The producer of a name that `user` mentions at `path`; a mistake if there is none, or if it does not always run
  // when the user does.
  std::optional<Producer> Resolve(const std::string& user, Phase only, const std::string& name,
                                  const std::string& path);
  void CheckPhase(const std::string& user, Phase only, int layer, const std::string& path);
  std::string Suggest(absl::string_view name);

  void Mistake(const std::string& path, absl::string_view message) { errors_.Add(source_.Lookup(path), message); }

  const Model& text_;
  const SourceMap& source_;
  Model model_;
  ErrorList errors_;
  absl::flat_hash_map<absl::string_view, Producer> producers_;
  std::vector<std::string> all_names_;   // for suggestions
  std::vector<std::vector<int>> takes_;  // for each layer the layers that it takes
  std::vector<int> order_;
};

absl::Status Expander::Run() {
  absl::Status version =
      CheckLanguageVersion(text_.language_version(), source_.Lookup("language_version"), "the model");
  if (!version.ok()) return version;
  if (text_.layer().empty()) Mistake("", "the model has no layer");
  CheckNames();
  takes_.resize(text_.layer_size());
  for (int i = 0; i < text_.layer_size(); ++i) {
    ExpandOperation("layer", text_.layer(i).name(), Path("layer", i), model_.mutable_layer(i));
    ExpandLayerInputs(i);
  }
  ExpandTerms("loss", model_.mutable_loss());
  ExpandTerms("metric", model_.mutable_metric());
  ExpandOutputs();
  SortLayers();
  model_.clear_defaults();
  return errors_.ToStatus();
}

std::string Called(absl::string_view what, absl::string_view name) {
  return name.empty() ? absl::StrCat("a ", what, " without a name") : absl::StrCat(what, " '", name, "'");
}

// `paths`: the names so far, each with its path.
void Expander::CheckName(absl::string_view what, const std::string& name, const std::string& path, bool may_have_dots,
                         absl::flat_hash_map<absl::string_view, std::string>* paths) {
  const std::string name_path = absl::StrCat(path, ".name");
  if (name.empty()) return Mistake(name_path, absl::StrCat(what, " without a name"));
  const std::string mistake = NameMistake(name, may_have_dots);
  if (!mistake.empty()) Mistake(name_path, absl::StrCat(Called(what, name), " ", mistake));
  const auto [first, added] = paths->try_emplace(name, name_path);
  if (added) return;
  Mistake(name_path, absl::StrCat("a second '", name, "': the first is at ", source_.Lookup(first->second).ToString()));
}

void Expander::CheckNames() {
  absl::flat_hash_map<absl::string_view, std::string> values, terms;
  for (int i = 0; i < text_.input_size(); ++i) {
    CheckName("input", text_.input(i).name(), Path("input", i), /*may_have_dots=*/true, &values);
    CheckDims(i);
    producers_.try_emplace(text_.input(i).name(), Producer{Producer::kInput, i});
  }
  for (int i = 0; i < text_.layer_size(); ++i) {
    CheckName("layer", text_.layer(i).name(), Path("layer", i), /*may_have_dots=*/false, &values);
    producers_.try_emplace(text_.layer(i).name(), Producer{Producer::kLayer, i});
  }
  for (int i = 0; i < text_.loss_size(); ++i) {
    CheckName("loss", text_.loss(i).name(), Path("loss", i), /*may_have_dots=*/false, &terms);
  }
  for (int i = 0; i < text_.metric_size(); ++i) {
    CheckName("metric", text_.metric(i).name(), Path("metric", i), /*may_have_dots=*/false, &terms);
  }
}

void Expander::CheckDims(int index) {
  const Input& input = text_.input(index);
  std::vector<int64_t> dims = {1};  // the batch
  for (int i = 0; i < input.dims_size(); ++i) {
    const int64_t dim = input.dims(i);
    dims.push_back(std::max<int64_t>(dim, 1));
    if (dim >= 1 || dim == -1) continue;
    Mistake(absl::StrCat(Path("input", index), ".dims[", i, "]"),
            absl::StrCat(Called("input", input.name()), " has dimension ", dim,
                         "; it must be above 0, or -1 if it is bound later"));
  }
  const absl::StatusOr<Shape> shape = Shape::Make(dims);
  if (shape.ok()) return;
  Mistake(absl::StrCat(Path("input", index), ".dims"),
          absl::StrCat(Called("input", input.name()), " with its batch: ", shape.status().message()));
}

void Expander::ExpandOperation(absl::string_view what, const std::string& name, const std::string& path,
                               Message* message) {
  const std::vector<const FieldDescriptor*> operations = OperationsOf(*message);
  if (operations.empty()) {
    return Mistake(path, absl::StrCat(Called(what, name), " has no operation: say what it does, like '",
                                      what == "layer"  ? "dense { units: 10 }"
                                      : what == "loss" ? "softmax_cross_entropy {}"
                                                       : "accuracy {}",
                                      "'"));
  }
  if (operations.size() > 1) {
    return Mistake(path, absl::StrCat(Called(what, name), " has more than one operation: '", operations[0]->name(),
                                      "' and '", operations[1]->name(), "'"));
  }
  if (what != "layer") return;
  const FieldDescriptor* field = DefaultsField(*Defaults::descriptor(), *operations[0]);
  const Defaults& defaults = text_.defaults();
  if (field == nullptr || !defaults.GetReflection()->HasField(defaults, field)) return;
  MergeUnderneath(defaults.GetReflection()->GetMessage(defaults, field),
                  message->GetReflection()->MutableMessage(message, operations[0]));
}

void Expander::ExpandLayerInputs(int index) {
  Layer* layer = model_.mutable_layer(index);
  const std::string user = Called("layer", layer->name());
  const std::string path = Path("layer", index);
  if (layer->input().empty()) {
    if (index > 0) {
      layer->add_input(text_.layer(index - 1).name());
      takes_[index].push_back(index - 1);
      CheckPhase(user, layer->only(), index - 1, path);
    } else if (!text_.input().empty()) {
      layer->add_input(text_.input(0).name());
    } else {
      Mistake(path, absl::StrCat(user, " has nothing to take: the model has no input"));
    }
    return;
  }
  for (int i = 0; i < layer->input_size(); ++i) {
    const std::string input_path = absl::StrCat(path, ".input[", i, "]");
    const std::optional<Producer> producer = Resolve(user, layer->only(), layer->input(i), input_path);
    if (!producer.has_value() || producer->kind == Producer::kInput) continue;
    if (producer->index == index) {
      Mistake(input_path, absl::StrCat(user, " takes itself"));
    } else {
      takes_[index].push_back(producer->index);
    }
  }
}

template <typename Term>
void Expander::ExpandTerms(absl::string_view what, RepeatedPtrField<Term>* terms) {
  for (int i = 0; i < terms->size(); ++i) {
    Term* term = terms->Mutable(i);
    const std::string user = Called(what, term->name());
    const std::string path = Path(what, i);
    ExpandOperation(what, term->name(), path, term);
    const int last = text_.layer_size() - 1;
    if (term->input().empty() && last >= 0) {
      term->add_input(text_.layer(last).name());
      CheckPhase(user, term->only(), last, path);
    } else {
      for (int j = 0; j < term->input_size(); ++j) {
        Resolve(user, term->only(), term->input(j), absl::StrCat(path, ".input[", j, "]"));
      }
    }
    if (term->has_target()) Resolve(user, term->only(), term->target(), absl::StrCat(path, ".target"));
  }
}

void Expander::ExpandOutputs() {
  absl::flat_hash_set<absl::string_view> outputs;
  for (int i = 0; i < text_.output_size(); ++i) {
    const std::string& name = text_.output(i);
    const std::string path = Path("output", i);
    if (!outputs.insert(name).second) Mistake(path, absl::StrCat("output '", name, "' is given twice"));
    const std::optional<Producer> producer = Find(name);
    if (!producer.has_value()) {
      Mistake(path, absl::StrCat("output '", name, "' is no layer", Suggest(name)));
    } else if (producer->kind == Producer::kInput) {
      Mistake(path, absl::StrCat("output '", name, "' is an input; it must be a layer"));
    } else {
      CheckPhase("the model's output", ALWAYS, producer->index, path);
    }
  }
  if (!text_.output().empty() || text_.layer().empty()) return;
  for (int i = text_.layer_size() - 1; i >= 0; --i) {
    if (text_.layer(i).only() != ALWAYS) continue;
    model_.add_output(text_.layer(i).name());
    return;
  }
  Mistake("", "the model has no output: every layer is marked 'only'");
}

void Expander::SortLayers() {
  constexpr size_t kMostNamed = 12;
  LayerOrder order = OrderLayers(takes_);
  for (const std::vector<int>& cycle : order.cycles) {
    if (errors_.full()) break;
    std::vector<std::string> names;
    for (int layer : cycle) {
      if (names.size() < kMostNamed) names.push_back(text_.layer(layer).name());
    }
    if (cycle.size() > kMostNamed) names.push_back(absl::StrCat("(", cycle.size() - kMostNamed, " more)"));
    names.push_back(names.front());
    Mistake(Path("layer", cycle.front()), absl::StrCat("layers form a cycle: ", absl::StrJoin(names, " -> ")));
  }
  order_ = std::move(order.order);
  RepeatedPtrField<Layer> layers;
  layers.Reserve(static_cast<int>(order_.size()));
  for (int layer : order_) layers.Add()->Swap(model_.mutable_layer(layer));
  model_.mutable_layer()->Swap(&layers);
}

std::optional<Producer> Expander::Find(absl::string_view name) const {
  const auto found = producers_.find(name);
  if (found != producers_.end() && !name.empty()) return found->second;
  const OutputName parts = SplitOutputName(name);
  if (parts.output.empty()) return std::nullopt;
  const auto layer = producers_.find(parts.layer);
  if (layer == producers_.end() || layer->second.kind != Producer::kLayer) return std::nullopt;
  return layer->second;
}

std::optional<Producer> Expander::Resolve(const std::string& user, Phase only, const std::string& name,
                                          const std::string& path) {
  const std::optional<Producer> producer = Find(name);
  if (!producer.has_value()) {
    Mistake(path, absl::StrCat(user, " takes '", name, "', which is no input and no layer", Suggest(name)));
  } else if (producer->kind == Producer::kLayer) {
    CheckPhase(user, only, producer->index, path);
  }
  return producer;
}

void Expander::CheckPhase(const std::string& user, Phase only, int layer, const std::string& path) {
  const Phase needed = text_.layer(layer).only();
  if (needed == ALWAYS || needed == only) return;
  const std::string marked =
      only == ALWAYS ? "which always runs" : absl::StrCat("marked 'only: ", Phase_Name(only), "'");
  Mistake(path, absl::StrCat(user, ", ", marked, ", takes '", text_.layer(layer).name(),
                             "', marked 'only: ", Phase_Name(needed), "' at ",
                             source_.Lookup(absl::StrCat(Path("layer", layer), ".only")).ToString()));
}

// The names of inputs and layers are gathered at the first mistake.
std::string Expander::Suggest(absl::string_view name) {
  if (errors_.full()) return "";
  const auto add = [this](const std::string& known, Producer::Kind kind, int index) {
    const Producer& first = producers_.at(known);
    if (!known.empty() && first.kind == kind && first.index == index) all_names_.push_back(known);
  };
  if (all_names_.empty()) {
    for (int i = 0; i < text_.input_size(); ++i) add(text_.input(i).name(), Producer::kInput, i);
    for (int i = 0; i < text_.layer_size(); ++i) add(text_.layer(i).name(), Producer::kLayer, i);
  }
  return Suggestion(name, all_names_);
}

}  // namespace

OutputName SplitOutputName(absl::string_view name) {
  const size_t dot = name.rfind('.');
  if (dot == absl::string_view::npos || dot == 0 || dot + 1 == name.size()) return {name, ""};
  return {name.substr(0, dot), name.substr(dot + 1)};
}

// A layer's path gets its index in the text; what the layer does not write there may be written in `defaults`. When
// blocks come, a layer that was stamped out will have the chain of its uses here.
SourceLocation ExpandedModel::Where(absl::string_view path) const {
  const absl::StatusOr<std::vector<PathPart>> parts = ParsePath(path);
  if (!parts.ok() || parts->front().name != "layer" || parts->front().index < 0 ||
      parts->front().index >= static_cast<int>(written_as_.size())) {
    return source_.Lookup(path);
  }
  const int written_as = written_as_[parts->front().index];
  if (parts->size() == 1) return source_.Lookup(Path("layer", written_as));
  const absl::string_view operation = (*parts)[1].name;
  const absl::string_view rest = path.substr(operation.data() + operation.size() - path.data());
  const std::string in_layer = absl::StrCat(Path("layer", written_as), ".", operation, rest);
  const FieldDescriptor* field = FindTextField(*Layer::descriptor(), operation);
  const FieldDescriptor* merged = field == nullptr ? nullptr : DefaultsField(*Defaults::descriptor(), *field);
  if (merged == nullptr) return source_.Lookup(in_layer);
  const std::string name =
      merged->is_extension() ? absl::StrCat("[", merged->PrintableNameForExtension(), "]") : merged->name();
  const std::string in_defaults = absl::StrCat("defaults.", name, rest);
  // "layer[3]" is a field and its element, "defaults" a field alone.
  const bool deeper = source_.KnownDepth(in_defaults) > source_.KnownDepth(in_layer) - 1;
  return source_.Lookup(deeper ? in_defaults : in_layer);
}

SourceLocation ExpandedModel::WhereLayer(int index) const { return Where(Path("layer", index)); }
SourceLocation ExpandedModel::WhereLoss(int index) const { return Where(Path("loss", index)); }
SourceLocation ExpandedModel::WhereMetric(int index) const { return Where(Path("metric", index)); }
SourceLocation ExpandedModel::WhereOutput(int index) const { return Where(Path("output", index)); }

absl::StatusOr<ExpandedModel> ExpandModel(const Model& model, SourceMap source) {
  Expander expander(model, source);
  const absl::Status status = expander.Run();
  if (!status.ok()) return status;
  ExpandedModel expanded;
  expanded.model_ = expander.TakeModel();
  expanded.written_as_ = expander.order();
  expanded.source_ = std::move(source);
  return expanded;
}

}  // namespace gradus
