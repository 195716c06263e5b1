// What `param_group`s say about each parameter: settings by name, resolved once before training.
// Values; thread-safe.
#ifndef GRADUS_GRAPH_PARAM_SETTINGS_H_
#define GRADUS_GRAPH_PARAM_SETTINGS_H_

#include <google/protobuf/repeated_ptr_field.h>

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/source_map.h"
#include "proto/model.pb.h"

namespace gradus {

struct ParamSettings {
  double learning_rate_scale = 1;
  double weight_decay = 0;
  double weight_decay_l1 = 0;
  bool freeze = false;
  // After each update; see proto/model.proto. 0: nothing is done.
  double proximal_l1 = 0;
  int64_t keep_largest = 0;
  double prune_below = 0;
  double max_norm = 0;

  bool constrained() const { return proximal_l1 > 0 || keep_largest > 0 || prune_below > 0 || max_norm > 0; }
};

// The groups of one file, and the places of that file, in which they are "param_group[i]". Borrowed.
struct ParamGroups {
  const google::protobuf::RepeatedPtrField<ParamGroup>& groups;
  const SourceMap& source;
};

// The settings of each of `variables` (names of parameters): `defaults`, then the groups of the model file, then those
// of the training file; the last match wins, per field. Reports all mistakes at once: a group without pattern, a
// pattern that matches nothing, a setting that is negative or not finite. Time: patterns x variables.
absl::StatusOr<std::vector<ParamSettings>> ResolveParamSettings(absl::Span<const std::string> variables,
                                                                const ParamGroups& model, const ParamGroups& training,
                                                                const ParamSettings& defaults);

}  // namespace gradus

#endif  // GRADUS_GRAPH_PARAM_SETTINGS_H_
