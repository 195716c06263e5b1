// Times candidates alone: in memory of their own, whose contents the caches do not hold.
//
// Inputs are small numbers (zeros where they are no floats). The memory is kept from one candidate to the next and
// grows to what the largest needs. Used by one thread at a time.
#ifndef GRADUS_GRAPH_KERNEL_TIMER_H_
#define GRADUS_GRAPH_KERNEL_TIMER_H_

#include <limits>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/arena.h"
#include "graph/kernel.h"

namespace gradus {

class KernelTimer {
 public:
  struct Result {
    double milliseconds = 0;  // the lower quartile of the runs: what disturbs them only ever adds
    // The runs were stopped early because the candidate clearly takes longer than `enough`: no more is known.
    bool stopped = false;
  };

  // `at_hand`: the layouts of inputs that the candidate takes as they are.
  absl::StatusOr<Result> Time(const Candidate& candidate, absl::Span<const Layout> at_hand,
                              double enough = std::numeric_limits<double>::infinity());

  // Milliseconds of one run, after another that does not count.
  absl::StatusOr<double> TimeOnce(const Candidate& candidate, absl::Span<const Layout> at_hand);

 private:
  // A kernel and the memory that it is bound to.
  struct Setup {
    std::vector<const void*> inputs;
    std::vector<void*> outputs;
    RunState state;
    std::unique_ptr<Kernel> kernel;
  };
  absl::StatusOr<std::unique_ptr<Setup>> SetUp(const Candidate& candidate, absl::Span<const Layout> at_hand);

  Arena arena_;
};

// Fills what a kernel or a plan reads while it is timed: numbers in [-0.5, 0.5) without a pattern.
void FillForTiming(float* data, int64_t count);

// Reads and writes enough memory that what was in the private caches is gone.
void EmptyCaches();

}  // namespace gradus

#endif  // GRADUS_GRAPH_KERNEL_TIMER_H_
