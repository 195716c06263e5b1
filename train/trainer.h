// A whole training run: data, steps, evaluation, checkpoints, logs. The loop behind `//examples:train`.
//
// A run is a pure function of its files, seed, thread count and kernel choices: stopped or killed at any moment and
// resumed it ends with the same bytes as one that was left alone.
#ifndef GRADUS_TRAIN_TRAINER_H_
#define GRADUS_TRAIN_TRAINER_H_

#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "data/dataset_registry.h"
#include "data/loader.h"
#include "graph/step_trace.h"
#include "train/checkpoint.h"
#include "train/data_binding.h"
#include "train/evaluator.h"
#include "train/judge.h"
#include "train/kernel_record.h"
#include "train/learner.h"
#include "train/metrics_log.h"
#include "train/progress.h"
#include "train/run_folder.h"
#include "train/schedule.h"
#include "train/stop_signal.h"
#include "train/training_file.h"

namespace gradus {

struct TrainerOptions {
  std::string data_dir;  // where relative paths of data sets start from; empty: the current folder
  std::string run_dir;
  bool resume = false;
  bool debug_arena = false;
  PassOptions passes;
  std::shared_ptr<TuningCache> tuning;  // see SessionOptions
  std::string trace;                    // file for a trace of three warm steps; empty: none
  // For a stage of several (train/stages.h): the folder of all stages, and the run's folder where it is open already. A
  // plan only: nothing will be trained, so that first weights of earlier stages are not there yet.
  std::string stages_dir;
  std::shared_ptr<RunFolder> folder;
  bool plan_only = false;
  // Data sets of the program's own, in place of those that the training file names; null: the file's. The file still
  // says how they are used (`train_data { shuffle: false }`).
  std::shared_ptr<const Dataset> train_dataset, eval_dataset;
};

struct TrainResult {
  std::string stage;  // the last one that ran; "" when the training has no stages
  int64_t step = 0;
  double loss = 0;                                         // of the last step; NaN when none was made
  std::vector<std::pair<std::string, double>> evaluation;  // the last one's
  double examples_per_second = 0;                          // while training, over this process's steps
  double data_wait = 0;                                    // the share of that time that went by waiting for data
  int64_t skipped_examples = 0;                            // of the training data, left out by this process
  int64_t peak_bytes = 0;                                  // peak resident memory of the process
  int signal = 0;                                          // the number of a signal that came meanwhile, or 0
  int exit_code = 0;  // 130 or 143 when the signal stopped the run, after saving; 0 when the run was at its end

  // One JSON object: stage (where there are several), step, loss, eval_<metric>..., examples_per_second, data_wait,
  // skipped_examples, peak_bytes. Numbers that are not finite are null.
  std::string ToJson() const;
};

class Trainer {
 public:
  // Opens the data, compiles everything and takes first weights from elsewhere; touches no run folder yet.
  static absl::StatusOr<std::unique_ptr<Trainer>> Create(TrainingFile file, TrainerOptions options);

  // What will happen, for people: data, steps, memory.
  std::string Describe() const;

  // Trains to the end, or to a signal. To be called once. Errors leave the run folder with its last good checkpoint.
  absl::StatusOr<TrainResult> Run();

  Learner& learner() { return *learner_; }

 private:
  // What there is only while the run goes on.
  struct Running {
    StopSignal signal;
    Progress progress;
    std::shared_ptr<RunFolder> folder;
    std::unique_ptr<MetricsLog> log;
  };

  Trainer(TrainingFile file, TrainerOptions options) : file_(std::move(file)), options_(std::move(options)) {}
  const Training& config() const { return file_.training; }

  // trainer_setup.cc
  absl::Status OpenData();
  absl::StatusOr<std::unique_ptr<Loader>> OpenLoader(const std::string& field) const;
  absl::Status PlanLength();
  absl::Status Compile();
  absl::Status CompileWith(const RunKernels& kernels);
  RunKernels Kernels() const;
  RunKernels EarlierKernels() const;
  absl::Status PlaceOfCompiling(const absl::Status& status) const;

  // trainer_state.cc
  absl::Status StartOrResume();
  absl::Status Start();
  absl::Status Resume(const Checkpoint& checkpoint);
  absl::Status RestoreAll(const Checkpoint& checkpoint, const Training& before);
  absl::Status CheckClasses(const CheckpointState& state) const;
  void NoteChanges(const CheckpointState& state, const Training& before);
  CheckpointState State() const;

  // trainer.cc
  absl::Status RunToEnd();
  absl::Status TrainStep();
  absl::Status AfterStep();
  absl::Status Evaluate();
  absl::Status Save();
  absl::Status Log();
  absl::Status Trace(bool last);
  absl::Status OfStream(const std::string& field, const absl::Status& status) const;
  absl::Status NameExample(const std::string& field, const absl::Status& status, const Batch& batch) const;
  void NoteSkipped(const std::string& field, const Batch& batch);
  bool finished() const { return step_ >= span_.total_steps || stopped_early_; }
  void ShowProgress();
  double ExamplesPerSecond() const;
  double DataWait() const;

  TrainingFile file_;
  TrainerOptions options_;
  std::unique_ptr<Loader> train_loader_, eval_loader_;
  std::unique_ptr<DataBinding> train_binding_, eval_binding_;
  std::unique_ptr<Learner> learner_;
  std::unique_ptr<Evaluator> evaluator_;
  std::unique_ptr<Judge> judge_;  // when there is an evaluator
  std::unique_ptr<StepTrace> trace_;
  int64_t steps_here_ = 0;  // made by this process
  ScheduleSpan span_;
  bool kernels_differ_ = false;     // from those of the run that is to go on
  std::vector<std::string> notes_;  // for people, to be shown when the run begins

  // The run.
  std::unique_ptr<Running> running_;
  int64_t step_ = 0, epoch_ = 0, examples_seen_ = 0;
  int64_t saved_step_ = -1, evaluated_step_ = -1, logged_step_ = -1;
  bool stopped_early_ = false;
  double last_loss_ = std::numeric_limits<double>::quiet_NaN(), last_norm_ = 0, last_rate_ = 0;
  double loss_sum_ = 0;  // since the last line of the log
  int64_t loss_count_ = 0;
  double seconds_ = 0, log_seconds_ = 0;  // spent in steps
  double waited_ = 0, log_waited_ = 0;    // of them for data
  int64_t examples_ = 0, log_examples_ = 0, skipped_examples_ = 0;
  absl::flat_hash_set<std::string> named_;  // messages about examples that were left out
  std::vector<std::pair<std::string, double>> results_;
  CheckpointState history_;  // best, early stop and evaluations so far
};

}  // namespace gradus

#endif  // GRADUS_TRAIN_TRAINER_H_
