// The text of a checkpoint's state file: text form of CheckpointState (proto/checkpoint.proto) between two comments,
//
//   # proto-file: proto/checkpoint.proto
//   # proto-message: gradus.CheckpointState
//   ...
//   # crc32c: 5fe2d1a0
//
// the last of which is the checksum of all bytes above it. Pure functions; thread-safe.
#ifndef GRADUS_TRAIN_CHECKPOINT_STATE_H_
#define GRADUS_TRAIN_CHECKPOINT_STATE_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "proto/checkpoint.pb.h"

namespace gradus {

// The format that this build writes, and the newest that it reads.
constexpr int kCheckpointFormatVersion = 1;

// Equal states give equal text.
std::string PrintCheckpointState(const CheckpointState& state);

// DataLoss when the text is damaged, FailedPrecondition when it is of a newer format. Fields that this build does not
// know are dropped: a format version stands for all that must be understood.
absl::StatusOr<CheckpointState> ParseCheckpointState(absl::string_view text);

}  // namespace gradus

#endif  // GRADUS_TRAIN_CHECKPOINT_STATE_H_
