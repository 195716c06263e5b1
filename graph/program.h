// What a plan is compiled from: a graph, what to fetch from it, and hints that the graph's arrows do not show.
#ifndef GRADUS_GRAPH_PROGRAM_H_
#define GRADUS_GRAPH_PROGRAM_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "graph/graph.h"
#include "graph/lower.h"

namespace gradus {

struct Program {
  Graph graph;
  // What the host reads after a run, by unique name.
  std::vector<NamedValue> fetches;
  // The gradient of each trained parameter, and the read of the parameter: best computed in the parameter's storage
  // layout. In a prologue: each value that is written, and the variable that it is written to.
  std::vector<std::pair<Value, Value>> gradients;
  bool inference = false;
  // Writes the variables of Role::kDerived that this program reads, as functions of other variables, in its stage
  // kUpdate. It runs before the compute stage where one of those has been written since, by whatever program. Null:
  // there are none. Has no feeds and no fetches. Made by a pass, never changed afterwards.
  std::shared_ptr<const Program> prologue;
};

// Feeds and fetches that every training program has.
inline constexpr char kLearningRate[] = "gradus/learning_rate";           // feed, f32[]
inline constexpr char kSquaredNorm[] = "gradus/squared_norm";             // fetch, f32[]: of this batch's gradients
inline constexpr char kTotalSquaredNorm[] = "gradus/total_squared_norm";  // fetch: of the accumulated gradients

// A program that computes `network`'s losses, metrics and outputs (whichever its mode has) and writes nothing but the
// state that it carries from batch to batch, in its stage kCommit. Fetches carry their own names: "loss/<name>",
// "metric/<name>", "output/<name>".
Program BuildForward(Network network);

}  // namespace gradus

#endif  // GRADUS_GRAPH_PROGRAM_H_
