// Lowering: from an expanded model to a typed graph, layer by layer, for one mode and one batch size.
#ifndef GRADUS_GRAPH_LOWER_H_
#define GRADUS_GRAPH_LOWER_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "core/shape.h"
#include "graph/expand.h"
#include "graph/graph.h"
#include "graph/layer.h"
#include "proto/model.pb.h"

namespace gradus {

struct LowerOptions {
  Mode mode = Mode::kTrain;
  int64_t batch = 1;
  // Dimensions of one example for inputs that have free (-1) dimensions.
  absl::flat_hash_map<std::string, Shape> input_dims;
};

// A loss, before it becomes one number: `values` is f32[N, ...] or a scalar, times its mask.
struct LossTerm {
  std::string name;
  double weight = 1;
  Value values;
  SourceLocation where;
  Loss::Reduction reduction = Loss::MEAN;
  Value mask;  // MASKED_MEAN when not training: f32, the first axes of `values`; else invalid
};

struct MetricTerm {
  std::string name;
  Value values;  // f32[N, ...], times its mask
  const MetricEntry* entry = nullptr;
  Value mask;  // as in LossTerm; invalid without
};

struct NamedValue {
  std::string name;
  Value value;
};

// What one layer of the text became: nodes [first_node, last_node) of the graph.
struct LoweredLayer {
  std::string name;
  std::string kind;  // the operation's field name: "conv"
  Value output;
  int first_node = 0, last_node = 0;
  SourceLocation where;
};

struct Network {
  Graph graph;
  Mode mode = Mode::kTrain;
  int64_t batch = 1;
  std::vector<NamedValue> inputs;  // in the model's order
  std::vector<LoweredLayer> layers;
  std::vector<LossTerm> losses;     // kTrain and kEvaluate
  std::vector<MetricTerm> metrics;  // kEvaluate
  std::vector<NamedValue> outputs;
};

// Lowers every layer that runs in this mode. All errors that can be found are reported, one per line; a layer whose
// input failed is not tried. Each error ends with what the layer's inputs are and where they come from.
absl::StatusOr<Network> Lower(const ExpandedModel& model, const LowerOptions& options);

}  // namespace gradus

#endif  // GRADUS_GRAPH_LOWER_H_
