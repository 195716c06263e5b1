// What an operation means: float64, plain loops, no oneDNN. The oracle of every test, and what check_gradients runs.
//
//   absl::Status ReluReference(ReferenceContext& context);
//   REGISTER_REFERENCE(Relu, ReluReference);      // ops/reference/relu.cc
#ifndef GRADUS_GRAPH_REFERENCE_H_
#define GRADUS_GRAPH_REFERENCE_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/registry.h"
#include "graph/graph.h"
#include "graph/kernel.h"

namespace gradus {

// A tensor in float64, row-major, whatever its type in the graph (whole numbers up to 2^53 are exact). An opaque value
// holds what the reference of its producer likes.
struct ReferenceTensor {
  Shape shape;
  std::vector<double> values;
};

struct ReferenceContext {
  const Graph& graph;
  const Node& node;
  std::vector<const ReferenceTensor*> inputs;
  std::vector<ReferenceTensor>& outputs;  // of the node's shapes, zeros; a reference resizes opaque ones itself
  const RunState& state;

  const Shape& shape(int i) const { return inputs[i]->shape; }
  const std::vector<double>& in(int i) const { return inputs[i]->values; }
  std::vector<double>& out(int i) const { return outputs[i].values; }
  template <typename T>
  const T& attrs() const {
    return node.attrs.as<T>();
  }
};

using ReferenceFunction = std::function<absl::Status(ReferenceContext&)>;

struct ReferenceEntry {
  ReferenceFunction function;
};

using ReferenceFeeds = absl::flat_hash_map<std::string, ReferenceTensor>;  // by name of Input node, or of variable

// Runs what `wanted` needs, node by node; no stages: Assign nodes write nothing. Feeds and variables by name; a missing
// one is an error.
absl::StatusOr<std::vector<ReferenceTensor>> EvaluateReference(const Graph& graph, absl::Span<const Value> wanted,
                                                               const ReferenceFeeds& feeds, const RunState& state = {});

}  // namespace gradus

#define REGISTER_REFERENCE(op, function)                     \
  [[maybe_unused]] static const bool gradus_reference_##op = \
      ::gradus::Registry<::gradus::ReferenceEntry>::Get().Add(#op, ::gradus::ReferenceEntry{function})

#endif  // GRADUS_GRAPH_REFERENCE_H_
