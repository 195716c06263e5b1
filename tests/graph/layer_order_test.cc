#include "graph/layer_order.h"

#include "gtest/gtest.h"

namespace gradus {
namespace {

using Lists = std::vector<std::vector<int>>;

TEST(OrderLayers, KeepsAnOrderThatIsRight) {
  EXPECT_EQ(OrderLayers(Lists{{}, {0}, {0}, {1, 2}}).order, (std::vector<int>{0, 1, 2, 3}));
  EXPECT_TRUE(OrderLayers(Lists{}).order.empty());
}

TEST(OrderLayers, MovesOnlyWhatIsNeededEarlier) {
  // 1 takes 3, which takes 2.
  EXPECT_EQ(OrderLayers(Lists{{}, {3}, {}, {2}, {}}).order, (std::vector<int>{0, 2, 3, 1, 4}));
}

TEST(OrderLayers, FindsCyclesAlongTheData) {
  EXPECT_EQ(OrderLayers(Lists{{2}, {0}, {1}}).cycles, (Lists{{0, 1, 2}}));
  EXPECT_EQ(OrderLayers(Lists{{}, {3}, {1}, {2}}).cycles, (Lists{{1, 2, 3}}));
  EXPECT_EQ(OrderLayers(Lists{{1}, {0}, {3}, {2}}).cycles, (Lists{{0, 1}, {2, 3}}));
  EXPECT_TRUE(OrderLayers(Lists{{}, {0, 0}}).cycles.empty());
}

TEST(OrderLayers, DoesNotRecurse) {
  constexpr int kLayers = 1000000;
  Lists takes(kLayers);
  for (int i = 0; i + 1 < kLayers; ++i) takes[i] = {i + 1};
  const LayerOrder order = OrderLayers(takes);
  EXPECT_EQ(order.order.front(), kLayers - 1);
  EXPECT_EQ(order.order.back(), 0);
}

}  // namespace
}  // namespace gradus
