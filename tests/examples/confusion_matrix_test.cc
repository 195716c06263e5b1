#include "examples/confusion_matrix.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace gradus {
namespace {

Tensor Labels(const std::vector<int32_t>& labels) {
  return Tensor::Of<int32_t>(Shape{static_cast<int64_t>(labels.size())}, labels);
}

TEST(ConfusionMatrixTest, CountsExamplesWithoutPadding) {
  ConfusionMatrix matrix(3, {"cat", "dog", "bird"});
  const Tensor scores = Tensor::Of<float>(Shape{5, 3}, {9, 1, 1,  //
                                                        0, 5, 2,  //
                                                        1, 0, 3,  //
                                                        2, 2, 2,  // equal: the lower class
                                                        0, 0, 9});
  ASSERT_TRUE(matrix.Add(scores, Labels({0, 0, 1, 1, 0}), {1, 1, 1, 1, 0}).ok());
  EXPECT_EQ(matrix.count(0, 0), 1);
  EXPECT_EQ(matrix.count(0, 1), 1);
  EXPECT_EQ(matrix.count(0, 2), 0);  // padding
  EXPECT_EQ(matrix.count(1, 2), 1);
  EXPECT_EQ(matrix.count(1, 0), 1);
  EXPECT_EQ(matrix.ToString(),
            "Rows: label. Columns: predicted class.\n"
            "label  cat  dog  bird  examples  accuracy\n"
            "-----------------------------------------\n"
            "cat      1    1     .         2   50.00 %\n"
            "dog      1    .     1         2    0.00 %\n"
            "bird     .    .     .         0         -\n");
}

TEST(ConfusionMatrixTest, RefusesLabelsThatAreNoClass) {
  ConfusionMatrix matrix(2, {});
  const Tensor scores = Tensor::Of<float>(Shape{1, 2}, {1, 2});
  EXPECT_EQ(matrix.Add(scores, Labels({2}), {1}).message(), "label 2 is none of the 2 classes");
  EXPECT_EQ(matrix.Add(scores, Labels({-1}), {1}).message(), "label -1 is none of the 2 classes");
}

TEST(ConfusionMatrixTest, OfManyClassesShowsTheWorst) {
  constexpr int kClasses = 1000;
  ConfusionMatrix matrix(kClasses, {});
  Tensor scores(TensorType{DType::kFloat32, {4, kClasses}});
  scores.values<float>()[0 * kClasses + 7] = 1;
  scores.values<float>()[1 * kClasses + 8] = 1;
  scores.values<float>()[2 * kClasses + 8] = 1;
  scores.values<float>()[3 * kClasses + 999] = 1;
  ASSERT_TRUE(matrix.Add(scores, Labels({7, 7, 7, 999}), {1, 1, 1, 1}).ok());
  EXPECT_EQ(matrix.ToString(),
            "worst classes  examples  accuracy\n"
            "---------------------------------\n"
            "7                     3   33.33 %\n"
            "999                   1  100.00 %\n"
            "\n"
            "label  taken for  examples\n"
            "--------------------------\n"
            "7      8                 2\n");
}

}  // namespace
}  // namespace gradus
