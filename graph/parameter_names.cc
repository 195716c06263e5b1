#include "graph/parameter_names.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/nearest_name.h"

namespace gradus {
namespace {

// Which of the layer's shares says what its parameter `suffix` is, or -1; and what it says.
int FindShare(const Layer& layer, absl::string_view suffix, std::string* shared) {
  for (int i = 0; i < layer.share_size(); ++i) {
    const Layer::Share& share = layer.share(i);
    if (share.variable().empty()) {
      *shared = absl::StrCat(share.with(), "/", suffix);
      return i;
    }
    if (!absl::StartsWith(suffix, share.variable())) continue;
    const absl::string_view rest = suffix.substr(share.variable().size());
    if (!rest.empty() && rest[0] != '/') continue;
    *shared = absl::StrCat(share.with(), rest);
    return i;
  }
  return -1;
}

}  // namespace

ParameterNames::ParameterNames(const Model& model) : model_(model), asked_(model.layer_size()) {
  for (int i = 0; i < model.variable_size(); ++i) variables_.emplace(model.variable(i).name(), i);
  const bool any = std::any_of(model.layer().begin(), model.layer().end(),
                               [](const Layer& layer) { return !layer.share().empty(); });
  for (int i = 0; any && i < model.layer_size(); ++i) layers_.emplace(model.layer(i).name(), i);
}

// The layer with the longest name that `name` begins with, or -1.
int ParameterNames::OwnerOf(absl::string_view name) const {
  for (size_t slash = name.rfind('/'); slash != absl::string_view::npos && slash > 0;
       slash = name.rfind('/', slash - 1)) {
    const auto layer = layers_.find(name.substr(0, slash));
    if (layer != layers_.end()) return layer->second;
  }
  return -1;
}

absl::StatusOr<LayerContext::ParameterName> ParameterNames::Name(int layer, const std::string& own_name) {
  std::string name = own_name;
  int owner = layer;
  for (size_t steps = 0; owner >= 0; ++steps) {
    const std::string suffix = name.substr(model_.layer(owner).name().size() + 1);
    std::string shared;
    const int share = FindShare(model_.layer(owner), suffix, &shared);
    if (owner == layer) asked_[layer].push_back(suffix);
    if (share < 0) break;
    used_.emplace(owner, share);
    if (steps > layers_.size()) {
      return absl::InvalidArgumentError(absl::StrCat("'", own_name, "' is shared in a circle"));
    }
    name = std::move(shared);
    owner = OwnerOf(name);
  }
  const auto variable = variables_.find(name);
  const bool declared = variable != variables_.end();
  if (name == own_name) {
    if (declared || !own_.insert(name).second) {
      return absl::InvalidArgumentError(
          absl::StrCat("its parameter would be called '", name, "', and so is another; give the layer another name"));
    }
  } else if (!declared) {
    shared_.push_back({layer, own_name, name, owner});
  }
  LayerContext::ParameterName named{std::move(name), nullptr};
  if (declared && model_.variable(variable->second).has_init()) {
    named.initializer = &model_.variable(variable->second).init();
  }
  return named;
}

std::string ParameterNames::ShareMistake(int layer, int share) const {
  const std::string& variable = model_.layer(layer).share(share).variable();
  if (variable.empty() || used_.contains({layer, share})) return "";
  const std::vector<std::string>& known = asked_[layer];
  const bool other_share_says = std::any_of(known.begin(), known.end(), [&](const std::string& name) {
    return name == variable || absl::StartsWith(name, absl::StrCat(variable, "/"));
  });
  if (other_share_says) return "";
  return absl::StrCat("'", model_.layer(layer).name(), "' has no parameter '", variable, "' to share",
                      Suggestion(variable, known));
}

std::vector<std::string> ParameterNames::OwnNames() const {
  std::vector<std::string> names(own_.begin(), own_.end());
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace gradus
