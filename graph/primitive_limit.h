// The denominator of every claim about speed: what a program would take if each operation ran alone at its best. For each
// node the fastest candidate in any layout, timed on memory that the caches do not hold, summed over all nodes; no reorder
// between them, nothing fused.
#ifndef GRADUS_GRAPH_PRIMITIVE_LIMIT_H_
#define GRADUS_GRAPH_PRIMITIVE_LIMIT_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "graph/plan.h"

namespace gradus {

// The best of one node.
struct NodeLimit {
  int node = -1;
  std::string implementation;
  std::string layout;  // of its first output
  double milliseconds = 0;
};

// Times every candidate of every node of a compiled plan's program: in the layouts that the plan had at hand, and with all
// inputs plain, channels last, and in blocks of 8 and 16 channels. The median of `rounds` runs each. Takes seconds, and
// memory for one operation at a time.
absl::StatusOr<std::vector<NodeLimit>> PrimitiveLimits(const Plan& plan, int threads, int rounds);

// Reads and writes enough memory that what was in the private caches is gone.
void EmptyCaches();

}  // namespace gradus

#endif  // GRADUS_GRAPH_PRIMITIVE_LIMIT_H_
