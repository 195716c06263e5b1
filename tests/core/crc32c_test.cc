#include "core/crc32c.h"

#include <sys/mman.h>

#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace gradus {
namespace {

TEST(Crc32c, HasTheCheckValuesOfTheStandards) {
  EXPECT_EQ(Crc32c(absl::string_view("123456789")), 0xe3069283u);
  EXPECT_EQ(Crc32c(absl::string_view("")), 0u);
  EXPECT_EQ(Crc32c(std::string(32, '\0')), 0x8a9136aau);  // RFC 3720, B.4
  EXPECT_EQ(Crc32c(std::string(32, '\xff')), 0x62a8ab43u);
}

TEST(Crc32c, GoesOnFromAnyPlace) {
  std::vector<uint8_t> bytes(300);
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<uint8_t>(i * 7);
  const auto all = absl::MakeConstSpan(bytes);
  for (size_t i = 0; i <= bytes.size(); ++i) {
    ASSERT_EQ(ExtendCrc32c(Crc32c(all.subspan(0, i)), all.subspan(i)), Crc32c(all)) << i;
  }
}

// The library beneath counts in int: more than a chunk must not depend on where chunks end.
TEST(Crc32c, TakesMoreThanAGibibyte) {
  const size_t size = (size_t{1} << 30) + 12345;
  void* zeros = mmap(nullptr, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (zeros == MAP_FAILED) GTEST_SKIP() << "no address space";
  const absl::Span<const uint8_t> all(static_cast<const uint8_t*>(zeros), size);
  EXPECT_EQ(ExtendCrc32c(Crc32c(all.subspan(0, 777)), all.subspan(777)), Crc32c(all));
  munmap(zeros, size);
}

}  // namespace
}  // namespace gradus
