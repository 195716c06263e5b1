// Times two plans of one program against each other.
//
// The sum of kernels' times alone, by which graph/kernel_search.h chooses, misses what a kernel leaves in the caches
// for the next. So what it has chosen must win as a whole, too.
#ifndef GRADUS_GRAPH_PLAN_DUEL_H_
#define GRADUS_GRAPH_PLAN_DUEL_H_

#include "absl/status/statusor.h"
#include "graph/plan.h"

namespace gradus {

struct PlanTimes {
  double first_milliseconds = 0, second_milliseconds = 0;  // medians of whole runs, all stages
  double ratio = 1;                                        // median of second / first, neighbours in time
};

// Compiles `program` with the kernel choices of `first` and of `second` and runs both in turn, on variables and an
// arena of their own, which are gone afterwards. Inputs are small numbers (zeros where they are no floats). `store`
// says which variables have a layout already; it is not changed. ResourceExhausted where memory does not allow it.
absl::StatusOr<PlanTimes> TimePlans(const Program& program, const VariableStore& store, const PlanOptions& first,
                                    const PlanOptions& second);

}  // namespace gradus

#endif  // GRADUS_GRAPH_PLAN_DUEL_H_
