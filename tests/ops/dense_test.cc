// The fully connected layer and the matrix product as layers.
#include "ops/dense.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "proto/layers.pb.h"
#include "tests/ops/op_cases.h"
#include "tests/testlib/lowered_layer.h"

namespace gradus {
namespace {

std::string LoweredDense(const std::string& text, const TensorType& x) {
  return LoweredLayer<Dense, LayerEntry>(text, {x});
}

TEST(DenseLayerTest, FlattensItsInput) {
  EXPECT_EQ(LoweredDense("units: 5", F32({2, 3, 4})), "Dense  : f32[2, 5]");
  EXPECT_EQ(LoweredDense("units: 5 activation: RELU", F32({2, 3})), "Unary function='RELU' alpha=0 : f32[2, 5]");
}

TEST(DenseLayerTest, SaysWhatIsWrong) {
  EXPECT_EQ(LoweredDense("", F32({2, 3})), "layer: 'name': has no units: the number of outputs");
  EXPECT_EQ(LoweredDense("units: -3", F32({2, 3})), "units: 'name': units is -3; expected 1 or more");
  EXPECT_EQ(LoweredDense("units: 5", F32({2})),
            "layer: 'name': expected f32[N, ...] with at least one element an example; got f32[2]");
  EXPECT_EQ(LoweredDense("units: 5", F32({2, 0})),
            "layer: 'name': expected f32[N, ...] with at least one element an example; got f32[2, 0]");
  EXPECT_EQ(LoweredDense("units: 9223372036854775807", F32({2, 3})),
            "units: 'name': shape [9223372036854775807, 3] has 2^56 elements or more");
}

TEST(MatMulLayerTest, MultipliesItsInputs) {
  const auto lowered = [](const std::string& text, const std::vector<TensorType>& inputs) {
    return LoweredLayer<MatMul, LayerEntry>(text, inputs);
  };
  EXPECT_EQ(lowered("transpose_b: true", {F32({2, 3, 4}), F32({2, 5, 4})}),
            "MatMul transpose_a=false transpose_b=true : f32[2, 3, 5]");
  EXPECT_EQ(lowered("", {F32({2, 3, 4})}), "layer: 'name': takes 2 inputs; it has 1");
}

}  // namespace
}  // namespace gradus
