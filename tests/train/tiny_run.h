// Runs that take milliseconds, for tests of the trainer: models as text, data in memory, and a look at what is left.
#ifndef GRADUS_TESTS_TRAIN_TINY_RUN_H_
#define GRADUS_TESTS_TRAIN_TINY_RUN_H_

#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "data/dataset.h"
#include "train/trainer.h"

namespace gradus {

// y = w x with w = 1 at first; the loss is y itself, so that a step takes rate x mean(x) from w, whatever w is.
extern const char kLineModel[];

// Convolution, batch norm, dropout: all that makes a run depend on its past. For synthetic digits.
extern const char kDigitsModel[];

// Synthetic digits with a random crop, 90 to train and 30 to evaluate, momentum; 12 steps of 16.
extern const char kDigitsTraining[];

// A data set of one column "x": f32[1].
std::shared_ptr<Dataset> Numbers(const std::vector<float>& x);

struct TinyRun {
  std::string model = kLineModel;
  std::string training;
  std::vector<std::string> overrides;
  TrainerOptions options;

  absl::StatusOr<std::unique_ptr<Trainer>> Create() const;
  // Creates and runs; keeps the trainer for a look at its variables.
  absl::StatusOr<TrainResult> Run();
  // The message of the error that it ends with.
  std::string Error();
  std::unique_ptr<Trainer> trainer;

  // A line of Numbers with `text` as further fields of the training file: rate 1, batches of 2, one thread, in order.
  static TinyRun Line(const std::vector<float>& x, const std::string& text, const std::string& run_dir);
  static TinyRun Digits(const std::string& text, const std::string& run_dir);

  // The line's weight after Run().
  float Weight() const;
};

// The lines of a run's metrics.jsonl.
std::vector<nlohmann::ordered_json> Metrics(const std::string& run_dir);

// The steps of those lines that have a key.
std::vector<int64_t> StepsWith(const std::string& run_dir, const std::string& key);

// The bytes of all files of the checkpoint of `step`, each after its name; "" when there is none.
std::string CheckpointBytes(const std::string& run_dir, int64_t step, bool with_state = true);

}  // namespace gradus

#endif  // GRADUS_TESTS_TRAIN_TINY_RUN_H_
