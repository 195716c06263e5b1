#include "core/arena.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <limits>
#include <string>

#include "core/file.h"
#include "core/memory_limit.h"

namespace gradus {
namespace {

constexpr int64_t kMegabyte = 1'000'000;

TEST(ArenaTest, StartsEmpty) {
  Arena arena;
  EXPECT_EQ(arena.base(), nullptr);
  EXPECT_EQ(arena.size(), 0);
  EXPECT_TRUE(arena.Reserve(0).ok());
  EXPECT_EQ(arena.base(), nullptr);
}

TEST(ArenaTest, ReservesAlignedZeros) {
  Arena arena;
  ASSERT_TRUE(arena.Reserve(5 * kMegabyte).ok());
  EXPECT_EQ(reinterpret_cast<uintptr_t>(arena.base()) % Arena::kAlignment, 0);
  EXPECT_GE(arena.size(), 5 * kMegabyte);
  EXPECT_LT(arena.size(), 5 * kMegabyte + 65536);
  EXPECT_TRUE(std::all_of(arena.base(), arena.base() + arena.size(), [](uint8_t b) { return b == 0; }));
}

TEST(ArenaTest, GenerationChangesWhenTheRegionDoes) {
  Arena arena;
  const uint64_t empty = arena.generation();
  ASSERT_TRUE(arena.Reserve(kMegabyte).ok());
  const uint64_t first = arena.generation();
  EXPECT_NE(first, empty);
  arena.base()[7] = 7;
  ASSERT_TRUE(arena.Reserve(kMegabyte / 2).ok());
  EXPECT_EQ(arena.generation(), first);
  EXPECT_EQ(arena.base()[7], 7);
  ASSERT_TRUE(arena.Reserve(3 * kMegabyte).ok());
  EXPECT_NE(arena.generation(), first);
  EXPECT_GE(arena.size(), 3 * kMegabyte);
}

TEST(ArenaTest, IsResidentAndNoMore) {
  const int64_t before = ResidentBytes();
  Arena arena;
  ASSERT_TRUE(arena.Reserve(20 * kMegabyte).ok());
  const int64_t cost = ResidentBytes() - before;
  EXPECT_GE(cost, 19 * kMegabyte);
  EXPECT_LE(cost, 22 * kMegabyte);
}

TEST(ArenaTest, GivesMemoryBack) {
  const int64_t before = ResidentBytes();
  for (int i = 0; i < 10; ++i) {
    Arena arena;
    ASSERT_TRUE(arena.Reserve(20 * kMegabyte).ok());
    ASSERT_TRUE(arena.Reserve(30 * kMegabyte).ok());
  }
  EXPECT_LE(ResidentBytes() - before, 10 * kMegabyte);  // of the 300 that were held
}

TEST(ArenaTest, RefusesWhatIsNotThere) {
  Arena arena;
  ASSERT_TRUE(arena.Reserve(kMegabyte).ok());
  arena.base()[0] = 1;
  const uint64_t generation = arena.generation();
  for (int64_t bytes : {int64_t{1} << 50, std::numeric_limits<int64_t>::max()}) {
    const absl::Status status = arena.Reserve(bytes);
    EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
    EXPECT_THAT(std::string(status.message()), testing::HasSubstr("cannot reserve"));
  }
  EXPECT_EQ(arena.Reserve(-1).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(arena.generation(), generation);
  EXPECT_EQ(arena.base()[0], 1);
}

TEST(ArenaTest, RespectsTheAddressSpaceLimit) {
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_AS, &before), 0);
  const absl::StatusOr<std::string> process = ReadFile("/proc/self/status");
  ASSERT_TRUE(process.ok()) << process.status();
  rlimit limit = before;
  limit.rlim_cur = *ParseKilobytes(*process, "VmSize") + (64 << 20);
  Arena arena;
  ASSERT_EQ(setrlimit(RLIMIT_AS, &limit), 0);
  const absl::Status status = arena.Reserve(256 << 20);
  ASSERT_EQ(setrlimit(RLIMIT_AS, &before), 0);
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(status.message()), testing::HasSubstr("(RLIMIT_AS)"));
}

}  // namespace
}  // namespace gradus
