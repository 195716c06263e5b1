// Chooses kernels by time. The kernels of a plan depend on each other through the layouts of the values between them,
// so whole plans are tried: node after node takes the candidate with the least sum of its own time and that of the
// layout changes that it asks for, of its inputs, and of its outputs for their readers. How readers will want a value
// is guessed at first, a plan for each guess: all images in one format. The best plan then tells how its readers really
// want values, and is made again until that gains nothing.
//
// The result is a list of choices, which a plan repeats as it repeats those of an earlier run.
#ifndef GRADUS_GRAPH_KERNEL_SEARCH_H_
#define GRADUS_GRAPH_KERNEL_SEARCH_H_

#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "graph/kernel_timer.h"
#include "graph/plan.h"
#include "graph/tuning_cache.h"

namespace gradus {

struct KernelSearchResult {
  KernelChoices choices;
  double milliseconds = 0;         // of all steps alone, on cold memory
  double first_milliseconds = 0;   // the same for the first candidate of each node
  std::vector<std::string> notes;  // one for each choice that asks for changes of layouts: what it costs and gains
};

// `store` says which variables have a layout already; it is not changed. Times come from `cache`, or are measured and
// added to it, which takes as long as some tens of steps.
absl::StatusOr<KernelSearchResult> SearchKernels(const Program& program, const VariableStore& store,
                                                 const PlanOptions& options, TuningCache* cache);

// The denominator of every claim about speed: what the operations of a program would take if each ran alone at its
// best. For each node the fastest candidate in any layout, with no layout changes between them.
struct NodeLimit {
  std::string node, implementation, layout;  // the layout is that of its first output
  double milliseconds = 0;
  ChoicePtr choice;
};
absl::StatusOr<std::vector<NodeLimit>> PrimitiveLimits(const Program& program, const PlanOptions& options,
                                                       TuningCache* cache);

// Times the limit again, all of it at a time: between whole steps of a plan, so that both see the machine in the same
// states, and without what choosing the least of many noisy times has flattered.
class LimitTimer {
 public:
  explicit LimitTimer(absl::Span<const NodeLimit> limits);
  // Milliseconds of all operations, each kernel run once for those that share it.
  absl::StatusOr<double> Time();

 private:
  absl::flat_hash_map<ChoicePtr, int> counts_;  // how many operations share it
  KernelTimer timer_;
};

}  // namespace gradus

#endif  // GRADUS_GRAPH_KERNEL_SEARCH_H_
