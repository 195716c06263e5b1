#include "core/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <limits>
#include <memory>
#include <new>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "core/status_macros.h"

namespace gradus {
namespace {

// "cannot <what> '<path>': <the system's words for `error`>".
absl::Status FileError(int error, absl::string_view what, absl::string_view path) {
  if (error == EIO) return absl::DataLossError(absl::StrCat("cannot ", what, " '", path, "': Input/output error"));
  return absl::ErrnoToStatus(error, absl::StrCat("cannot ", what, " '", path, "'"));
}

// Repeats a system call that a signal interrupted.
template <typename Call>
auto Uninterrupted(const Call& call) {
  auto result = call();
  while (result < 0 && errno == EINTR) result = call();
  return result;
}

absl::Status Fsync(int fd, absl::string_view path) {
  if (Uninterrupted([&] { return fsync(fd); }) != 0) return FileError(errno, "write", path);
  return absl::OkStatus();
}

}  // namespace

// ---- Paths.

std::string JoinPath(absl::string_view folder, absl::string_view name) {
  if (folder.empty() || (!name.empty() && name.front() == '/')) return std::string(name);
  return absl::StrCat(folder, folder.back() == '/' ? "" : "/", name);
}

std::string ParentFolder(absl::string_view path) {
  while (path.size() > 1 && path.back() == '/') path.remove_suffix(1);
  const size_t slash = path.rfind('/');
  if (slash == absl::string_view::npos) return ".";
  path = path.substr(0, slash);
  while (!path.empty() && path.back() == '/') path.remove_suffix(1);
  return path.empty() ? "/" : std::string(path);
}

std::string ResolvePath(absl::string_view path) {
  const char* folder = getenv("BUILD_WORKING_DIRECTORY");
  return folder == nullptr ? std::string(path) : JoinPath(folder, path);
}

absl::StatusOr<PathKind> KindOfPath(absl::string_view path) {
  struct stat info;
  if (stat(std::string(path).c_str(), &info) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) return PathKind::kMissing;
    return FileError(errno, "look at", path);
  }
  if (S_ISREG(info.st_mode)) return PathKind::kFile;
  return S_ISDIR(info.st_mode) ? PathKind::kFolder : PathKind::kOther;
}

// ---- Whole files.

absl::StatusOr<std::string> ReadFile(absl::string_view path, int64_t limit) try {
  GRADUS_ASSIGN_OR_RETURN(FileDescriptor fd, OpenFile(path, O_RDONLY));
  struct stat info;
  if (fstat(fd.get(), &info) != 0) return FileError(errno, "read", path);
  if (S_ISDIR(info.st_mode))
    return absl::InvalidArgumentError(absl::StrCat("cannot read '", path, "': it is a folder"));

  // One byte more than expected, to see the end of a file that has not grown with a single read.
  limit = std::min(limit, std::numeric_limits<int64_t>::max() - 1);
  std::string contents(std::min<int64_t>(std::max<int64_t>(info.st_size, 4095), limit) + 1, '\0');
  size_t filled = 0;
  while (true) {
    const ssize_t n = Uninterrupted([&] { return read(fd.get(), contents.data() + filled, contents.size() - filled); });
    if (n < 0) return FileError(errno, "read", path);
    if (n == 0) break;
    filled += n;
    if (static_cast<int64_t>(filled) > limit) {
      return absl::OutOfRangeError(absl::StrCat("cannot read '", path, "': it is longer than ", limit, " bytes"));
    }
    if (filled == contents.size()) contents.resize(std::min<int64_t>(2 * filled, limit + 1));
  }
  contents.resize(filled);
  return contents;
} catch (const std::bad_alloc&) {
  return absl::ResourceExhaustedError(absl::StrCat("cannot read '", path, "': not enough memory"));
}

absl::Status WriteFileAtomically(absl::string_view path, absl::string_view contents) {
  GRADUS_ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::Create(path));
  GRADUS_RETURN_IF_ERROR(file.Append(contents));
  return file.Commit();
}

absl::Status CheckWritable(absl::string_view path) { return AtomicFile::Create(path).status(); }

absl::Status RemoveFile(absl::string_view path) {
  if (unlink(std::string(path).c_str()) == 0 || errno == ENOENT || errno == ENOTDIR) return absl::OkStatus();
  return FileError(errno, "remove", path);
}

// ---- Folders.

absl::Status MakeFolders(absl::string_view path) {
  size_t end = 0;
  while (end < path.size()) {  // for every folder on the way
    end = std::min(path.find('/', end + 1), path.size());
    const std::string folder(path.substr(0, end));
    GRADUS_ASSIGN_OR_RETURN(PathKind kind, KindOfPath(folder));
    if (kind == PathKind::kFolder) continue;
    if (kind != PathKind::kMissing) {
      return absl::FailedPreconditionError(
          absl::StrCat("cannot make folder '", path, "': '", folder, "' is not a folder"));
    }
    if (mkdir(folder.c_str(), 0777) != 0 && errno != EEXIST) return FileError(errno, "make folder", folder);
    GRADUS_RETURN_IF_ERROR(FsyncFolder(ParentFolder(folder)));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> ListFolder(absl::string_view path) {
  std::vector<std::string> names;
  std::error_code error;
  std::filesystem::directory_iterator it(std::string(path), error);
  while (!error && it != std::filesystem::directory_iterator()) {
    names.push_back(it->path().filename().string());
    it.increment(error);
  }
  if (error) return FileError(error.value(), "list folder", path);
  std::sort(names.begin(), names.end());
  return names;
}

absl::Status RemoveAll(absl::string_view path) {
  std::error_code error;
  std::filesystem::remove_all(std::string(path), error);
  if (!error || error.value() == ENOTDIR) return absl::OkStatus();  // below a file there is nothing
  return FileError(error.value(), "remove", path);
}

absl::Status Rename(absl::string_view from, absl::string_view to) {
  if (rename(std::string(from).c_str(), std::string(to).c_str()) == 0) return absl::OkStatus();
  return FileError(errno, absl::StrCat("rename '", from, "' to"), to);
}

absl::Status Exchange(absl::string_view a, absl::string_view b) {
  if (renameat2(AT_FDCWD, std::string(a).c_str(), AT_FDCWD, std::string(b).c_str(), RENAME_EXCHANGE) == 0) {
    return absl::OkStatus();
  }
  if (errno != EINVAL && errno != ENOSYS) return FileError(errno, absl::StrCat("exchange '", a, "' and"), b);
  const std::string third = absl::StrCat(a, ".exchange");
  GRADUS_RETURN_IF_ERROR(Rename(b, third));
  GRADUS_RETURN_IF_ERROR(Rename(a, b));
  return Rename(third, a);
}

absl::Status FsyncFolder(absl::string_view path) {
  GRADUS_ASSIGN_OR_RETURN(FileDescriptor fd, OpenFile(path, O_RDONLY | O_DIRECTORY));
  const int result = Uninterrupted([&] { return fsync(fd.get()); });
  if (result != 0 && errno != EINVAL) return FileError(errno, "write", path);  // EINVAL: not on this file system
  return absl::OkStatus();
}

// ---- Open files.

FileDescriptor& FileDescriptor::operator=(FileDescriptor&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

FileDescriptor::~FileDescriptor() {
  if (fd_ >= 0) close(fd_);
}

absl::StatusOr<FileDescriptor> OpenFile(absl::string_view path, int flags) {
  if (path.find('\0') != absl::string_view::npos) {
    return absl::InvalidArgumentError(absl::StrCat("cannot open '", path, "': the path holds a NUL"));
  }
  const std::string name(path);
  const int fd = Uninterrupted([&] { return open(name.c_str(), flags | O_CLOEXEC, 0666); });
  if (fd < 0) return FileError(errno, "open", path);
  return FileDescriptor(fd);
}

absl::Status WriteAll(int fd, absl::string_view path, absl::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = Uninterrupted([&] { return write(fd, bytes.data(), bytes.size()); });
    if (n < 0) return FileError(errno, "write", path);
    bytes.remove_prefix(n);
  }
  return absl::OkStatus();
}

absl::StatusOr<InputFile> InputFile::Open(absl::string_view path) {
  GRADUS_ASSIGN_OR_RETURN(FileDescriptor fd, OpenFile(path, O_RDONLY | O_NONBLOCK));  // a pipe must not wait
  struct stat info;
  if (fstat(fd.get(), &info) != 0) return FileError(errno, "read", path);
  if (!S_ISREG(info.st_mode)) {
    return absl::InvalidArgumentError(
        absl::StrCat("cannot read '", path, "': it is ", S_ISDIR(info.st_mode) ? "a folder" : "no regular file"));
  }
  return InputFile(std::string(path), std::move(fd), info.st_size);
}

absl::Status InputFile::ReadAt(int64_t offset, absl::Span<uint8_t> bytes) const {
  while (!bytes.empty()) {
    const ssize_t n = Uninterrupted([&] { return pread(fd_.get(), bytes.data(), bytes.size(), offset); });
    if (n < 0) return FileError(errno, "read", path_);
    if (n == 0) return absl::DataLossError(absl::StrCat("'", path_, "' ends at byte ", offset, " of ", size_));
    offset += n;
    bytes.remove_prefix(n);
  }
  return absl::OkStatus();
}

absl::StatusOr<AtomicFile> AtomicFile::Create(absl::string_view path) {
  std::string target(path);
  struct stat status;
  if (lstat(target.c_str(), &status) == 0 && S_ISLNK(status.st_mode)) {
    const std::unique_ptr<char, decltype(&free)> real(realpath(target.c_str(), nullptr), &free);
    if (real == nullptr) return FileError(errno, "write", path);
    target = real.get();
  }
  if (stat(target.c_str(), &status) == 0 && !S_ISREG(status.st_mode)) {
    return absl::FailedPreconditionError(
        absl::StrCat("cannot write '", path, "': it is ", S_ISDIR(status.st_mode) ? "a folder" : "no regular file"));
  }
  path = target;
  const std::string name(path.substr(path.rfind('/') + 1));  // npos + 1 is 0
  std::string temporary = JoinPath(ParentFolder(path), absl::StrCat(".", name, ".tmp"));
  absl::StatusOr<FileDescriptor> fd = OpenFile(temporary, O_WRONLY | O_CREAT | O_TRUNC);
  if (!fd.ok()) {
    return absl::Status(fd.status().code(), absl::StrCat("cannot write '", path, "': ", fd.status().message()));
  }
  return AtomicFile(std::string(path), std::move(temporary), *std::move(fd));
}

AtomicFile::~AtomicFile() {
  if (fd_.get() >= 0) unlink(temporary_.c_str());
}

absl::Status AtomicFile::Append(absl::string_view bytes) { return WriteAll(fd_.get(), path_, bytes); }

absl::Status AtomicFile::Append(absl::Span<const uint8_t> bytes) {
  return Append(absl::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
}

absl::Status AtomicFile::Commit() {
  GRADUS_RETURN_IF_ERROR(Fsync(fd_.get(), path_));
  GRADUS_RETURN_IF_ERROR(Rename(temporary_, path_));
  close(fd_.Release());
  return FsyncFolder(ParentFolder(path_));
}

}  // namespace gradus
