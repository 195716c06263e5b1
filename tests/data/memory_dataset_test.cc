#include "data/memory_dataset.h"

#include <gtest/gtest.h>

namespace gradus {
namespace {

TEST(MemoryDatasetTest, ReadsWhatWasAdded) {
  MemoryDataset dataset;
  ASSERT_TRUE(dataset.Add("x", Tensor::Of<float>({3, 2}, {1, 2, 3, 4, 5, 6})).ok());
  ASSERT_TRUE(dataset.Add("y", Tensor::Of<int32_t>({3}, {7, 8, 9})).ok());
  dataset.set_class_names({"cat", "dog"});
  EXPECT_EQ(dataset.size(), 3);
  ASSERT_EQ(dataset.columns().size(), 2);
  EXPECT_EQ(dataset.columns()[0].type.ToString(), "f32[2]");
  EXPECT_EQ(dataset.columns()[1].type.ToString(), "i32[]");
  EXPECT_EQ(dataset.class_names().size(), 2);
  float x[2];
  int32_t y;
  uint8_t* const columns[] = {reinterpret_cast<uint8_t*>(x), reinterpret_cast<uint8_t*>(&y)};
  ASSERT_TRUE(dataset.Read(1, columns).ok());
  EXPECT_EQ(x[0], 3);
  EXPECT_EQ(x[1], 4);
  EXPECT_EQ(y, 8);
}

TEST(MemoryDatasetTest, NamesWhatIsWrong) {
  MemoryDataset dataset;
  ASSERT_TRUE(dataset.Add("x", Tensor(TensorType{DType::kFloat32, {3, 2}})).ok());
  EXPECT_EQ(dataset.Add("x", Tensor(TensorType{DType::kFloat32, {3, 2}})).message(), "column 'x' is there already");
  EXPECT_EQ(dataset.Add("y", Tensor(TensorType{DType::kInt32, {4}})).message(),
            "column 'y' of i32[4] has 4 examples, but column 'x' has 3");
  EXPECT_EQ(dataset.Add("z", Tensor(TensorType{DType::kInt32, {}})).message(),
            "column 'z' needs a tensor with the examples along its first dimension, not a scalar");
  EXPECT_EQ(dataset.Add("z", Tensor()).message(),
            "column 'z' needs a tensor with the examples along its first dimension, not a tensor without elements");
  EXPECT_EQ(dataset.columns().size(), 1);
}

}  // namespace
}  // namespace gradus
