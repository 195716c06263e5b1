#include "core/crc32c.h"

#include <algorithm>
#include <cstddef>

#include "isa-l/crc.h"

namespace gradus {

uint32_t Crc32c(absl::Span<const uint8_t> bytes) { return ExtendCrc32c(0, bytes); }

uint32_t Crc32c(absl::string_view bytes) {
  return Crc32c(absl::MakeConstSpan(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()));
}

uint32_t ExtendCrc32c(uint32_t crc_of_a, absl::Span<const uint8_t> bytes) {
  constexpr size_t kChunk = size_t{1} << 30;  // the library counts in int
  uint32_t state = ~crc_of_a;
  while (!bytes.empty()) {
    const size_t n = std::min(bytes.size(), kChunk);
    state = crc32_iscsi(const_cast<unsigned char*>(bytes.data()), static_cast<int>(n), state);
    bytes.remove_prefix(n);
  }
  return ~state;
}

}  // namespace gradus
