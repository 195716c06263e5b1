#include "train/run_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "core/status_macros.h"

namespace gradus {
namespace {

constexpr char kLock[] = "run.lock";

// What a folder holds besides the lock; nothing when there is no folder.
absl::StatusOr<std::vector<std::string>> Contents(absl::string_view path) {
  GRADUS_ASSIGN_OR_RETURN(PathKind kind, KindOfPath(path));
  if (kind != PathKind::kFolder) return std::vector<std::string>();  // MakeFolders has the error for files
  GRADUS_ASSIGN_OR_RETURN(std::vector<std::string> names, ListFolder(path));
  names.erase(std::remove(names.begin(), names.end(), kLock), names.end());
  return names;
}

// "'checkpoints', 'metrics.jsonl' and 3 more".
std::string Describe(const std::vector<std::string>& names) {
  constexpr size_t kMost = 4;
  const size_t shown = std::min(names.size(), kMost);
  return absl::StrCat("'", absl::StrJoin(names.begin(), names.begin() + shown, "', '"), "'",
                      names.size() > shown ? absl::StrCat(" and ", names.size() - shown, " more") : "");
}

absl::Status CheckContents(absl::string_view path, bool resume) {
  GRADUS_ASSIGN_OR_RETURN(std::vector<std::string> names, Contents(path));
  if (names.empty()) return absl::OkStatus();
  if (!resume) {
    return absl::FailedPreconditionError(absl::StrCat("the run folder '", path, "' is not empty (it holds ",
                                                      Describe(names),
                                                      "): go on with its run by --resume, or give another folder"));
  }
  GRADUS_ASSIGN_OR_RETURN(PathKind lock, KindOfPath(JoinPath(path, kLock)));
  if (lock == PathKind::kFile || std::count(names.begin(), names.end(), "checkpoints") > 0) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat("nothing to resume: '", path,
                                                    "' is not the folder of a run (it holds ", Describe(names),
                                                    ", but neither ", kLock, " nor 'checkpoints')"));
}

// Opens and locks the lock file and writes the process's number into it.
absl::StatusOr<FileDescriptor> Lock(absl::string_view run) {
  const std::string path = JoinPath(run, kLock);
  GRADUS_ASSIGN_OR_RETURN(FileDescriptor lock, OpenFile(path, O_RDWR | O_CREAT));
  if (flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return absl::ErrnoToStatus(errno, absl::StrCat("cannot lock '", path, "'"));
    absl::StatusOr<std::string> owner = ReadFile(path);
    return absl::FailedPreconditionError(
        absl::StrCat("the run folder '", run, "' is in use by another process",
                     owner.ok() && !owner->empty() ? absl::StrCat(" (", absl::StripSuffix(*owner, "\n"), ")") : ""));
  }
  if (ftruncate(lock.get(), 0) != 0) return absl::ErrnoToStatus(errno, absl::StrCat("cannot write '", path, "'"));
  GRADUS_RETURN_IF_ERROR(WriteAll(lock.get(), path, absl::StrCat(getpid(), "\n")));
  return lock;
}

}  // namespace

absl::StatusOr<RunFolder> RunFolder::Open(absl::string_view path, bool resume) {
  GRADUS_RETURN_IF_ERROR(CheckContents(path, resume));
  GRADUS_RETURN_IF_ERROR(MakeFolders(path));
  GRADUS_ASSIGN_OR_RETURN(FileDescriptor lock, Lock(path));
  GRADUS_RETURN_IF_ERROR(CheckContents(path, resume));  // another process may have come and gone in between
  return RunFolder(std::string(path), std::move(lock));
}

}  // namespace gradus
