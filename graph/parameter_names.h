// Which variable each parameter of a layer is: its own, or that of another layer, or one of the model's `variable`s.
// Not thread-safe.
#ifndef GRADUS_GRAPH_PARAMETER_NAMES_H_
#define GRADUS_GRAPH_PARAMETER_NAMES_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "graph/layer.h"
#include "proto/model.pb.h"

namespace gradus {

class ParameterNames {
 public:
  // Borrows an expanded model.
  explicit ParameterNames(const Model& model);

  // What the parameter that layer number `layer` would call `own_name` is called. Follows what layers share as far as
  // it leads. An error when that is a circle, or when two layers would call their own parameters by one name.
  absl::StatusOr<LayerContext::ParameterName> Name(int layer, const std::string& own_name);

  // A parameter that is another layer's.
  struct Shared {
    int sharer;
    std::string own_name;
    std::string name;
    int owner;  // the layer that `name` begins with, or -1
  };
  const std::vector<Shared>& shared() const { return shared_; }

  // What is wrong with a layer's share once the layer has asked for its parameters, or "": it names none of them.
  std::string ShareMistake(int layer, int share) const;

  // Whether a layer has named this parameter as its own.
  bool IsOwn(absl::string_view name) const { return own_.contains(name); }
  std::vector<std::string> OwnNames() const;  // sorted

 private:
  int OwnerOf(absl::string_view name) const;

  const Model& model_;
  absl::flat_hash_map<absl::string_view, int> layers_;  // if any of them shares
  absl::flat_hash_map<absl::string_view, int> variables_;
  absl::flat_hash_set<std::string> own_;
  std::vector<std::vector<std::string>> asked_;  // by layer, by their names in it ("weights")
  absl::flat_hash_set<std::pair<int, int>> used_;
  std::vector<Shared> shared_;
};

}  // namespace gradus

#endif  // GRADUS_GRAPH_PARAMETER_NAMES_H_
