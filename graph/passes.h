// Passes over a program, run one after the other with a verifier after each. A pass is a function that is registered
// under a name; those that know operations live in ops/passes/.
//
//   absl::Status FuseReluIntoSine(Program* program, PassLog* log);
//   REGISTER_PASS(fuse_relu_into_sine, 40, FuseReluIntoSine);
#ifndef GRADUS_GRAPH_PASSES_H_
#define GRADUS_GRAPH_PASSES_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "core/registry.h"
#include "graph/program.h"

namespace gradus {

// What a pass says about its work, a line for each thing.
struct PassLog {
  std::vector<std::string> done;    // "conv1+relu1: Unary 'relu1' joins Conv 'conv1'"
  std::vector<std::string> missed;  // "Unary 'relu1' does not join Conv 'conv1': loss 'x' reads that, too"
};

using PassFunction = std::function<absl::Status(Program*, PassLog*)>;

struct Pass {
  std::string name;
  PassFunction run;
};

// Passes run by rank, those of one rank by name:
//   0-19   drop and merge nodes
//   20-39  change what is computed (batch norm into the weights before it)
//   40-79  make one node of several
//   80-    move nodes between stages
struct PassEntry {
  int rank;
  PassFunction run;
};

struct PassOptions {
  // Names of passes to leave out, for debugging. "all": every one but prune.
  std::vector<std::string> skip;
  // Called with the name of each pass that has run ("" before the first) and the program as it is then (--dump_graph).
  std::function<void(const std::string& pass, const Program&)> dump;
  // Called after each pass with what it says (--explain); at last with "plan", and what the compiled plan moves without
  // computing anything, and why.
  std::function<void(const std::string& pass, const PassLog& log)> explain;
};

// Drops nodes that no fetch, gradient or write needs.
absl::Status Prune(Program* program, PassLog* log);
// Gives equal nodes (operation, attributes, inputs) one node; random ones and writes stay.
absl::Status MergeEqual(Program* program, PassLog* log);

// All registered passes in the order in which they run.
const std::vector<Pass>& Pipeline();

// `passes` is another list for tests of this function.
absl::Status RunPasses(Program* program, const PassOptions& options = {}, const std::vector<Pass>& passes = Pipeline());

// What must hold after every pass: inputs come before their readers, types are what operations say, names are unique,
// variables are read and written by one node each and not written while computing, stages do not go backwards, fetches
// exist and gradients have their parameters' types; the same of the prologue. A broken rule is a bug of the pass: an
// Internal error that names the node (and, from RunPasses, the pass).
absl::Status Verify(const Program& program);
// The fetches and gradients alone.
absl::Status VerifyEnds(const Program& program);

}  // namespace gradus

#define REGISTER_PASS(name, rank, function)               \
  [[maybe_unused]] static const bool gradus_pass_##name = \
      ::gradus::Registry<::gradus::PassEntry>::Get().Add(#name, ::gradus::PassEntry{rank, function})

#endif  // GRADUS_GRAPH_PASSES_H_
