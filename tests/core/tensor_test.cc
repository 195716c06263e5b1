#include "core/tensor.h"

#include "gtest/gtest.h"

namespace gradus {
namespace {

TEST(AllocateAligned, GivesAlignedZeros) {
  for (size_t bytes : {size_t{0}, size_t{1}, size_t{65}, size_t{3} << 20}) {
    const AlignedBytes memory = AllocateAligned(bytes);
    ASSERT_NE(memory, nullptr);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(memory.get()) % 64, 0u);
    for (size_t i = 0; i < bytes; ++i) ASSERT_EQ(memory[i], 0) << i;
  }
  EXPECT_EQ(AllocateAligned(size_t{1} << 60), nullptr);
}

TEST(Tensor, OwnsItsElements) {
  Tensor tensor = Tensor::Of<float>({2, 2}, {1, 2, 3, 4});
  EXPECT_EQ(tensor.type().ToString(), "f32[2, 2]");
  const Tensor copy = tensor.Clone();
  tensor.values<float>()[3] = 5;
  EXPECT_EQ(copy.values<float>()[3], 4);
  const Tensor moved = std::move(tensor);
  EXPECT_EQ(moved.values<float>()[3], 5);
  EXPECT_EQ(moved.bytes(), 16);
}

TEST(Tensor, MayBeEmptyInTwoWays) {
  EXPECT_TRUE(Tensor().empty());
  EXPECT_TRUE(Tensor().Clone().empty());
  const Tensor none(TensorType{DType::kInt32, {0, 3}});
  EXPECT_FALSE(none.empty());
  EXPECT_EQ(none.values<int32_t>().size(), 0u);
}

TEST(TensorDeathTest, ChecksItsElementType) {
  const Tensor tensor(TensorType{DType::kInt32, {1}});
  EXPECT_DEATH(tensor.values<float>(), "DTypeOf<T> == type_.dtype");
}

}  // namespace
}  // namespace gradus
