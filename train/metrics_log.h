// metrics.jsonl: the course of a run, one JSON object a line, in the order of steps. The keys are stable:
//
//   {"step":100,"epoch":0,"loss":0.31,"learning_rate":0.01,"gradient_norm":1.2,"examples_per_second":20513.7,
//    "data_wait":0.01}                                                       (on one line)
//   {"step":938,"epoch":1,"eval_loss":0.05,"eval_top1":0.983}
//
// Numbers that are not finite are null. Each line is one write, so a killed run leaves whole lines; after a power cut
// TruncateMetricsLog repairs what is torn.
#ifndef GRADUS_TRAIN_METRICS_LOG_H_
#define GRADUS_TRAIN_METRICS_LOG_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/file.h"

namespace gradus {

struct MetricsLine {
  int64_t step = 0;   // steps done
  int64_t epoch = 0;  // epochs completed
  std::optional<double> loss;
  std::optional<double> learning_rate;
  std::optional<double> gradient_norm;  // global L2 norm before clipping
  std::optional<double> examples_per_second;
  std::optional<double> data_wait;          // share of the time that the steps waited for data
  std::optional<int64_t> skipped_examples;  // left out since the process began, because they could not be read
  std::vector<std::pair<std::string, double>> evaluation;  // metric's name, result: "eval_<name>"
};

// The line's JSON object without a newline; keys in the order of the fields, those without a value left out.
std::string ToJson(const MetricsLine& line);

// The log of a running training; the file is made when there is none. Not thread-safe.
class MetricsLog {
 public:
  static absl::StatusOr<MetricsLog> Open(absl::string_view path);

  absl::Status Append(const MetricsLine& line);

  // Makes all lines so far outlast a power cut. To be called before a checkpoint that counts on them is saved.
  absl::Status Sync();

 private:
  MetricsLog(std::string path, FileDescriptor fd) : path_(std::move(path)), fd_(std::move(fd)) {}

  std::string path_;
  FileDescriptor fd_;
};

// Cuts a log back to a checkpoint: keeps the lines whose step is at most `last_step` (-1: none), and none that is torn;
// the rest of the run then writes its lines again. So a step's lines must all be written before its checkpoint is. No
// error when there is no log.
absl::Status TruncateMetricsLog(absl::string_view path, int64_t last_step);

}  // namespace gradus

#endif  // GRADUS_TRAIN_METRICS_LOG_H_
