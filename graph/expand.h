// From the model as it was written to the model as it is meant, still a Model: blocks stamped out, the layers inside
// others taken out of them (graph/stamp.h), defaults merged underneath, inputs and outputs explicit, layers in an order
// in which each follows what it takes. What is left to say about a layer needs types, and is found when it is lowered.
//
// ExpandedModel is a value that owns all it holds; safe to read from several threads.
#ifndef GRADUS_GRAPH_EXPAND_H_
#define GRADUS_GRAPH_EXPAND_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "core/source_location.h"
#include "core/source_map.h"
#include "graph/origin.h"
#include "proto/model.pb.h"

namespace gradus {

// A file whose blocks the model uses.
struct ImportedModel {
  Model model;
  SourceMap source;
};

class ExpandedModel {
 public:
  // Invariants: at least one layer; every layer has exactly one operation, which is no use and holds no layers, and at
  // least one input; every name that is mentioned is that of an input or of an earlier layer (or its second output,
  // "layer.output"); names are unique; at least one output; no `defaults`, blocks and imports. What a layer shares is
  // that of another layer or a variable; it may come later. Expanded again, it stays as it is.
  const Model& model() const { return model_; }

  // Where a field of model() was written: "layer[3]", "layer[3].conv.kernel", "loss[0].input[0]". A field that came
  // from `defaults` cites its line there; what nobody wrote cites the nearest thing that somebody did. What a block
  // stamped out cites the block's line and the use.
  SourceLocation Where(absl::string_view path) const;

  SourceLocation WhereLayer(int index) const;
  SourceLocation WhereLoss(int index) const;
  SourceLocation WhereMetric(int index) const;
  SourceLocation WhereOutput(int index) const;

 private:
  friend absl::StatusOr<ExpandedModel> ExpandModel(const Model& model, SourceMap source,
                                                   absl::Span<const ImportedModel> imports);
  SourceLocation WhereInLayer(const Origin& origin, absl::string_view field) const;

  Model model_;
  std::vector<SourceMap> sources_;  // that of the model, then those of its imports
  std::vector<Origin> origins_;     // of the layers
};

// Checks all that can be said without types, and reports every mistake at once, one per line: missing, bad and
// duplicate names; blocks that there are not, with arguments that they do not take; inputs that nobody makes; cycles;
// layers with no operation or two; what always runs taking what does not; dimensions of inputs. Merging: a field that
// the layer sets wins, repeated fields as a whole, messages field by field; setting one member of a oneof drops another
// that the defaults set. Linear in the size of the expanded model.
//
// `source` knows the places of `model`; that of a model that was built in code is SourceMap(). `imports`: all files
// that it imports, and those that they do.
absl::StatusOr<ExpandedModel> ExpandModel(const Model& model, SourceMap source,
                                          absl::Span<const ImportedModel> imports = {});

}  // namespace gradus

#endif  // GRADUS_GRAPH_EXPAND_H_
