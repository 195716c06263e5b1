#include "core/memory_limit.h"

#include <fcntl.h>
#include <malloc.h>
#include <sys/resource.h>

#include <algorithm>

#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "core/file.h"

namespace gradus {
namespace {

// The names that the two versions of control groups give to the same things.
struct CgroupFiles {
  const char* limit;
  const char* use;
  const char* cache;  // in memory.stat
};
constexpr CgroupFiles kVersion1 = {"memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"};
constexpr CgroupFiles kVersion2 = {"memory.max", "memory.current", "inactive_file"};

std::string TextOf(const std::string& path) {
  absl::StatusOr<std::string> text = ReadFile(path);
  return text.ok() ? *std::move(text) : std::string();
}

// The number after `key` at the beginning of a line.
std::optional<int64_t> NumberAfter(absl::string_view text, absl::string_view key) {
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    if (!absl::ConsumePrefix(&line, key) || line.empty() || !absl::ascii_isspace(line[0])) continue;
    line = absl::StripLeadingAsciiWhitespace(line);
    int64_t number = 0;
    if (absl::SimpleAtoi(line.substr(0, line.find_first_of(" \t")), &number) && number >= 0) return number;
  }
  return std::nullopt;
}

std::optional<int64_t> NumberIn(const std::string& path) {
  int64_t number = 0;
  if (!absl::SimpleAtoi(TextOf(path), &number) || number < 0) return std::nullopt;  // "max": no limit
  return number;
}

void Tighten(MemoryRoom* room, int64_t limit, int64_t use, absl::string_view limited_by) {
  const int64_t left = std::max<int64_t>(0, limit - use);
  if (left < room->bytes) *room = {left, limited_by};
}

void TightenByGroup(MemoryRoom* room, const std::string& folder, const CgroupFiles& files) {
  const std::optional<int64_t> limit = NumberIn(JoinPath(folder, files.limit));
  const std::optional<int64_t> use = NumberIn(JoinPath(folder, files.use));
  if (!limit.has_value() || !use.has_value()) return;
  const int64_t cache = NumberAfter(TextOf(JoinPath(folder, "memory.stat")), files.cache).value_or(0);
  Tighten(room, *limit, std::max<int64_t>(0, *use - cache), "cgroup");
}

// The group at `path` below `root`, and all above it: each may have a limit.
void TightenByGroups(MemoryRoom* room, const std::string& root, absl::string_view path, const CgroupFiles& files) {
  while (true) {
    path = absl::StripSuffix(path, "/");
    TightenByGroup(room, absl::StrCat(root, path), files);
    if (path.empty()) return;
    path = path.substr(0, path.rfind('/') + 1);
  }
}

void TightenByResource(MemoryRoom* room, int resource, std::optional<int64_t> use, absl::string_view limited_by) {
  rlimit limit{};
  if (getrlimit(static_cast<__rlimit_resource_t>(resource), &limit) != 0 || !use.has_value()) return;
  if (limit.rlim_cur < static_cast<rlim_t>(kUnlimitedMemory)) {
    Tighten(room, static_cast<int64_t>(limit.rlim_cur), *use, limited_by);
  }
}

}  // namespace

MemoryRoom AvailableMemory() {
  MemoryRoom room = CgroupRoom("/sys/fs/cgroup", TextOf("/proc/self/cgroup"));
  if (const auto available = ParseKilobytes(TextOf("/proc/meminfo"), "MemAvailable"); available.has_value()) {
    Tighten(&room, *available, 0, "MemAvailable");
  }
  const std::string status = TextOf("/proc/self/status");
  TightenByResource(&room, RLIMIT_AS, ParseKilobytes(status, "VmSize"), "RLIMIT_AS");
  TightenByResource(&room, RLIMIT_DATA, ParseKilobytes(status, "VmData"), "RLIMIT_DATA");
  return room;
}

int64_t MemoryLimit() { return AvailableMemory().bytes; }

int64_t ResidentBytes() { return ParseKilobytes(TextOf("/proc/self/status"), "VmRSS").value_or(0); }

void ForgetPeakResidentBytes() {
  const absl::StatusOr<FileDescriptor> file = OpenFile("/proc/self/clear_refs", O_WRONLY);
  if (file.ok()) (void)WriteAll(file->get(), "/proc/self/clear_refs", "5");
}

int64_t PeakResidentBytes() { return ParseKilobytes(TextOf("/proc/self/status"), "VmHWM").value_or(0); }

void ReleaseFreeMemory() { malloc_trim(0); }

std::optional<int64_t> ParseKilobytes(absl::string_view text, absl::string_view key) {
  const std::optional<int64_t> kilobytes = NumberAfter(text, absl::StrCat(key, ":"));
  if (!kilobytes.has_value() || *kilobytes > kUnlimitedMemory / 1024) return std::nullopt;
  return *kilobytes * 1024;
}

MemoryRoom CgroupRoom(const std::string& mount, absl::string_view self) {
  MemoryRoom room;
  for (absl::string_view line : absl::StrSplit(self, '\n')) {
    // "4:cpu,memory:/path" in version 1, "0::/path" in version 2.
    const std::vector<absl::string_view> parts = absl::StrSplit(line, absl::MaxSplits(':', 2));
    if (parts.size() != 3) continue;
    if (parts[1].empty()) {
      TightenByGroups(&room, mount, parts[2], kVersion2);
      TightenByGroups(&room, JoinPath(mount, "unified"), parts[2], kVersion2);
    } else if (absl::StrContains(absl::StrCat(",", parts[1], ","), ",memory,")) {
      TightenByGroups(&room, JoinPath(mount, "memory"), parts[2], kVersion1);
    }
  }
  return room;
}

}  // namespace gradus
