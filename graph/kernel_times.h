// How long candidates take: as the cache says, else as measured now. Used by one thread at a time.
#ifndef GRADUS_GRAPH_KERNEL_TIMES_H_
#define GRADUS_GRAPH_KERNEL_TIMES_H_

#include <limits>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "graph/kernel_catalog.h"
#include "graph/kernel_timer.h"
#include "graph/tuning_cache.h"

namespace gradus {

class KernelTimes {
 public:
  explicit KernelTimes(TuningCache* cache) : cache_(cache) {}

  // Milliseconds of a candidate on cold memory. Of one that takes longer than `enough` perhaps only that it does, and
  // about how long. An error where it cannot be timed (no memory left; a kernel that refuses made-up inputs).
  // `operation`: see OperationKey.
  absl::StatusOr<double> Of(absl::string_view operation, const NodeChoice& choice,
                            double enough = std::numeric_limits<double>::infinity());

  // Of a change of layout.
  absl::StatusOr<double> OfReorder(const NodeChoice& reorder);

 private:
  TuningCache* cache_;
  KernelTimer timer_;
};

// What a candidate's time depends on besides itself: "Conv {...} f32[8, 3, 224, 224] f32[64, 3, 3, 3] -> f32[...]".
std::string OperationKey(const Graph& graph, const Node& node, bool inference);

}  // namespace gradus

#endif  // GRADUS_GRAPH_KERNEL_TIMES_H_
