// Files, folders and paths, as absl::Status: every error names the path and what the system said about it. Nothing here
// is retried except calls that a signal interrupted. Paths are the process's own (see ResolvePath for a user's).
// The functions are thread-safe as far as the file system is; an InputFile may be read from several threads.
#ifndef GRADUS_CORE_FILE_H_
#define GRADUS_CORE_FILE_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace gradus {

// ---- Paths.

// "folder/name"; `name` alone when `folder` is empty or `name` is absolute.
std::string JoinPath(absl::string_view folder, absl::string_view name);

// "a/b" of "a/b/c", "." of "c", "/" of "/c".
std::string ParentFolder(absl::string_view path);

// A path that a user gave, relative to where the user is: `bazel run` starts programs elsewhere and says where it was
// called in $BUILD_WORKING_DIRECTORY. Absolute paths, and all paths when it is not set, come back unchanged.
std::string ResolvePath(absl::string_view path);

enum class PathKind { kMissing, kFile, kFolder, kOther };

// What is at `path`, following symbolic links; kMissing also when the link leads nowhere.
absl::StatusOr<PathKind> KindOfPath(absl::string_view path);

// ---- Whole files.

constexpr int64_t kDefaultReadLimit = int64_t{1} << 30;

// The contents of a file (or pipe). OutOfRange when it is longer than `limit` bytes; a folder is an error.
absl::StatusOr<std::string> ReadFile(absl::string_view path, int64_t limit = kDefaultReadLimit);

// Puts `contents` at `path` in one stroke: after a crash or power cut there is the old file or the new one, never a
// part. See AtomicFile.
absl::Status WriteFileAtomically(absl::string_view path, absl::string_view contents);

// Whether a file could be put there; nothing is changed.
absl::Status CheckWritable(absl::string_view path);

// No error when there is none.
absl::Status RemoveFile(absl::string_view path);

// ---- Folders.

// Makes a folder and those above it; no error when it is there already.
absl::Status MakeFolders(absl::string_view path);

// The names in a folder, sorted, without "." and "..".
absl::StatusOr<std::vector<std::string>> ListFolder(absl::string_view path);

// Removes a file, link or folder with all in it, not following links; no error when there is none.
absl::Status RemoveAll(absl::string_view path);

// Moves a file or folder within one file system. A file or an empty folder at `to` is replaced.
absl::Status Rename(absl::string_view from, absl::string_view to);

// Swaps what is at two paths in one stroke where the file system can (Linux ones do), else by way of a third name.
absl::Status Exchange(absl::string_view a, absl::string_view b);

// Makes the names in a folder (a rename, a new file) outlast a power cut.
absl::Status FsyncFolder(absl::string_view path);

// ---- Open files.

// Owns a file descriptor. -1: none.
class FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int fd) : fd_(fd) {}
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept;
  ~FileDescriptor();

  int get() const { return fd_; }
  int Release() { return std::exchange(fd_, -1); }

 private:
  int fd_ = -1;
};

// open(2) with O_CLOEXEC.
absl::StatusOr<FileDescriptor> OpenFile(absl::string_view path, int flags);

// write(2) until all is written. `path` is for the error.
absl::Status WriteAll(int fd, absl::string_view path, absl::string_view bytes);

// A regular file to read at any place. Its size is that at opening.
class InputFile {
 public:
  static absl::StatusOr<InputFile> Open(absl::string_view path);

  const std::string& path() const { return path_; }
  int64_t size() const { return size_; }

  // Fills `bytes` from `offset` on; DataLoss when the file ends before.
  absl::Status ReadAt(int64_t offset, absl::Span<uint8_t> bytes) const;

 private:
  InputFile(std::string path, FileDescriptor fd, int64_t size)
      : path_(std::move(path)), fd_(std::move(fd)), size_(size) {}

  std::string path_;
  FileDescriptor fd_;
  int64_t size_ = 0;
};

// A file that appears at its path complete or not at all. It is written under a temporary name in the same folder
// (".NAME.tmp", so one writer a path at a time); Commit() fsyncs it, renames it and fsyncs the folder. Without Commit()
// the destructor removes it.
class AtomicFile {
 public:
  static absl::StatusOr<AtomicFile> Create(absl::string_view path);
  AtomicFile(AtomicFile&&) = default;
  AtomicFile& operator=(AtomicFile&&) = delete;
  ~AtomicFile();

  absl::Status Append(absl::string_view bytes);
  absl::Status Append(absl::Span<const uint8_t> bytes);
  absl::Status Commit();

 private:
  AtomicFile(std::string path, std::string temporary, FileDescriptor fd)
      : path_(std::move(path)), temporary_(std::move(temporary)), fd_(std::move(fd)) {}

  std::string path_;
  std::string temporary_;
  FileDescriptor fd_;  // none once committed
};

}  // namespace gradus

#endif  // GRADUS_CORE_FILE_H_
