// What evaluations mean for a run: which checkpoint is the best, and whether to stop early. What has been judged so far
// is kept in the run's CheckpointState (best and early_stop), so that a resumed run judges on.
//
// A value; safe to share between threads.
#ifndef GRADUS_TRAIN_JUDGE_H_
#define GRADUS_TRAIN_JUDGE_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "proto/checkpoint.pb.h"
#include "train/evaluator.h"
#include "train/training_file.h"

namespace gradus {

class Judge {
 public:
  // By the metrics that the training file names, else by the model's first one. An unknown metric is an error with its
  // place and the nearest name.
  static absl::StatusOr<Judge> Make(const TrainingFile& file, const Evaluator& evaluator);

  // Takes the results of the evaluation after `step` into `history`. Results that are not finite are never better.
  void Add(int64_t step, const std::vector<std::pair<std::string, double>>& results, CheckpointState* history) const;

  // Why the run is to stop after the last evaluation of `history`, for people: it has reached what the training file
  // wants (`stop_when`), or has not got better for too long (`early_stop`). Empty: it goes on.
  std::string StopReason(const CheckpointState& history) const;

  // Drops from a history what was judged by another metric than now.
  void DropOthers(CheckpointState* history) const;

 private:
  struct Rule {
    std::string metric;
    bool larger_is_better = false;
    double min_delta = 0;

    // The metric among `results`; NaN when it is not there.
    double Value(const std::vector<std::pair<std::string, double>>& results) const;
    bool Better(double value, double than) const;
  };

  Rule best_, stop_;
  int64_t patience_ = 0;  // 0: never stops
  StopWhen stop_when_;    // without a metric: never stops
};

}  // namespace gradus

#endif  // GRADUS_TRAIN_JUDGE_H_
