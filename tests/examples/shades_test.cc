#include "examples/shades.h"

#include <cmath>
#include <vector>

#include "gtest/gtest.h"

namespace gradus {
namespace {

using Floats = std::vector<float>;

Floats ValuesOf(const Tensor& tensor) { return Floats(tensor.values<float>().begin(), tensor.values<float>().end()); }
std::vector<int64_t> Numbers(const Box& box) { return {box.y, box.x, box.height, box.width}; }

TEST(ShadesTest, ARangeIsOfFiniteNumbers) {
  const Tensor image = Tensor::Of<float>({1, 1, 5}, Floats{2, NAN, -3, INFINITY, 1});
  EXPECT_EQ(RangeOf(image).least, -3);
  EXPECT_EQ(RangeOf(image).largest, 2);
  EXPECT_EQ(RangeOf(Tensor::Of<float>({1, 1, 1}, Floats{NAN})).largest, 0);
  EXPECT_EQ(ValuesOf(ToShades(image, {-3, 1})), (Floats{1, 0, 0, 0, 1}));
  EXPECT_EQ(ValuesOf(ToSignedShades(image, {-4, 2})), (Floats{0.75f, 0, 0.125f, 0, 0.625f}));
  EXPECT_EQ(ValuesOf(ToShades(Tensor::Of<float>({1, 1, 1}, Floats{7}), {7, 7})), (Floats{0}));
}

// Thirds of the range: red comes first, then green, then blue.
TEST(ShadesTest, HeatGoesFromBlackByRedAndYellowToWhite) {
  const Tensor heat = ToHeat(Tensor::Of<float>({1, 1, 5}, Floats{0, 2, 4, 6, 3}), {0, 6});
  ASSERT_EQ(heat.shape(), (Shape{3, 1, 5}));
  const Floats expected = {0, 1, 1, 1, 1,     //
                           0, 0, 1, 1, 0.5f,  //
                           0, 0, 0, 1, 0};
  for (int i = 0; i < 15; ++i) EXPECT_NEAR(ValuesOf(heat)[i], expected[i], 1e-6) << i;
}

TEST(ShadesTest, Boxes) {
  const Tensor image = Tensor::Of<float>({2, 2, 3}, Floats{0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5});
  EXPECT_EQ(Numbers(NonzeroBox(image)), (std::vector<int64_t>{0, 1, 2, 2}));
  const Box none = NonzeroBox(Tensor(TensorType{DType::kFloat32, {1, 2, 2}}));
  EXPECT_EQ(Numbers(none), (std::vector<int64_t>{0, 0, 0, 0}));
  EXPECT_EQ(Numbers(Union({1, 2, 3, 4}, {0, 5, 2, 2})), (std::vector<int64_t>{0, 2, 4, 5}));
  EXPECT_EQ(Numbers(Union(none, {1, 2, 3, 4})), (std::vector<int64_t>{1, 2, 3, 4}));
  EXPECT_EQ(Numbers(Union({1, 2, 3, 4}, none)), (std::vector<int64_t>{1, 2, 3, 4}));
  EXPECT_EQ(Numbers(Widened({0, 4, 1, 1}, 3, 9, Shape{1, 4, 5})), (std::vector<int64_t>{0, 0, 3, 5}));
  EXPECT_EQ(ValuesOf(Crop(image, {0, 1, 2, 2})), (Floats{1, 0, 0, 0, 0, 0, 0, 5}));
}

}  // namespace
}  // namespace gradus
