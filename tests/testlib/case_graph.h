// A row of tests/ops/op_cases.h as a graph with numbers to feed it.
#ifndef GRADUS_TESTS_TESTLIB_CASE_GRAPH_H_
#define GRADUS_TESTS_TESTLIB_CASE_GRAPH_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "graph/graph.h"
#include "graph/reference.h"
#include "tests/ops/op_cases.h"

namespace gradus {

struct CaseGraph {
  Graph graph;
  std::vector<Value> inputs;  // Input nodes "x0", "x1", ...
  int node = -1;              // the node under test
  ReferenceFeeds feeds;
  RunState state;

  const Node& under_test() const { return graph.node(node); }
  // The outputs of the node under test that are not opaque.
  std::vector<Value> outputs() const;
};

// Adds an Input node.
absl::StatusOr<Value> AddInput(Graph* graph, std::string name, const TensorType& type);

absl::StatusOr<CaseGraph> BuildCase(const std::string& op, const OpCase& op_case);

// Elements of a domain, the same for the same name. Numbers for f32 inputs are exact in float32.
ReferenceTensor Draw(const Domain& domain, const TensorType& type, absl::string_view name);

// "Conv(f32[1, 7, 5, 5], f32[20, 7, 3, 3]) {strides=[1, 1]}".
std::string Describe(const CaseGraph& graph);

}  // namespace gradus

#endif  // GRADUS_TESTS_TESTLIB_CASE_GRAPH_H_
