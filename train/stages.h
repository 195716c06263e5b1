// A training of several stages, one after the other: a stack of networks that is trained layer by layer, say, and then
// as a whole. Each stage is a run of its own, with its own checkpoints and log:
//
//   RUN/stages/rbm1/   RUN/stages/rbm2/   the stages before the last
//   RUN/                                  the last one, so that the run's result is where that of any run is
//
// What a stage takes from an earlier one is that one's last checkpoint. So a run that is killed, in a stage or between
// two, goes on in the last stage that has a checkpoint, with the same bytes as one that was left alone.
#ifndef GRADUS_TRAIN_STAGES_H_
#define GRADUS_TRAIN_STAGES_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "train/trainer.h"
#include "train/training_file.h"

namespace gradus {

// The stages of a training, each with the fields of the file that it does not set itself and its places, but without a
// model. Errors: names that are missing, wrong or there twice, and init_from of stages that do not come before.
absl::StatusOr<std::vector<TrainingFile>> SplitStages(const TrainingFile& file);

// Told before a stage is trained, when its trainer is ready: its number from 0.
using StageBegins = std::function<void(int stage, Trainer& trainer)>;

// Opens data, compiles plans and looks at every init_from of all stages, so that mistakes in a late one show before
// hours of training; trains nothing. `file` has stages.
absl::Status PlanStages(const TrainingFile& file, const TrainerOptions& options, const StageBegins& planned);

// Trains one stage after the other, or what is left of them when the run is resumed; gives the last one's result. A
// signal ends the stage as it ends any run, and no other begins.
absl::StatusOr<TrainResult> RunStages(const TrainingFile& file, const TrainerOptions& options,
                                      const StageBegins& begins);

}  // namespace gradus

#endif  // GRADUS_TRAIN_STAGES_H_
