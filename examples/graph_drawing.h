// A network as a drawing, in the language of Graphviz (https://graphviz.org/doc/info/lang.html): a node for each
// operation, with its name, its type and the parameters that it reads; an edge for each value; a box around all whose
// names begin alike (`stage1/2/...`). Pure functions; thread-safe.
#ifndef GRADUS_EXAMPLES_GRAPH_DRAWING_H_
#define GRADUS_EXAMPLES_GRAPH_DRAWING_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "graph/lower.h"

namespace gradus {

// A network, lowered for training, with the gradients of its losses by its parameters.
struct Differentiated {
  Network network;
  int forward_nodes = 0;              // the nodes from here on belong to gradients
  std::vector<NamedValue> gradients;  // by the parameter's name
};

// Adds gradients to a network; an error when it has no loss. Parameters that no loss depends on have none.
absl::StatusOr<Differentiated> Differentiate(Network network);

// "digraph ...": ends with a newline. A network without gradients is {network, network.graph.size(), {}}.
std::string DrawGraph(absl::string_view title, const Differentiated& network);

// Has Graphviz's program `dot` make an SVG file of a drawing, which appears whole or not at all. FailedPrecondition
// when it is not installed.
absl::Status WriteSvg(absl::string_view drawing, const std::string& path);

}  // namespace gradus

#endif  // GRADUS_EXAMPLES_GRAPH_DRAWING_H_
