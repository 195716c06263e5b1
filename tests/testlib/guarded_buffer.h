// Memory for one value under test: aligned to 64 bytes, with zones before and behind that nobody may write.
#ifndef GRADUS_TESTS_TESTLIB_GUARDED_BUFFER_H_
#define GRADUS_TESTS_TESTLIB_GUARDED_BUFFER_H_

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "core/check.h"
#include "core/tensor.h"

namespace gradus {

class GuardedBuffer {
 public:
  // Two words that are NaN as floats; elements that nobody writes differ between runs on the one and on the other.
  static constexpr uint32_t kPoisons[] = {0xFFFFFFFFu, 0x7FC0DEADu};

  explicit GuardedBuffer(int64_t bytes) : bytes_(bytes), memory_(AllocateAligned(bytes + 2 * kZone)) {
    GRADUS_CHECK(memory_ != nullptr);
    std::memset(memory_.get(), kMark, kZone);
    std::memset(memory_.get() + kZone + bytes_, kMark, kZone);
  }

  uint8_t* data() { return memory_.get() + kZone; }
  const uint8_t* data() const { return memory_.get() + kZone; }
  int64_t bytes() const { return bytes_; }

  void Poison(uint32_t word) {
    for (int64_t i = 0; i < bytes_; i += 4) std::memcpy(data() + i, &word, std::min<int64_t>(4, bytes_ - i));
  }

  bool intact() const {
    const auto marked = [](uint8_t byte) { return byte == kMark; };
    const uint8_t* const behind = data() + bytes_;
    return std::all_of(data() - kZone, data(), marked) && std::all_of(behind, behind + kZone, marked);
  }

 private:
  static constexpr int64_t kZone = 256;
  static constexpr uint8_t kMark = 0xA5;

  int64_t bytes_;
  AlignedBytes memory_;
};

}  // namespace gradus

#endif  // GRADUS_TESTS_TESTLIB_GUARDED_BUFFER_H_
