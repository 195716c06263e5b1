#include "core/arena.h"

#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <string>

#ifdef GRADUS_ASAN
#include <sanitizer/asan_interface.h>
#endif

#include "absl/strings/str_cat.h"
#include "core/human.h"
#include "core/memory_limit.h"
#include "core/parallel.h"

namespace gradus {
namespace {

// Far above what any machine addresses; sums of sizes below it do not overflow.
constexpr int64_t kMostBytes = int64_t{1} << 60;

absl::Status OutOfMemory(int64_t bytes, absl::string_view why) {
  return absl::ResourceExhaustedError(absl::StrCat("cannot reserve ", HumanBytes(bytes), " of memory: ", why));
}

// Maps `size` bytes from a multiple of the arena's alignment on; null on failure. Maps more and gives back the ends.
uint8_t* MapAligned(int64_t size) {
  void* mapped = mmap(nullptr, size + Arena::kAlignment, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) return nullptr;
  auto* const start = static_cast<uint8_t*>(mapped);
  const int64_t misaligned = reinterpret_cast<uintptr_t>(start) % Arena::kAlignment;
  const int64_t head = misaligned == 0 ? 0 : Arena::kAlignment - misaligned;
  const int64_t tail = Arena::kAlignment - head;
  if (head > 0) munmap(start, head);
  if (tail > 0) munmap(start + head + size, tail);
  return start + head;
}

// Makes every page present; an error number, or 0. The system clears pages at some GB/s a thread, so all threads ask.
int Populate(uint8_t* base, int64_t size, int64_t page) {
  madvise(base, size, MADV_HUGEPAGE);  // advice: a system without huge pages may refuse
  std::atomic<int> error{0};
  const auto populate_part = [&](int64_t begin, int64_t end) {
    if (madvise(base + begin, end - begin, MADV_POPULATE_WRITE) == 0) return;
    if (errno != EINVAL) {
      error = errno;
      return;
    }
    for (int64_t at = begin; at < end; at += page) *const_cast<volatile uint8_t*>(base + at) = 0;  // Linux before 5.14
  };
  ParallelFor(size, Arena::kAlignment, populate_part, /*align=*/Arena::kAlignment);
  return error;
}

}  // namespace

Arena::~Arena() { Release(); }

void Arena::Release() {
  if (base_ == nullptr) return;
#ifdef GRADUS_ASAN
  ASAN_UNPOISON_MEMORY_REGION(base_, size_);  // who gets these addresses next knows nothing of red zones here
#endif
  munmap(base_, size_);
  base_ = nullptr;
  size_ = 0;
  ++generation_;
}

absl::Status Arena::Reserve(int64_t bytes) {
  if (bytes < 0) return absl::InvalidArgumentError(absl::StrCat("cannot reserve ", bytes, " bytes of memory"));
  if (bytes <= size_) return absl::OkStatus();
  const MemoryRoom room = AvailableMemory();
  if (bytes > kMostBytes || bytes - size_ > room.bytes) {
    return OutOfMemory(bytes, absl::StrCat(HumanBytes(room.bytes), " are left (", room.limited_by, ")"));
  }
  Release();
  const int64_t page = sysconf(_SC_PAGESIZE);
  const int64_t size = (bytes + page - 1) / page * page;
  uint8_t* const base = MapAligned(size);
  if (base == nullptr) return OutOfMemory(bytes, std::strerror(errno));
  if (const int error = Populate(base, size, page); error != 0) {
    munmap(base, size);
    return OutOfMemory(bytes, std::strerror(error));
  }
  base_ = base;
  size_ = size;
  ++generation_;
  return absl::OkStatus();
}

}  // namespace gradus
