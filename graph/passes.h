// Passes over a program, run one after the other with a verifier after each. A pass is a function; Pipeline() is the list.
#ifndef GRADUS_GRAPH_PASSES_H_
#define GRADUS_GRAPH_PASSES_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "graph/program.h"

namespace gradus {

struct Pass {
  std::string name;
  std::function<absl::Status(Program*)> run;
};

struct PassOptions {
  // Names of passes to leave out, for debugging.
  std::vector<std::string> skip;
  // Called with the name of each pass that has run ("" before the first) and the program as it is then (--dump_graph).
  std::function<void(const std::string& pass, const Program&)> dump;
};

// Drops nodes that no fetch, gradient or write needs.
absl::Status Prune(Program* program);
// Gives equal nodes (operation, attributes, inputs) one node; random ones and writes stay.
absl::Status MergeEqual(Program* program);

// All passes in the order in which they run.
const std::vector<Pass>& Pipeline();

// `passes` is another list for tests of this function.
absl::Status RunPasses(Program* program, const PassOptions& options = {},
                       const std::vector<Pass>& passes = Pipeline());

// What must hold after every pass: inputs come before their readers, types are what operations say, names are unique,
// variables are read and written by one node each and not written while computing, stages do not go backwards, fetches
// exist and gradients have their parameters' types. A broken rule is a bug of the pass: an Internal error that names the
// node (and, from RunPasses, the pass).
absl::Status Verify(const Program& program);

}  // namespace gradus

#endif  // GRADUS_GRAPH_PASSES_H_
