// Checkpoints: all of a run at one step, in one folder.
//
//   RUN/checkpoints/step-00001200/model.safetensors       variables by their names in the model, plain layouts
//                                 optimizer.safetensors   the optimiser's slots
//                                 state.textproto         the rest (proto/checkpoint.proto), and checksums of all
//   RUN/checkpoints/best -> step-00000800                 a link to the best by the run's metric
//
// A checkpoint is written as ".tmp-step-...", fsynced and renamed, and is removed by way of such a name, so a folder
// without it is whole whenever the process is killed. What rots later is found by checksums. Equal runs give equal
// bytes.
//
// Writing functions are for the one process that holds the run folder (train/run_folder.h); reading is for anybody.
#ifndef GRADUS_TRAIN_CHECKPOINT_H_
#define GRADUS_TRAIN_CHECKPOINT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "core/tensor.h"
#include "proto/checkpoint.pb.h"
#include "train/checkpoint_state.h"
#include "train/safetensors.h"

namespace gradus {

// ---- Writing.

// Saves the checkpoint of state.step(), in this order:
//   1. writes it (format version and tensor records are filled in; one of the same step is replaced),
//   2. points `best` at the checkpoint of state.best().step(),
//   3. removes all but the newest `keep` (0: none is removed), the best, and that of step 0.
// After an error before 1 is done, whatever was there before still is, and no part of the new one.
absl::Status SaveCheckpoint(absl::string_view run, const CheckpointState& state, std::vector<TensorToWrite> model,
                            std::vector<TensorToWrite> optimizer, int64_t keep);

// ---- Reading.

// An open checkpoint whose state and headers agree. Movable; safe to read from several threads.
class Checkpoint {
 public:
  // Opens a checkpoint's folder. DataLoss when it is damaged (its tensors' bytes are only looked at when read);
  // FailedPrecondition when it is of a newer format.
  static absl::StatusOr<Checkpoint> Open(absl::string_view folder);

  const std::string& folder() const { return folder_; }
  const CheckpointState& state() const { return state_; }
  const SafetensorsFile& model() const { return model_.file; }
  const SafetensorsFile& optimizer() const { return optimizer_.file; }

  // A tensor of the model or the optimiser. NotFound; DataLoss when its bytes do not have their checksum.
  absl::StatusOr<Tensor> ReadModel(absl::string_view name) const { return Read(model_, name); }
  absl::StatusOr<Tensor> ReadOptimizer(absl::string_view name) const { return Read(optimizer_, name); }

  // Reads every tensor and compares checksums. Needs a few MiB of memory, whatever the checkpoint's size.
  absl::Status Verify() const;

 private:
  struct Part {
    SafetensorsFile file;
    std::vector<uint32_t> crcs;  // of file.tensors(), in their order
  };

  Checkpoint(std::string folder, CheckpointState state, Part model, Part optimizer)
      : folder_(std::move(folder)),
        state_(std::move(state)),
        model_(std::move(model)),
        optimizer_(std::move(optimizer)) {}

  absl::StatusOr<Tensor> Read(const Part& part, absl::string_view name) const;

  std::string folder_;
  CheckpointState state_;
  Part model_;
  Part optimizer_;
};

// The steps of a run's checkpoints, ascending, damaged ones included; empty without a run.
absl::StatusOr<std::vector<int64_t>> ListCheckpoints(absl::string_view run);

// "RUN/checkpoints/step-00001200".
std::string CheckpointFolder(absl::string_view run, int64_t step);

// The newest checkpoint of a run that is whole (Verify() has passed), or nothing when the run has none at all. Damaged
// ones are left out, with a message for each in `skipped`; when all are, that is an error. So is one of a newer format.
absl::StatusOr<std::optional<Checkpoint>> OpenNewestCheckpoint(absl::string_view run,
                                                               std::vector<std::string>* skipped);

// The same for a run that goes on from there: what a killed process left half-written is removed, and damaged
// checkpoints newer than the one found are renamed to "damaged-step-...", so that they no longer count.
absl::StatusOr<std::optional<Checkpoint>> RecoverNewestCheckpoint(absl::string_view run,
                                                                  std::vector<std::string>* skipped);

// What a user means by a path: a checkpoint's folder (verified), or a run's (its newest whole checkpoint).
absl::StatusOr<Checkpoint> OpenCheckpointOrRun(absl::string_view path, std::vector<std::string>* skipped);

}  // namespace gradus

#endif  // GRADUS_TRAIN_CHECKPOINT_H_
