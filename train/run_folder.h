// The folder of one run. It belongs to one process at a time: an flock(2) on the file `run.lock` in it, which the
// kernel releases however the process ends.
//
//   RUN/run.lock  kernels.textproto  metrics.jsonl  checkpoints/
//
// Movable; the lock is held as long as the object lives. Not thread-safe.
#ifndef GRADUS_TRAIN_RUN_FOLDER_H_
#define GRADUS_TRAIN_RUN_FOLDER_H_

#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/file.h"

namespace gradus {

class RunFolder {
 public:
  // Makes the folder when there is none, and takes its lock. FailedPrecondition
  //   - when it is not empty and `resume` is false: nothing is ever overwritten by accident,
  //   - when it is not empty, `resume` is true and it is no run's,
  //   - when another process has it.
  // A refused folder is left as it was.
  static absl::StatusOr<RunFolder> Open(absl::string_view path, bool resume);

  const std::string& path() const { return path_; }
  std::string MetricsPath() const { return JoinPath(path_, "metrics.jsonl"); }

 private:
  RunFolder(std::string path, FileDescriptor lock) : path_(std::move(path)), lock_(std::move(lock)) {}

  std::string path_;
  FileDescriptor lock_;
};

}  // namespace gradus

#endif  // GRADUS_TRAIN_RUN_FOLDER_H_
