// How much memory this process may still take, and how much it has: what a plan is held against before its first step.
//
// Linux only. A source that cannot be read limits nothing. All numbers are bytes. Thread-safe.
#ifndef GRADUS_CORE_MEMORY_LIMIT_H_
#define GRADUS_CORE_MEMORY_LIMIT_H_

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace gradus {

constexpr int64_t kUnlimitedMemory = std::numeric_limits<int64_t>::max();

struct MemoryRoom {
  int64_t bytes = kUnlimitedMemory;       // never negative
  absl::string_view limited_by = "none";  // "MemAvailable", "cgroup", "RLIMIT_AS" or "RLIMIT_DATA": for messages
};

// The tightest of: the machine's MemAvailable; the limits of this process's control groups (versions 1 and 2) and of
// all groups above, less what they use; RLIMIT_AS and RLIMIT_DATA, less what this process has mapped.
MemoryRoom AvailableMemory();

// AvailableMemory().bytes.
int64_t MemoryLimit();

// What this process holds in memory now, and the most it ever held; 0 where the system does not say.
int64_t ResidentBytes();
int64_t PeakResidentBytes();
// The most counts from now on, where the system allows.
void ForgetPeakResidentBytes();

// Gives the system back what the heap has free.
void ReleaseFreeMemory();

// ---- The parts, for tests.

// The bytes of a line "key:    123 kB" of /proc/meminfo or /proc/self/status.
std::optional<int64_t> ParseKilobytes(absl::string_view text, absl::string_view key);

// The room left by control groups. `self` is the text of /proc/self/cgroup; `mount` is where the groups are mounted:
// version 2 at `mount` or `mount`/unified, version 1 at `mount`/memory. Cached file contents that the kernel would drop
// first count as free.
MemoryRoom CgroupRoom(const std::string& mount, absl::string_view self);

}  // namespace gradus

#endif  // GRADUS_CORE_MEMORY_LIMIT_H_
