// A whole training run: data, steps, evaluation, checkpoints, logs. The loop behind `//examples:train`.
//
// A run is a pure function of its files, seed, thread count and kernel choices: stopped or killed at any moment and resumed
// it ends with the same bytes as one that was left alone.
#ifndef GRADUS_TRAIN_TRAINER_H_
#define GRADUS_TRAIN_TRAINER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "data/dataset_registry.h"
#include "data/loader.h"
#include "train/checkpoint.h"
#include "train/data_binding.h"
#include "train/evaluator.h"
#include "train/learner.h"
#include "train/metrics_log.h"
#include "train/progress.h"
#include "train/run_folder.h"
#include "train/schedule.h"
#include "train/stop_signal.h"
#include "train/training_file.h"

namespace gradus {

struct TrainerOptions {
  std::string data_dir;
  std::string run_dir;
  bool resume = false;
  bool debug_arena = false;
  PassOptions passes;
  // Data sets of the program's own, in place of those that the training file names; null: the file's.
  std::shared_ptr<const Dataset> train_dataset, eval_dataset;
};

struct TrainResult {
  int64_t step = 0;
  double loss = 0;                                         // of the last step
  std::vector<std::pair<std::string, double>> evaluation;  // the last one's
  double examples_per_second = 0;                          // while training, over this process's steps
  int64_t peak_bytes = 0;                                  // peak resident memory of the process
  int exit_code = 0;                                       // 130 or 143 when a signal ended the run, after saving

  // One JSON object: step, loss, eval_<metric>..., examples_per_second, peak_bytes.
  std::string ToJson() const;
};

class Trainer {
 public:
  // Opens the data and compiles everything; touches no run folder yet.
  static absl::StatusOr<std::unique_ptr<Trainer>> Create(TrainingFile file, TrainerOptions options);

  // What will happen, for people: data, steps, memory.
  std::string Describe() const;

  // Trains to the end, or to a signal. Errors leave the run folder with its last good checkpoint.
  absl::StatusOr<TrainResult> Run();

  Learner& learner() { return *learner_; }

 private:
  Trainer(TrainingFile file, TrainerOptions options) : file_(std::move(file)), options_(std::move(options)) {}
  const Training& config() const { return file_.training; }

  absl::Status OpenData();
  absl::Status PlanLength();
  absl::Status Compile();
  absl::Status CheckMetrics();
  absl::flat_hash_map<std::string, std::string> EarlierChoices() const;

  absl::Status StartOrResume();
  absl::Status Resume(const Checkpoint& checkpoint);
  absl::Status TrainStep();
  absl::Status AfterStep();
  absl::Status Evaluate();
  absl::Status Judge();  // best and early stop, after an evaluation
  absl::Status Save();
  absl::Status Log();
  absl::Status NameExample(const absl::Status& status, const Batch& batch) const;
  CheckpointState State() const;
  void ShowProgress();
  double ExamplesPerSecond() const;

  TrainingFile file_;
  TrainerOptions options_;
  std::unique_ptr<Loader> train_loader_, eval_loader_;
  std::unique_ptr<DataBinding> train_binding_, eval_binding_;
  std::unique_ptr<Learner> learner_;
  std::unique_ptr<Evaluator> evaluator_;
  ScheduleSpan span_;
  std::string best_metric_, stop_metric_;
  bool best_larger_ = false, stop_larger_ = false;

  // The run.
  std::unique_ptr<RunFolder> folder_;
  std::unique_ptr<MetricsLog> log_;
  std::unique_ptr<Progress> progress_;
  std::unique_ptr<StopSignal> signal_;
  int64_t step_ = 0, epoch_ = 0;
  int64_t saved_step_ = -1, evaluated_step_ = -1, logged_step_ = -1;
  bool stopped_early_ = false;
  double last_loss_ = 0, last_norm_ = 0, last_rate_ = 0;
  double loss_sum_ = 0;  // since the last line of the log
  int64_t loss_count_ = 0;
  double seconds_ = 0, log_seconds_ = 0;  // spent in steps
  int64_t examples_ = 0, log_examples_ = 0;
  std::vector<std::pair<std::string, double>> results_;
  CheckpointState history_;  // best, early stop and evaluations so far
};

}  // namespace gradus

#endif  // GRADUS_TRAIN_TRAINER_H_
