// One growing region of memory in which a session's plans lie, in huge pages where the system has them.
//
// The region starts at a multiple of 2 MiB and ends at a page; every page of it is there after Reserve, so that no step
// meets a page fault. It holds zeros after growing and whatever was written since otherwise. Owns the memory. Not
// thread-safe; what lies in the region is its users' affair.
#ifndef GRADUS_CORE_ARENA_H_
#define GRADUS_CORE_ARENA_H_

#include <cstdint>

#include "absl/status/status.h"

namespace gradus {

class Arena {
 public:
  static constexpr int64_t kAlignment = int64_t{2} << 20;

  Arena() = default;
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;
  ~Arena();

  // Makes the region at least `bytes` long. Growing may move it and loses what is in it; it never shrinks. A
  // ResourceExhausted error when there is not so much memory (see core/memory_limit.h), found where possible before
  // anything changes; if the system refuses later, the region is empty.
  absl::Status Reserve(int64_t bytes);

  uint8_t* base() const { return base_; }  // null when empty
  int64_t size() const { return size_; }   // whole pages, so up to a page more than asked for

  // Changes whenever the region moves or loses its contents: who keeps addresses compares.
  uint64_t generation() const { return generation_; }

 private:
  void Release();

  uint8_t* base_ = nullptr;
  int64_t size_ = 0;
  uint64_t generation_ = 0;
};

}  // namespace gradus

#endif  // GRADUS_CORE_ARENA_H_
