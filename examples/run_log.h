// What a run has left behind: the course of its numbers (train/metrics_log.h) and its weights.
// Functions; thread-safe.
#ifndef GRADUS_EXAMPLES_RUN_LOG_H_
#define GRADUS_EXAMPLES_RUN_LOG_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/tensor.h"
#include "examples/svg_plot.h"

namespace gradus {

struct NamedWeights {
  std::string name;  // of the variable
  Tensor values;     // f32
};

struct RunLog {
  std::string name;                                  // the folder's last part
  std::map<std::string, std::vector<Point>> course;  // by key ("loss", "eval_top1"): step and value; NaN for null
  int64_t last_step = -1;                            // of the log; -1: it is empty
  int64_t weights_step = -1;                         // of the checkpoint that the weights are of; -1: there is none
  std::vector<NamedWeights> weights;                 // of the newest whole checkpoint, all f32 variables, by name
};

// Reads metrics.jsonl and the newest checkpoint of the run in `folder`. A last line that is torn is left out (a run may
// be going on); any other line that is not an object of the log is an error with its place. Messages about damaged
// checkpoints go to `skipped`.
absl::StatusOr<RunLog> ReadRunLog(const std::string& folder, std::vector<std::string>* skipped);

// The lines of a log. `path` is for errors.
absl::StatusOr<RunLog> ParseRunLog(absl::string_view text, absl::string_view path);

// Different names for runs of the same folder name, by more of their paths: "a/lenet", "b/lenet". Never "." or "..":
// what these lead to has a name.
std::vector<std::string> DistinctNames(const std::vector<std::string>& folders);

}  // namespace gradus

#endif  // GRADUS_EXAMPLES_RUN_LOG_H_
