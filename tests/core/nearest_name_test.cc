#include "core/nearest_name.h"

#include "gtest/gtest.h"

namespace gradus {
namespace {

const std::vector<std::string>& Names() {
  static const auto* names = new std::vector<std::string>{"filters", "kernel", "stride", "pad", "padding", "groups"};
  return *names;
}

TEST(NearestName, CountsEdits) {
  EXPECT_EQ(NearestName("kernal", Names()), "kernel");
  EXPECT_EQ(NearestName("krenel", Names()), "kernel");  // neighbours swapped
  EXPECT_EQ(NearestName("KERNAL", Names()), "kernel");  // case hardly counts
  EXPECT_EQ(NearestName("strides", Names()), "stride");
  EXPECT_EQ(NearestName("pads", Names()), "pad");
  EXPECT_EQ(NearestName("weights_init", Names()), "");
  EXPECT_EQ(NearestName("kernel", {}), "");
}

TEST(NearestName, TakesTheFirstOfEquals) { EXPECT_EQ(NearestName("conv3", {"conv1", "conv2"}), "conv1"); }

TEST(NearestName, NeverTakesAWholeOtherName) {
  EXPECT_EQ(NearestName("a", {"b"}), "");
  EXPECT_EQ(NearestName("ab", {"cd"}), "");
  EXPECT_EQ(NearestName("", {"a"}), "");
  EXPECT_EQ(NearestName("conv1", {"conv1", "conv2"}), "conv2") << "the name itself is of no help";
}

TEST(NearestName, SparesLongNames) {
  EXPECT_EQ(NearestName(std::string(1 << 20, 'x'), {std::string(1 << 20, 'x')}), "");
}

TEST(Suggestion, NamesTheNearestOrListsAFew) {
  EXPECT_EQ(Suggestion("kernal", Names()), "; did you mean 'kernel'?");
  EXPECT_EQ(Suggestion("units", {"a", "bcd"}), "; known: a, bcd");
  EXPECT_EQ(Suggestion("units", {"a", "bcd"}, /*list_up_to=*/1), "");
  EXPECT_EQ(Suggestion("units", {}), "");
}

}  // namespace
}  // namespace gradus
