#include "core/tensor.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>

namespace gradus {

AlignedBytes AllocateAligned(size_t bytes) {
  constexpr size_t kHuge = size_t{2} << 20;
  const size_t alignment = bytes >= kHuge ? kHuge : 64;
  const size_t rounded = std::max<size_t>((bytes + 63) / 64 * 64, 64);
  void* p = std::aligned_alloc(alignment, (rounded + alignment - 1) / alignment * alignment);
  if (p == nullptr) return nullptr;
  if (alignment == kHuge) madvise(p, rounded, MADV_HUGEPAGE);
  std::memset(p, 0, rounded);
  return AlignedBytes(static_cast<uint8_t*>(p));
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
