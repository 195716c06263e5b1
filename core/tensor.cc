#include "core/tensor.h"

#include <malloc.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstring>

#include "core/parallel.h"

namespace gradus {

namespace {

// Large memory is mapped, and goes back to the system when it is freed. By default glibc keeps what is freed once, and
// first values of weights and what else lives shortly would leave holes in the heap: 50 MB of a ResNet-50.
// (Setting that stops glibc from adjusting how much free memory the heap's end may hold, which is too little for lists
// that grow.)
bool MapLargeMemory() { return mallopt(M_MMAP_THRESHOLD, 1 << 20) == 1 && mallopt(M_TRIM_THRESHOLD, 8 << 20) == 1; }

constexpr size_t kHuge = size_t{2} << 20;

size_t Rounded(size_t bytes) { return std::max<size_t>((bytes + 63) / 64 * 64, 64); }

AlignedBytes AllocateUncleared(size_t bytes) {
  [[maybe_unused]] static const bool once = MapLargeMemory();
  const size_t alignment = bytes >= kHuge ? kHuge : 64;
  const size_t rounded = Rounded(bytes);
  void* p = std::aligned_alloc(alignment, (rounded + alignment - 1) / alignment * alignment);
  if (p != nullptr && alignment == kHuge) madvise(p, rounded, MADV_HUGEPAGE);
  return AlignedBytes(static_cast<uint8_t*>(p));
}

}  // namespace

AlignedBytes AllocateAligned(size_t bytes) {
  AlignedBytes memory = AllocateUncleared(bytes);
  if (memory != nullptr) std::memset(memory.get(), 0, Rounded(bytes));
  return memory;
}

AlignedBytes AllocateAlignedInParallel(size_t bytes) {
  AlignedBytes memory = AllocateUncleared(bytes);
  if (memory == nullptr) return memory;
  const auto clear_part = [&](int64_t begin, int64_t end) { std::memset(memory.get() + begin, 0, end - begin); };
  ParallelFor(static_cast<int64_t>(Rounded(bytes)), kHuge, clear_part, /*align=*/kHuge);
  return memory;
}

Tensor::Tensor(const TensorType& type) : type_(type), data_(AllocateAligned(type.bytes())) {
  GRADUS_CHECK(data_ != nullptr);
}

Tensor Tensor::Clone() const {
  if (empty()) return Tensor();
  Tensor copy(type_);
  std::memcpy(copy.data(), data(), bytes());
  return copy;
}

}  // namespace gradus
