#include "core/memory_limit.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <string>
#include <vector>

#include "core/file.h"

namespace gradus {
namespace {

TEST(ParseKilobytesTest, FindsTheWholeKey) {
  const std::string text = "VmRSSish:\t 1 kB\nVmRSS:\t    1804 kB\nVmHWM: 2 kB\n";
  EXPECT_EQ(ParseKilobytes(text, "VmRSS"), 1804 * 1024);
  EXPECT_EQ(ParseKilobytes(text, "VmHWM"), 2 * 1024);
  EXPECT_EQ(ParseKilobytes(text, "VmSize"), std::nullopt);
  EXPECT_EQ(ParseKilobytes(text, "Vm"), std::nullopt);
}

TEST(ParseKilobytesTest, RefusesWhatIsNoSize) {
  EXPECT_EQ(ParseKilobytes("", "A"), std::nullopt);
  EXPECT_EQ(ParseKilobytes("A:", "A"), std::nullopt);
  EXPECT_EQ(ParseKilobytes("A:   \n", "A"), std::nullopt);
  EXPECT_EQ(ParseKilobytes("A: kB", "A"), std::nullopt);
  EXPECT_EQ(ParseKilobytes("A: -4 kB", "A"), std::nullopt);
  EXPECT_EQ(ParseKilobytes("A: 9223372036854775807 kB", "A"), std::nullopt);
  EXPECT_EQ(ParseKilobytes("A: 92233720368547758070 kB", "A"), std::nullopt);
}

class CgroupRoomTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(RemoveAll(mount_).ok()); }

  void Write(const std::string& path, const std::string& text) {
    const std::string full = JoinPath(mount_, path);
    ASSERT_TRUE(MakeFolders(ParentFolder(full)).ok());
    ASSERT_TRUE(WriteFileAtomically(full, text).ok());
  }

  const std::string mount_ = JoinPath(testing::TempDir(), "cgroup");
};

TEST_F(CgroupRoomTest, NoGroupsNoLimit) {
  EXPECT_EQ(CgroupRoom(mount_, "").bytes, kUnlimitedMemory);
  EXPECT_EQ(CgroupRoom(mount_, "nonsense\n::\n0::/a\n").bytes, kUnlimitedMemory);
}

TEST_F(CgroupRoomTest, Version2TakesTheTightestAncestor) {
  Write("a/b/memory.max", "max\n");
  Write("a/b/memory.current", "100\n");
  Write("a/memory.max", "1000\n");
  Write("a/memory.current", "400\n");
  Write("memory.max", "5000\n");
  Write("memory.current", "500\n");
  const MemoryRoom room = CgroupRoom(mount_, "0::/a/b\n");
  EXPECT_EQ(room.bytes, 600);
  EXPECT_EQ(room.limited_by, "cgroup");
}

TEST_F(CgroupRoomTest, CachedFilesCountAsFree) {
  Write("memory.max", "1000\n");
  Write("memory.current", "900\n");
  Write("memory.stat", "anon 500\ninactive_file 300\nactive_file 100\n");
  EXPECT_EQ(CgroupRoom(mount_, "0::/").bytes, 400);
}

TEST_F(CgroupRoomTest, UseAboveTheLimitLeavesNothing) {
  Write("memory.max", "1000\n");
  Write("memory.current", "1001\n");
  EXPECT_EQ(CgroupRoom(mount_, "0::/").bytes, 0);
}

// In a container the path is often the host's, of which only the root is mounted.
TEST_F(CgroupRoomTest, FallsBackToTheMountedRoot) {
  Write("memory/memory.limit_in_bytes", "1000\n");
  Write("memory/memory.usage_in_bytes", "700\n");
  Write("memory/memory.stat", "inactive_file 1\ntotal_inactive_file 50\n");
  EXPECT_EQ(CgroupRoom(mount_, "9:cpu:/x\n4:hugetlb,memory:/docker/0123\n").bytes, 350);
  EXPECT_EQ(CgroupRoom(mount_, "4:memoryish:/docker/0123\n").bytes, kUnlimitedMemory);
}

TEST_F(CgroupRoomTest, HybridMountsOfVersion2) {
  Write("unified/a/memory.max", "1000\n");
  Write("unified/a/memory.current", "1\n");
  EXPECT_EQ(CgroupRoom(mount_, "0::/a/").bytes, 999);
}

TEST(MemoryLimitTest, IsPlausible) {
  EXPECT_GT(MemoryLimit(), 0);
  EXPECT_LT(MemoryLimit(), int64_t{1} << 50);
  EXPECT_NE(AvailableMemory().limited_by, "none");
}

TEST(MemoryLimitTest, SeesTheAddressSpaceLimit) {
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_AS, &before), 0);
  const absl::StatusOr<std::string> status = ReadFile("/proc/self/status");
  ASSERT_TRUE(status.ok()) << status.status();
  rlimit limit = before;
  limit.rlim_cur = *ParseKilobytes(*status, "VmSize") + (64 << 20);
  ASSERT_EQ(setrlimit(RLIMIT_AS, &limit), 0);
  const MemoryRoom room = AvailableMemory();
  ASSERT_EQ(setrlimit(RLIMIT_AS, &before), 0);
  EXPECT_EQ(room.limited_by, "RLIMIT_AS");
  EXPECT_LE(room.bytes, 64 << 20);
  EXPECT_GT(room.bytes, 32 << 20);
}

TEST(ResidentBytesTest, CountsWhatIsTouched) {
  const int64_t before = ResidentBytes();
  ASSERT_GT(before, 0);
  std::vector<char> touched(32 << 20, 1);
  EXPECT_GE(ResidentBytes() - before, 30 << 20);
  EXPECT_GE(PeakResidentBytes(), before + (30 << 20));
}

}  // namespace
}  // namespace gradus
