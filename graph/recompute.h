// Which values of a program to drop after their last use on the way forward and to compute again on the way back, so
// that less is alive at once: a puzzle over integers that knows nothing of graphs, tensors or kernels.
//
// Steps run in order. Those from `turn` on are the way back; before one of them runs, steps from before `turn` may run
// a second time and make what it reads anew. A buffer that is *dropped* dies with its last reader before the turn; the
// first reader after the turn has its maker run again, and so the makers of what that reads, as far as it was dropped,
// too. The new buffer lives on to the last reader. No step runs a third time.
//
// Solutions come from two ideas. One drops, again and again, what is alive but idle when the most is alive, for the
// best price per byte (as in Kumar et al., "Efficient Rematerialization for Deep Networks", NeurIPS 2019, a value's
// price includes what must be made for it). The other cuts the way forward into segments and keeps what crosses the
// cuts (Chen et al., "Training Deep Nets with Sublinear Memory Cost", 2016). Pure functions, deterministic;
// thread-safe.
#ifndef GRADUS_GRAPH_RECOMPUTE_H_
#define GRADUS_GRAPH_RECOMPUTE_H_

#include <cstdint>
#include <utility>
#include <vector>

namespace gradus {

struct RecomputeBuffer {
  int64_t bytes = 0;
  bool kept = false;    // must not be dropped
  bool to_end = false;  // read after the last step
};

struct RecomputeStep {
  std::vector<int> reads, writes;         // buffers; one that no step writes is there from the first step on
  std::vector<std::pair<int, int>> over;  // (read, written): may share memory if nobody reads the former later
  int64_t scratch_bytes = 0;
  double cost = 0;          // of running it, in any unit
  bool repeatable = false;  // a second run gives the same values
};

struct RecomputePuzzle {
  std::vector<RecomputeBuffer> buffers;
  std::vector<RecomputeStep> steps;
  int turn = 0;
};

struct Recomputation {
  std::vector<bool> dropped;  // by buffer; one that nobody reads after the turn may be marked, too
  int64_t peak_bytes = 0;     // the most that is alive at one step
  double cost = 0;            // of all steps that run again
};

// Ever dearer solutions with ever lower peaks. The first drops nothing. The list does not depend on any limit: whoever
// takes the first that is low enough gets more memory for less time, and the last one's peak is the lowest known.
std::vector<Recomputation> SolveRecompute(const RecomputePuzzle& puzzle);

// The same for less time: keeps again what was dropped, the dearest first, while the peak is at most `most_bytes`. For
// a solution that is above that already, and for large puzzles, the solution itself.
Recomputation Refine(const RecomputePuzzle& puzzle, Recomputation solution, int64_t most_bytes);

struct ScheduledStep {
  int step;
  bool again;  // the second run
  friend bool operator==(ScheduledStep a, ScheduledStep b) { return a.step == b.step && a.again == b.again; }
};

// All steps in the order in which they run when the buffers are dropped. A second run writes buffers of its own; of
// these, the dropped ones are what later steps of the way back, and later second runs, read.
std::vector<ScheduledStep> Schedule(const RecomputePuzzle& puzzle, const std::vector<bool>& dropped);

}  // namespace gradus

#endif  // GRADUS_GRAPH_RECOMPUTE_H_
