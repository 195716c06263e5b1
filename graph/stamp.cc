#include "graph/stamp.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/nearest_name.h"
#include "graph/arguments.h"
#include "graph/merge_defaults.h"

namespace gradus {
namespace {

// A list of layers in its surroundings.
struct Frame {
  int scope = Names::kModel;
  int input = -1;  // a reference to what the first layer takes; -1: there is nothing
  Phase only = ALWAYS;
  Origin origin;  // of the message that holds the layers
  int depth = 0;
};

struct UseInfo {
  int block;
  std::string name;
  int64_t copies;  // 0: one, without a number
};

// A copy of a block that takes the parameters of another.
struct SharedUse {
  int first_layer, last_layer;  // [first, last) of the flat list
  int block;
  int copy;  // from 1
  std::string copy_name, user;
  std::string with;  // as it is named in `scope`
  int scope;
  Origin where;
};

class Stamper {
 public:
  Stamper(absl::Span<const Model* const> models, const BlockTable& blocks, MistakeList* mistakes)
      : model_(*models[0]), blocks_(blocks), mistakes_(mistakes) {}

  StampedModel Run();

 private:
  // Each returns a reference to the output.
  int StampList(LayerList* layers, const Frame& frame);
  int StampLayer(Layer* layer, const Origin& where, const Frame& frame, int previous);
  int StampUse(const Layer& layer, const Origin& where, const Frame& frame, const std::vector<int>& inputs, int entry);
  int StampCopy(const Layer& layer, const std::string& name, int copy, const Origin& where, const Frame& frame,
                const std::vector<int>& inputs, const std::vector<BoundArgument>& arguments);
  int StampInside(Layer* layer, const Origin& where, const Frame& frame, std::vector<int> inputs, int entry);
  int Emit(Layer* layer, const Origin& where, const Frame& frame, std::vector<int> inputs, int entry);

  void NameInputsAndVariables();
  int AddName(absl::string_view what, const std::string& name, const Origin& where, int scope, Producer producer);
  std::vector<int> InputsOf(const Layer& layer, const Origin& where, const Frame& frame, int previous);
  Phase CombinedPhase(const Layer& layer, const Origin& where, const Frame& frame);
  bool MayUse(const Layer& layer, const Origin& where, const Frame& frame, size_t inputs);
  bool MayNest(const std::string& name, const Origin& where, const Frame& frame);
  void ShareUses();

  std::string FullName(const Frame& frame, absl::string_view name) const {
    return absl::StrCat(stamped_.names.prefix(frame.scope), name);
  }
  int Broken() { return stamped_.names.AddReference(Producer()); }

  const Model& model_;
  const BlockTable& blocks_;
  MistakeList* mistakes_;
  StampedModel stamped_;
  std::vector<int> open_;  // blocks that are being stamped out
  std::vector<SharedUse> shared_uses_;
  absl::flat_hash_map<int, UseInfo> uses_;  // by entry of the name
  int64_t bytes_ = 0;
};

StampedModel Stamper::Run() {
  NameInputsAndVariables();
  Frame frame;
  if (!model_.input().empty()) frame.input = stamped_.names.AddReference(Producer{Producer::kInput, 0});
  LayerList layers = model_.layer();
  stamped_.layers.reserve(layers.size());
  stamped_.last = StampList(&layers, frame);
  ShareUses();
  return std::move(stamped_);
}

void Stamper::NameInputsAndVariables() {
  for (int i = 0; i < model_.input_size(); ++i) {
    AddName("input", model_.input(i).name(), {0, ElementPath("input", i), nullptr}, Names::kModel,
            {Producer::kInput, i});
  }
  for (int i = 0; i < model_.variable_size(); ++i) {
    AddName("variable", model_.variable(i).name(), {0, ElementPath("variable", i), nullptr}, Names::kModel,
            {Producer::kVariable, i});
  }
}

// Its entry; that of the first when the name is taken, which is a mistake.
int Stamper::AddName(absl::string_view what, const std::string& name, const Origin& where, int scope,
                     Producer producer) {
  const std::string full = absl::StrCat(stamped_.names.prefix(scope), name);
  const std::string mistake = NameMistake(full, /*may_have_dots=*/what == "input");
  if (name.empty()) {
    mistakes_->Add(where, "name", absl::StrCat(what, " without a name"));
  } else if (!mistake.empty()) {
    mistakes_->Add(where, "name", absl::StrCat(what, " '", full, "' ", mistake));
  }
  const auto [entry, is_new] = stamped_.names.Add(name, scope, producer, where);
  if (!is_new && !name.empty()) {
    mistakes_->Add(where, "name",
                   absl::StrCat("a second '", full, "': the first is at ",
                                mistakes_->Place(stamped_.names.where(entry), "name").ToString()));
  }
  return is_new ? entry : -1;
}

int Stamper::StampList(LayerList* layers, const Frame& frame) {
  int previous = frame.input;
  for (int i = 0; i < layers->size() && !stamped_.too_large; ++i) {
    const Origin where{frame.origin.file, frame.origin.Path(ElementPath("layer", i)), frame.origin.stamp};
    const Phase only = layers->Get(i).only();
    previous = StampLayer(layers->Mutable(i), where, frame, previous);
    if (frame.scope == Names::kModel && only == ALWAYS) stamped_.last_always = previous;
  }
  return previous;
}

int Stamper::StampLayer(Layer* layer, const Origin& where, const Frame& frame, int previous) {
  const int entry = AddName("layer", layer->name(), where, frame.scope, Producer());
  std::vector<int> inputs = InputsOf(*layer, where, frame, previous);
  layer->set_only(CombinedPhase(*layer, where, frame));
  if (layer->only() == ALWAYS) layer->clear_only();
  if (OperationsOf(*layer).size() == 1) {
    if (layer->has_use()) return StampUse(*layer, where, frame, inputs, entry);
    if (layer->concat().branch_size() > 0 || layer->residual().layer_size() > 0) {
      return StampInside(layer, where, frame, std::move(inputs), entry);
    }
  }
  return Emit(layer, where, frame, std::move(inputs), entry);
}

std::vector<int> Stamper::InputsOf(const Layer& layer, const Origin& where, const Frame& frame, int previous) {
  std::vector<int> inputs;
  for (int i = 0; i < layer.input_size(); ++i) {
    const std::string path = where.Path(ElementPath("input", i));
    inputs.push_back(stamped_.names.AddReference({layer.input(i), frame.scope, {where.file, path, where.stamp}}));
  }
  if (!inputs.empty()) return inputs;
  if (previous >= 0) return {previous};
  mistakes_->Add(where, "",
                 absl::StrCat(Called("layer", layer.name()), " has nothing to take: the model has no input"));
  return {Broken()};
}

Phase Stamper::CombinedPhase(const Layer& layer, const Origin& where, const Frame& frame) {
  if (layer.only() == ALWAYS || layer.only() == frame.only || frame.only == ALWAYS) {
    return layer.only() == ALWAYS ? frame.only : layer.only();
  }
  mistakes_->Add(where, "only",
                 absl::StrCat(Called("layer", FullName(frame, layer.name())),
                              " never runs: it is marked 'only: ", Phase_Name(layer.only()),
                              "' inside a layer marked 'only: ", Phase_Name(frame.only), "'"));
  return frame.only;
}

// Adds a layer to the flat list.
int Stamper::Emit(Layer* layer, const Origin& where, const Frame& frame, std::vector<int> inputs, int entry) {
  const int index = static_cast<int>(stamped_.layers.size());
  if (index >= kMostLayers) {
    mistakes_->Add(where, "", absl::StrCat("the model has more than ", kMostLayers, " layers"));
    stamped_.too_large = true;
    return Broken();
  }
  FlatLayer& flat = stamped_.layers.emplace_back();
  for (int i = 0; i < layer->share_size(); ++i) {
    const Layer::Share& share = layer->share(i);
    const std::string path = where.Path(ElementPath("share", i));
    flat.shares.push_back({share.variable(), share.with(), frame.scope, {where.file, path, where.stamp}});
  }
  layer->clear_input();
  layer->clear_share();
  flat.layer.Swap(layer);
  flat.layer.set_name(FullName(frame, flat.layer.name()));
  flat.origin = where;
  flat.inputs = std::move(inputs);
  const Producer producer{Producer::kLayer, index};
  if (entry >= 0) stamped_.names.Set(entry, producer);
  return stamped_.names.AddReference(producer);
}

bool Stamper::MayNest(const std::string& name, const Origin& where, const Frame& frame) {
  if (frame.depth < kDeepestNesting) return true;
  mistakes_->Add(where, "", absl::StrCat(Called("layer", name), " is nested more than ", kDeepestNesting, " deep"));
  return false;
}

// The layers inside a composite one, then itself.
int Stamper::StampInside(Layer* layer, const Origin& where, const Frame& frame, std::vector<int> inputs, int entry) {
  const std::string name = FullName(frame, layer->name());
  if (!MayNest(name, where, frame)) return Broken();
  if (inputs.size() != 1) {
    mistakes_->Add(where, "",
                   absl::StrCat(Called("layer", name), " holds layers, so it takes 1 input; it has ", inputs.size()));
  }
  if (!layer->share().empty()) {
    mistakes_->Add(where, "share", absl::StrCat(Called("layer", name), " holds layers: say 'share' in those"));
  }
  const bool residual = layer->has_residual();
  std::vector<int> outputs;
  if (residual) outputs.push_back(inputs[0]);
  Frame inner;
  inner.scope = stamped_.names.AddScope(absl::StrCat(name, "/"), frame.scope);
  inner.input = inputs[0];
  inner.only = layer->only();
  inner.depth = frame.depth + 1;
  for (Body& body : TakeBodies(layer)) {
    inner.origin = {where.file, where.Path(body.path), where.stamp};
    outputs.push_back(StampList(&body.layers, inner));
  }
  return Emit(layer, where, frame, std::move(outputs), entry);
}

// Whether the layer's use makes sense.
bool Stamper::MayUse(const Layer& layer, const Origin& where, const Frame& frame, size_t inputs) {
  const Use& use = layer.use();
  const std::string label = Called("layer", FullName(frame, layer.name()));
  const int block = blocks_.Find(use.block());
  const auto mistake = [&](absl::string_view field, absl::string_view message) {
    mistakes_->Add(where, field, absl::StrCat(label, " ", message));
    return false;
  };
  if (use.block().empty()) return mistake("use", "uses no block: say which, like 'use { block: \"bottleneck\" }'");
  if (block < 0) {
    return mistake("use.block", absl::StrCat("uses block '", use.block(), "', which there is not",
                                             mistakes_->full() ? "" : Suggestion(use.block(), blocks_.Names())));
  }
  const auto open = std::find(open_.begin(), open_.end(), block);
  if (open != open_.end()) {
    std::vector<std::string> names;
    for (auto it = open; it != open_.end(); ++it) names.push_back(blocks_.entry(*it).block->name());
    names.push_back(use.block());
    return mistake("use.block", absl::StrCat("makes a block use itself: ", absl::StrJoin(names, " -> ")));
  }
  if (!MayNest(FullName(frame, layer.name()), where, frame)) return false;
  if (use.repeat() < 1 || use.repeat() > kMostLayers) {
    return mistake("use.repeat", absl::StrCat("repeats block '", use.block(), "' ", use.repeat(),
                                              " times; it must be 1 to ", kMostLayers, " times"));
  }
  if (use.first_size() > 0 && !use.has_repeat()) {
    return mistake("use.first[0]", "sets the 'first' of several copies, but has no 'repeat'; for one copy use 'arg'");
  }
  if (!layer.share().empty()) return mistake("share", "uses a block: say 'share_with' in the use");
  const Block& definition = *blocks_.entry(block).block;
  const size_t wanted = std::max(definition.input_size(), 1);
  if (inputs == wanted) return true;
  return mistake("", absl::StrCat("uses block '", use.block(), "', which takes ", wanted,
                                  wanted == 1 ? " input" : " inputs", "; it has ", inputs));
}

int Stamper::StampUse(const Layer& layer, const Origin& where, const Frame& frame, const std::vector<int>& inputs,
                      int entry) {
  if (!MayUse(layer, where, frame, inputs.size())) return Broken();
  const Use& use = layer.use();
  const std::string name = FullName(frame, layer.name());
  const int block = blocks_.Find(use.block());
  const std::vector<BoundArgument> arguments = ArgumentsOf(use, blocks_.entry(block), where, mistakes_);
  if (entry >= 0) uses_.emplace(entry, UseInfo{block, name, use.has_repeat() ? use.repeat() : 0});
  open_.push_back(block);
  std::vector<int> taken = inputs;
  for (int copy = 1; copy <= use.repeat() && !stamped_.too_large; ++copy) {
    const int first_layer = static_cast<int>(stamped_.layers.size());
    const std::string copy_name = use.has_repeat() ? absl::StrCat(name, "/", copy) : name;
    taken[0] = StampCopy(layer, copy_name, copy, where, frame, taken, arguments);
    if (!use.has_share_with()) continue;
    shared_uses_.push_back({first_layer,
                            static_cast<int>(stamped_.layers.size()),
                            block,
                            copy,
                            copy_name,
                            name,
                            use.share_with(),
                            frame.scope,
                            {where.file, where.Path("use.share_with"), where.stamp}});
  }
  open_.pop_back();
  if (entry >= 0) stamped_.names.Set(entry, {Producer::kAlias, taken[0]});
  return taken[0];
}

int Stamper::StampCopy(const Layer& layer, const std::string& name, int copy, const Origin& where, const Frame& frame,
                       const std::vector<int>& inputs, const std::vector<BoundArgument>& arguments) {
  const BlockEntry& entry = blocks_.entry(open_.back());
  const Block& block = *entry.block;
  const int64_t names = block.layer_size() + block.input_size();
  bytes_ += entry.bytes + names * static_cast<int64_t>(name.size());
  if (bytes_ > kMostLayerBytes) {
    mistakes_->Add(where, "", absl::StrCat("the model's layers have more than ", kMostLayerBytes, " bytes"));
    stamped_.too_large = true;
    return Broken();
  }
  LayerList layers = block.layer();
  auto stamp = std::make_shared<Stamp>();
  stamp->used = mistakes_->Place(where, "");
  stamp->bound = SetArguments(arguments, copy, entry, where, &layers, mistakes_);
  Frame inner;
  inner.scope = stamped_.names.AddScope(absl::StrCat(name, "/"), Names::kNone);
  inner.input = inputs[0];
  inner.only = layer.only();
  inner.origin = {entry.origin.file, entry.origin.path, std::move(stamp)};
  inner.depth = frame.depth + 1;
  for (int i = 0; i < block.input_size(); ++i) {
    stamped_.names.Add(block.input(i), inner.scope, {Producer::kAlias, inputs[i]},
                       {inner.origin.file, inner.origin.Path(ElementPath("input", i)), inner.origin.stamp});
  }
  const int last = StampList(&layers, inner);
  if (!block.has_output()) return last;
  const int output = stamped_.names.AddReference(
      {block.output(), inner.scope, {inner.origin.file, inner.origin.Path("output"), inner.origin.stamp}});
  stamped_.block_outputs.push_back(output);
  return output;
}

// When all uses are known: layer `l` of copy i takes the parameters of layer `l` of the other use's copy i.
void Stamper::ShareUses() {
  for (const SharedUse& shared : shared_uses_) {
    const auto mistake = [&](absl::string_view message) {
      mistakes_->Add(shared.where, "",
                     absl::StrCat(Called("layer", shared.user), " shares with '", shared.with, "', ", message));
    };
    const int entry = stamped_.names.FindEntry(shared.with, shared.scope);
    const auto other = uses_.find(entry);
    if (other == uses_.end() || other->second.block != shared.block) {
      mistake(absl::StrCat("which is no use of block '", blocks_.entry(shared.block).block->name(), "'",
                           entry == Names::kNone ? stamped_.names.Suggest(shared.with, shared.scope) : ""));
      continue;
    }
    const UseInfo& use = other->second;
    const int64_t copy = use.copies > 1 && use.name != shared.user ? shared.copy : 1;
    if (copy > use.copies && use.copies > 0) {
      mistake(absl::StrCat("which has ", use.copies, " copies; copy ", copy, " has no partner"));
      continue;
    }
    const std::string with = use.copies == 0 ? use.name : absl::StrCat(use.name, "/", copy);
    if (with == shared.copy_name) continue;  // the one that the others share
    for (int i = shared.first_layer; i < shared.last_layer; ++i) {
      FlatLayer& layer = stamped_.layers[i];
      layer.shares.push_back(
          {"", absl::StrCat(with, layer.layer.name().substr(shared.copy_name.size())), Names::kModel, shared.where});
    }
  }
}

}  // namespace

StampedModel StampLayers(absl::Span<const Model* const> models, const BlockTable& blocks, MistakeList* mistakes) {
  return Stamper(models, blocks, mistakes).Run();
}

}  // namespace gradus
