// Convolution as a layer.
#include "ops/conv.h"

#include <string>

#include "gtest/gtest.h"
#include "proto/layers.pb.h"
#include "tests/ops/op_cases.h"
#include "tests/testlib/lowered_layer.h"

namespace gradus {
namespace {

std::string Lowered(const std::string& text, const TensorType& x = F32({2, 6, 8, 7})) {
  return LoweredLayer<Conv, LayerEntry>(text, {x});
}

TEST(ConvLayerTest, OneValueServesAllDimensions) {
  EXPECT_EQ(Lowered("filters: 4 kernel: 3 stride: 2 pad: 1"),
            "Conv kernel=[3, 3] stride=[2, 2] dilation=[1, 1] pad_begin=[1, 1] pad_end=[1, 1] groups=1 : "
            "f32[2, 4, 4, 4]");
  EXPECT_EQ(Lowered("filters: 4 kernel: 3", F32({2, 6, 9})),
            "Conv kernel=[3] stride=[1] dilation=[1] pad_begin=[0] pad_end=[0] groups=1 : f32[2, 4, 7]");
}

TEST(ConvLayerTest, EachSideMayHaveItsOwnPad) {
  EXPECT_EQ(Lowered("filters: 4 kernel: [3, 2] pad: [1, 0, 0, 2]"),
            "Conv kernel=[3, 2] stride=[1, 1] dilation=[1, 1] pad_begin=[1, 0] pad_end=[0, 2] groups=1 : "
            "f32[2, 4, 7, 8]");
  EXPECT_EQ(Lowered("filters: 4 kernel: 3 pad: [1, 2]"),
            "Conv kernel=[3, 3] stride=[1, 1] dilation=[1, 1] pad_begin=[1, 2] pad_end=[1, 2] groups=1 : "
            "f32[2, 4, 8, 9]");
}

TEST(ConvLayerTest, SameIsSymmetricAndTheOthersRoundUp) {
  EXPECT_EQ(Lowered("filters: 4 kernel: [3, 5] dilation: [2, 1] padding: SAME"),
            "Conv kernel=[3, 5] stride=[1, 1] dilation=[2, 1] pad_begin=[2, 2] pad_end=[2, 2] groups=1 : "
            "f32[2, 4, 8, 7]");
  EXPECT_EQ(Lowered("filters: 4 kernel: 4 stride: 2 padding: SAME_UPPER"),
            "Conv kernel=[4, 4] stride=[2, 2] dilation=[1, 1] pad_begin=[1, 1] pad_end=[1, 2] groups=1 : "
            "f32[2, 4, 4, 4]");
  EXPECT_EQ(Lowered("filters: 4 kernel: 4 stride: 2 padding: SAME_LOWER"),
            "Conv kernel=[4, 4] stride=[2, 2] dilation=[1, 1] pad_begin=[1, 2] pad_end=[1, 1] groups=1 : "
            "f32[2, 4, 4, 4]");
}

TEST(ConvLayerTest, GroupsSplitChannels) {
  EXPECT_EQ(Lowered("filters: 4 kernel: 1 groups: 2"),
            "Conv kernel=[1, 1] stride=[1, 1] dilation=[1, 1] pad_begin=[0, 0] pad_end=[0, 0] groups=2 : "
            "f32[2, 4, 8, 7]");
}

TEST(ConvLayerTest, SaysWhatIsMissing) {
  EXPECT_EQ(Lowered("kernel: 3"), "layer: 'name': has no filters: the number of output channels");
  EXPECT_EQ(Lowered("filters: 4"), "layer: 'name': has no kernel");
  EXPECT_EQ(Lowered("filters: 4 kernel: 3", F32({2, 6})),
            "layer: 'name': expected f32[N, C, ...] with 1 to 3 spatial dimensions, none but N empty; got f32[2, 6]");
}

TEST(ConvLayerTest, NamesTheFieldAtFault) {
  EXPECT_EQ(Lowered("filters: 0 kernel: 3"), "filters: 'name': filters is 0; expected 1 or more");
  EXPECT_EQ(Lowered("filters: 4 kernel: [3, 0]"),
            "kernel[1]: 'name': kernel is 0; expected a value in [1, 2147483648)");
  EXPECT_EQ(Lowered("filters: 4 kernel: [3, 3, 3]"),
            "kernel: 'name': kernel has 3 values; expected 1, or 2: one for each spatial dimension");
  EXPECT_EQ(Lowered("filters: 4 kernel: 3 stride: -1"),
            "stride[0]: 'name': stride is -1; expected a value in [1, 2147483648)");
  EXPECT_EQ(Lowered("filters: 4 kernel: 3 dilation: 4294967296"),
            "dilation[0]: 'name': dilation is 4294967296; expected a value in [1, 2147483648)");
  EXPECT_EQ(Lowered("filters: 4 kernel: 3 pad: [1, 1, -1, 1]"),
            "pad[2]: 'name': pad is -1; expected a value in [0, 2147483648)");
  EXPECT_EQ(Lowered("filters: 4 kernel: 3 pad: [1, 1, 1]"),
            "pad: 'name': pad has 3 values; expected 1, 2 (one for each spatial dimension) or 4 (begin and end of "
            "each)");
  EXPECT_EQ(Lowered("filters: 4 kernel: 3 pad: 1 padding: SAME"),
            "padding: 'name': pad and padding exclude each other");
  EXPECT_EQ(Lowered("filters: 4 kernel: 4 padding: SAME"),
            "padding: 'name': padding SAME needs odd kernels; the kernel is 4: use SAME_UPPER, SAME_LOWER or pad");
  EXPECT_EQ(Lowered("filters: 4 kernel: 3 groups: 4"),
            "groups: 'name': groups is 4; expected a divisor of the 6 input channels and of the 4 filters");
  EXPECT_EQ(Lowered("filters: 4 kernel: 9 dilation: 2"),
            "kernel: 'name': the window [17, 17] is larger than the padded input [8, 7]");
}

TEST(ConvLayerTest, RefusesSizesThatOverflow) {
  EXPECT_EQ(Lowered("filters: 9223372036854775807 kernel: 1"),
            "filters: 'name': shape [9223372036854775807, 6, 1, 1] has 2^56 elements or more");
}

}  // namespace
}  // namespace gradus
