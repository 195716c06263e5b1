#include "graph/param_settings.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "core/error_list.h"
#include "core/glob.h"

namespace gradus {
namespace {

void CheckSetting(bool set, double value, absl::string_view name, const std::string& path, const SourceMap& source,
                  ErrorList* errors) {
  if (!set || (std::isfinite(value) && value >= 0)) return;
  errors->Add(source.Lookup(absl::StrCat(path, ".", name)),
              absl::StrCat("'", name, "' is ", value, "; it must be a number of at least 0"));
}

void Apply(const ParamGroup& group, ParamSettings* settings) {
  if (group.has_learning_rate_scale()) settings->learning_rate_scale = group.learning_rate_scale();
  if (group.has_weight_decay()) settings->weight_decay = group.weight_decay();
  if (group.has_weight_decay_l1()) settings->weight_decay_l1 = group.weight_decay_l1();
  if (group.has_freeze()) settings->freeze = group.freeze();
  if (group.has_proximal_l1()) settings->proximal_l1 = group.proximal_l1();
  if (group.has_keep_largest()) settings->keep_largest = group.keep_largest();
  if (group.has_prune_below()) settings->prune_below = group.prune_below();
  if (group.has_max_norm()) settings->max_norm = group.max_norm();
}

void ApplyGroups(absl::Span<const std::string> variables, const ParamGroups& file, std::vector<ParamSettings>* settings,
                 ErrorList* errors) {
  for (int i = 0; i < file.groups.size(); ++i) {
    const ParamGroup& group = file.groups[i];
    const std::string path = absl::StrCat("param_group[", i, "]");
    const auto check = [&](bool set, double value, absl::string_view name) {
      CheckSetting(set, value, name, path, file.source, errors);
    };
    check(group.has_learning_rate_scale(), group.learning_rate_scale(), "learning_rate_scale");
    check(group.has_weight_decay(), group.weight_decay(), "weight_decay");
    check(group.has_weight_decay_l1(), group.weight_decay_l1(), "weight_decay_l1");
    check(group.has_proximal_l1(), group.proximal_l1(), "proximal_l1");
    check(group.has_keep_largest(), static_cast<double>(group.keep_largest()), "keep_largest");
    check(group.has_prune_below(), group.prune_below(), "prune_below");
    check(group.has_max_norm(), group.max_norm(), "max_norm");
    if (group.match().empty()) errors->Add(file.source.Lookup(path), "a param_group needs a pattern: 'match'");
    for (int j = 0; j < group.match_size(); ++j) {
      const absl::StatusOr<std::vector<size_t>> matches = MatchNames(group.match(j), variables, "parameter");
      if (!matches.ok()) {
        errors->Add(file.source.Lookup(absl::StrCat(path, ".match[", j, "]")), matches.status().message());
        continue;
      }
      for (size_t variable : *matches) Apply(group, &(*settings)[variable]);
    }
  }
}

}  // namespace

absl::StatusOr<std::vector<ParamSettings>> ResolveParamSettings(absl::Span<const std::string> variables,
                                                                const ParamGroups& model, const ParamGroups& training,
                                                                const ParamSettings& defaults) {
  std::vector<ParamSettings> settings(variables.size(), defaults);
  ErrorList errors;
  ApplyGroups(variables, model, &settings, &errors);
  ApplyGroups(variables, training, &settings, &errors);
  if (!errors.empty()) return errors.ToStatus();
  return settings;
}

}  // namespace gradus
