// From the model as it was written to the model as it is meant, still a Model: defaults merged underneath the layers,
// inputs and outputs explicit, layers in an order in which each follows what it takes. What is left to say about a
// layer needs types, and is found when it is lowered.
//
// ExpandedModel is a value that owns all it holds; safe to read from several threads.
#ifndef GRADUS_GRAPH_EXPAND_H_
#define GRADUS_GRAPH_EXPAND_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/source_location.h"
#include "core/source_map.h"
#include "proto/model.pb.h"

namespace gradus {

class ExpandedModel {
 public:
  // Invariants: at least one layer; every layer has exactly one operation and at least one input; every name that is
  // mentioned is that of an input or of an earlier layer (or its second output, "layer.output"); names are unique;
  // at least one output; `defaults` is empty.
  const Model& model() const { return model_; }

  // Where a field of model() was written: "layer[3]", "layer[3].conv.kernel", "loss[0].input[0]". A field that came
  // from `defaults` cites its line there; what nobody wrote cites the nearest thing that somebody did.
  SourceLocation Where(absl::string_view path) const;

  SourceLocation WhereLayer(int index) const;
  SourceLocation WhereLoss(int index) const;
  SourceLocation WhereMetric(int index) const;
  SourceLocation WhereOutput(int index) const;

 private:
  friend absl::StatusOr<ExpandedModel> ExpandModel(const Model& model, SourceMap source);

  Model model_;
  SourceMap source_;
  std::vector<int> written_as_;  // for each layer its index in the text
};

// Checks all that can be said without types, and reports every mistake at once, one per line: missing, bad and
// duplicate names; inputs that nobody makes; cycles; layers with no operation or two; what always runs taking what
// does not; dimensions of inputs. Merging: a field that the layer sets wins, repeated fields as a whole, messages field
// by field; setting one member of a oneof drops another that the defaults set. Linear in the size of the model.
//
// `source` knows the places of `model`; that of a model that was built in code is SourceMap().
absl::StatusOr<ExpandedModel> ExpandModel(const Model& model, SourceMap source);

// "conv1.final_state" -> {"conv1", "final_state"}; "conv1" -> {"conv1", ""}. Only for names that are not an input's.
struct OutputName {
  absl::string_view layer;
  absl::string_view output;
};
OutputName SplitOutputName(absl::string_view name);

}  // namespace gradus

#endif  // GRADUS_GRAPH_EXPAND_H_
