// CRC32C (Castagnoli's polynomial, as in iSCSI and ext4): the checksum of everything that Gradus writes to disk.
// Pure functions; thread-safe.
#ifndef GRADUS_CORE_CRC32C_H_
#define GRADUS_CORE_CRC32C_H_

#include <cstdint>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace gradus {

// The checksum of `bytes`; of "123456789" it is 0xe3069283.
uint32_t Crc32c(absl::Span<const uint8_t> bytes);
uint32_t Crc32c(absl::string_view bytes);

// The checksum of A followed by `bytes`, given that of A (0 for an empty A).
uint32_t ExtendCrc32c(uint32_t crc_of_a, absl::Span<const uint8_t> bytes);

}  // namespace gradus

#endif  // GRADUS_CORE_CRC32C_H_
