// The mask of a loss or a metric in the graph. A mask is f32 or i32, over the first axes of the values.
#ifndef GRADUS_GRAPH_TERM_MASK_H_
#define GRADUS_GRAPH_TERM_MASK_H_

#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "core/source_location.h"
#include "graph/graph.h"

namespace gradus {

class TermMask {
 public:
  // Adds nodes to `graph` whose names begin with `term`.
  TermMask(Graph* graph, std::string term, SourceLocation where)
      : graph_(graph), term_(std::move(term)), where_(std::move(where)) {}

  // values x mask, and 0 wherever the mask is 0, whatever the value.
  absl::StatusOr<Value> Apply(Value values, Value mask) const;
  // mask x its elements / its sum, so that a plain mean of masked values is the mean by the mask.
  absl::StatusOr<Value> Normalize(Value mask) const;
  // The mask as f32.
  absl::StatusOr<Value> Weights(Value mask) const;

 private:
  Graph* const graph_;
  const std::string term_;
  const SourceLocation where_;
};

}  // namespace gradus

#endif  // GRADUS_GRAPH_TERM_MASK_H_
