#include "core/shape.h"

#include <limits>

#include "gtest/gtest.h"

namespace gradus {
namespace {

constexpr int64_t kHuge = int64_t{1} << 62;

TEST(Shape, CountsElements) {
  EXPECT_EQ(Shape().num_elements(), 1);
  EXPECT_EQ(Shape({2, 3, 4}).num_elements(), 24);
  EXPECT_EQ(Shape({2, 0, 4}).num_elements(), 0);
  EXPECT_EQ(Shape({2, 3, 4}).ElementsBetween(1, 3), 12);
  EXPECT_EQ(Shape({2, 3, 4}).ElementsBetween(2, 2), 1);
  EXPECT_EQ(Shape({2, 3, 4}).Strides(), (Dims{12, 4, 1}));
  EXPECT_EQ(Shape({2, 3, 4}).ToString(), "[2, 3, 4]");
  EXPECT_EQ(Shape().ToString(), "[]");
}

TEST(Shape, RefusesWhatAUserGetsWrong) {
  EXPECT_EQ(Shape::Make({2, -1}).status().message(), "shape [2, -1] has a negative dimension");
  EXPECT_EQ(Shape::Make({kHuge, 4}).status().message(), "shape [4611686018427387904, 4] has 2^56 elements or more");
  // A zero hides no overflow: strides are made of the other dimensions.
  EXPECT_FALSE(Shape::Make({kHuge, 0, 4}).ok());
  EXPECT_FALSE(Shape::Make({Shape::kMaxElements}).ok());
  EXPECT_TRUE(Shape::Make({Shape::kMaxElements - 1}).ok());
  EXPECT_EQ(Shape::Make(std::vector<int64_t>(13, 1)).status().message(), "a shape of rank 13; the largest rank is 12");
  EXPECT_TRUE(Shape::Make(std::vector<int64_t>(12, 1)).ok());
}

TEST(BroadcastShapes, AlignsLastAxes) {
  EXPECT_EQ(*BroadcastShapes({2, 3, 4}, {3, 1}), Shape({2, 3, 4}));
  EXPECT_EQ(*BroadcastShapes({2, 1}, {1, 5}), Shape({2, 5}));
  EXPECT_EQ(*BroadcastShapes({}, {5}), Shape({5}));
  EXPECT_EQ(*BroadcastShapes({1}, {0}), Shape({0}));
  EXPECT_EQ(BroadcastShapes({2, 3}, {2}).status().message(), "shapes [2, 3] and [2] do not broadcast to each other");
  EXPECT_FALSE(BroadcastShapes({Shape::kMaxElements - 1, 1}, {2}).ok());
}

TEST(TensorType, KnowsItsBytes) {
  const TensorType type{DType::kFloat64, {2, 3}};
  EXPECT_EQ(type.bytes(), 48);
  EXPECT_EQ(type.ToString(), "f64[2, 3]");
  EXPECT_NE(type, (TensorType{DType::kFloat32, {2, 3}}));
}

TEST(CheckedArithmetic, RefusesOverflow) {
  constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
  EXPECT_EQ(*CheckedMultiply(3, 4), 12);
  EXPECT_EQ(CheckedMultiply(kMax, 2).status().message(), "9223372036854775807 x 2 is out of range");
  EXPECT_EQ(*CheckedAdd(kMax, -1), kMax - 1);
  EXPECT_EQ(CheckedAdd(kMax, 1).status().message(), "9223372036854775807 + 1 is out of range");
}

}  // namespace
}  // namespace gradus
