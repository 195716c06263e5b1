// Operations that only move elements.
#include <limits>
#include <vector>

#include "ops/concat.h"
#include "ops/pad.h"
#include "ops/reshape.h"
#include "ops/slice.h"
#include "ops/transpose.h"
#include "tests/ops/op_cases.h"

namespace gradus {
namespace {

constexpr int64_t kLarge = int64_t{1} << 31, kLargest = int64_t{1} << 55;

std::vector<OpCase> ReshapeCases() {
  return {
      {"scalar", {F32({})}, ReshapeAttrs{{1, 1}}},
      {"to_scalar", {F32({1, 1, 1})}, ReshapeAttrs{{}}},
      {"same", {F32({2, 3})}, ReshapeAttrs{{2, 3}}},
      {"batch_1", {F32({1, 10})}, ReshapeAttrs{{1, 2, 5}}},
      {"flatten_1", {F32({2, 1, 3, 3})}, ReshapeAttrs{{2, 9}}},
      {"flatten_7", {F32({2, 7, 3, 3})}, ReshapeAttrs{{2, 63}}},
      {"flatten_20", {F32({2, 20, 3, 3})}, ReshapeAttrs{{2, 180}}},
      {"unflatten", {F32({2, 180})}, ReshapeAttrs{{2, 20, 3, 3}}},
      {"ones", {F32({2, 20})}, ReshapeAttrs{{2, 20, 1, 1}}},
      {"labels", {I32({6})}, ReshapeAttrs{{2, 3}}},
      {"bytes", {U8({2, 7, 3, 3})}, ReshapeAttrs{{126}}},
      {"empty", {F32({0, 3})}, ReshapeAttrs{{0, 5, 5}}},
  };
}

std::vector<BadCase> ReshapeBadCases() {
  return {
      {"more", {F32({2, 3})}, ReshapeAttrs{{2, 4}}, "expected 8 elements for [2, 4]; got f32[2, 3]"},
      {"empty", {F32({0})}, ReshapeAttrs{{1}}, "expected 1 elements for [1]; got f32[0]"},
      {"large", {F32({1})}, ReshapeAttrs{{kLarge}}, "expected 2147483648 elements for [2147483648]; got f32[1]"},
      {"opaque", {OpaqueType()}, ReshapeAttrs{{1}}, "expected 1 elements for [1]; got opaque"},
  };
}

std::vector<OpCase> StopGradientCases() {
  return {
      {"scalar", {F32({})}},
      {"one", {F32({1})}},
      {"batch_1", {F32({1, 10})}},
      {"channels_1", {F32({2, 1, 3, 3})}},
      {"channels_7", {F32({2, 7, 3, 3})}},
      {"channels_16", {F32({2, 16, 3, 3})}},
      {"channels_20", {F32({2, 20, 3, 3})}},
      {"volume", {F32({1, 7, 2, 2, 2})}},
      {"labels", {I32({5})}},
      {"empty", {F32({0, 3})}},
  };
}

std::vector<BadCase> StopGradientBadCases() {
  return {
      {"no_input", {}, {}, "StopGradient()"},
      {"two_inputs", {F32({1}), F32({1})}, {}, "StopGradient(f32[1], f32[1])"},
      {"three_inputs", {F32({1}), F32({1}), F32({2})}, {}, "StopGradient(f32[1], f32[1], f32[2])"},
  };
}

std::vector<OpCase> TransposeCases() {
  return {
      {"scalar", {F32({})}, TransposeAttrs{{}}},
      {"vector", {F32({5})}, TransposeAttrs{{0}}},
      {"matrix", {F32({5, 33})}, TransposeAttrs{{1, 0}}},
      {"identity", {F32({2, 3, 4})}, TransposeAttrs{{0, 1, 2}}},
      {"batch_1", {F32({1, 6, 5})}, TransposeAttrs{{0, 2, 1}}},
      {"rotate", {F32({2, 3, 4})}, TransposeAttrs{{1, 2, 0}}},
      {"to_channels_last_1", {F32({2, 1, 3, 4})}, TransposeAttrs{{0, 2, 3, 1}}},
      {"to_channels_last_7", {F32({2, 7, 3, 4})}, TransposeAttrs{{0, 2, 3, 1}}},
      {"to_channels_last_16", {F32({2, 16, 3, 4})}, TransposeAttrs{{0, 2, 3, 1}}},
      {"to_channels_last_20", {F32({2, 20, 3, 4})}, TransposeAttrs{{0, 2, 3, 1}}},
      {"from_channels_last_20", {F32({2, 3, 4, 20})}, TransposeAttrs{{0, 3, 1, 2}}},
      {"reverse", {F32({2, 7, 3, 4})}, TransposeAttrs{{3, 2, 1, 0}}},
      {"volume", {F32({2, 7, 2, 3, 2})}, TransposeAttrs{{2, 0, 4, 1, 3}}},
      {"rank_12", {F32({1, 2, 1, 1, 2, 1, 1, 3, 1, 1, 1, 2})}, TransposeAttrs{{11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0}}},
      {"empty", {F32({0, 7, 3})}, TransposeAttrs{{2, 0, 1}}},
  };
}

std::vector<BadCase> TransposeBadCases() {
  return {
      {"short", {F32({2, 3})}, TransposeAttrs{{0}}, "expected each axis from 0 to 1 once; got [0] for [2, 3]"},
      {"long", {F32({2})}, TransposeAttrs{{0, 1}}, "expected each axis from 0 to 0 once; got [0, 1] for [2]"},
      {"twice", {F32({2, 3})}, TransposeAttrs{{1, 1}}, "expected each axis from 0 to 1 once; got [1, 1] for [2, 3]"},
      {"outside",
       {F32({2, 3})},
       TransposeAttrs{{0, kLarge}},
       "expected each axis from 0 to 1 once; got [0, 2147483648] for [2, 3]"},
      {"negative", {F32({2, 3})}, TransposeAttrs{{0, -1}}, "got [0, -1] for [2, 3]"},
      {"labels", {I32({2, 3})}, TransposeAttrs{{1, 0}}, "expected f32; got i32[2, 3]"},
  };
}

std::vector<OpCase> ConcatCases() {
  return {
      {"one", {F32({2, 3})}, ConcatAttrs{1}},
      {"vectors", {F32({3}), F32({4})}, ConcatAttrs{0}},
      {"batch_1", {F32({1, 10}), F32({1, 5})}, ConcatAttrs{1}},
      {"batch", {F32({2, 7, 3, 3}), F32({1, 7, 3, 3})}, ConcatAttrs{0}},
      {"channels_1", {F32({2, 1, 3, 3}), F32({2, 1, 3, 3})}, ConcatAttrs{1}},
      {"channels_7", {F32({2, 7, 3, 3}), F32({2, 20, 3, 3})}, ConcatAttrs{1}},
      {"channels_8", {F32({2, 8, 3, 3}), F32({2, 16, 3, 3}), F32({2, 24, 3, 3})}, ConcatAttrs{1}},
      {"channels_16", {F32({2, 16, 3, 3}), F32({2, 32, 3, 3})}, ConcatAttrs{1}},
      {"last_padded", {F32({2, 16, 3, 3}), F32({2, 20, 3, 3})}, ConcatAttrs{1}},
      {"first_padded", {F32({2, 20, 3, 3}), F32({2, 16, 3, 3})}, ConcatAttrs{1}},
      {"height", {F32({2, 20, 2, 3}), F32({2, 20, 1, 3})}, ConcatAttrs{2}},
      {"width", {F32({2, 7, 2, 3}), F32({2, 7, 2, 1}), F32({2, 7, 2, 2})}, ConcatAttrs{3}},
      {"volume", {F32({1, 8, 2, 2, 2}), F32({1, 7, 2, 2, 2})}, ConcatAttrs{1}},
      {"empty_part", {F32({2, 20, 3, 3}), F32({2, 0, 3, 3}), F32({2, 4, 3, 3})}, ConcatAttrs{1}},
      {"empty", {F32({0, 3}), F32({0, 4})}, ConcatAttrs{1}},
      {"more_than_a_thread", {F32({3, 16, 30, 30}), F32({3, 8, 30, 30})}, ConcatAttrs{1}},
  };
}

std::vector<BadCase> ConcatBadCases() {
  return {
      {"axis", {F32({2, 3})}, ConcatAttrs{2}, "axis 2 is outside f32[2, 3]"},
      {"scalar", {F32({}), F32({})}, ConcatAttrs{0}, "axis 0 is outside f32[]"},
      {"shapes",
       {F32({2, 3}), F32({3, 3})},
       ConcatAttrs{1},
       "expected shapes that differ along axis 1 alone, like [2, 3]; got [3, 3]"},
      {"ranks",
       {F32({2, 3}), F32({2, 3, 1})},
       ConcatAttrs{1},
       "expected shapes that differ along axis 1 alone, like [2, 3]; got [2, 3, 1]"},
      {"overflow", {F32({kLargest}), F32({kLargest})}, ConcatAttrs{0}, "has 2^56 elements or more"},
      {"labels", {F32({2}), I32({2})}, ConcatAttrs{0}, "expected f32; got i32[2]"},
  };
}

std::vector<OpCase> SliceCases() {
  return {
      {"scalar", {F32({})}, SliceAttrs{{}, {}}},
      {"whole", {F32({2, 3})}, SliceAttrs{{0, 0}, {2, 3}}},
      {"vector", {F32({10})}, SliceAttrs{{3}, {7}}},
      {"batch_1", {F32({1, 10})}, SliceAttrs{{0, 9}, {1, 10}}},
      {"channels_1", {F32({2, 1, 4, 4})}, SliceAttrs{{0, 0, 1, 2}, {2, 1, 3, 4}}},
      {"channels_7", {F32({2, 7, 3, 3})}, SliceAttrs{{0, 2, 0, 0}, {2, 6, 3, 3}}},
      {"first_of_20", {F32({2, 20, 3, 3})}, SliceAttrs{{0, 0, 0, 0}, {2, 8, 3, 3}}},
      {"last_of_20", {F32({2, 20, 3, 3})}, SliceAttrs{{0, 16, 0, 0}, {2, 20, 3, 3}}},
      {"one_of_20", {F32({2, 20, 3, 3})}, SliceAttrs{{0, 8, 0, 0}, {2, 9, 3, 3}}},
      {"block_of_48", {F32({2, 48, 3, 3})}, SliceAttrs{{0, 16, 0, 0}, {2, 32, 3, 3}}},
      {"window_of_20", {F32({2, 20, 4, 5})}, SliceAttrs{{1, 0, 1, 2}, {2, 20, 3, 5}}},
      {"volume", {F32({1, 16, 3, 3, 3})}, SliceAttrs{{0, 8, 0, 1, 2}, {1, 16, 3, 2, 3}}},
      {"nothing", {F32({2, 7, 3, 3})}, SliceAttrs{{0, 3, 0, 0}, {2, 3, 3, 3}}},
      {"of_nothing", {F32({0, 3})}, SliceAttrs{{0, 1}, {0, 2}}},
  };
}

std::vector<BadCase> SliceBadCases() {
  return {
      {"beyond", {F32({2, 3})}, SliceAttrs{{0, 1}, {2, 4}}, "expected a tensor around [0, 1] to [2, 4]; got f32[2, 3]"},
      {"negative", {F32({3})}, SliceAttrs{{-1}, {2}}, "expected a tensor around [-1] to [2]; got f32[3]"},
      {"backward", {F32({3})}, SliceAttrs{{2}, {1}}, "expected a tensor around [2] to [1]; got f32[3]"},
      {"rank", {F32({3})}, SliceAttrs{{0, 0}, {1, 1}}, "expected a tensor around [0, 0] to [1, 1]; got f32[3]"},
      {"large", {F32({3})}, SliceAttrs{{kLarge}, {kLargest}}, "expected a tensor around [2147483648] to"},
      {"labels", {I32({3})}, SliceAttrs{{0}, {1}}, "expected f32; got i32[3]"},
  };
}

std::vector<OpCase> PadCases() {
  return {
      {"scalar", {F32({})}, PadAttrs{{}, {}, 1}},
      {"nothing", {F32({2, 3})}, PadAttrs{{0, 0}, {0, 0}, 1}},
      {"vector", {F32({5})}, PadAttrs{{2}, {1}, -1}},
      {"batch_1", {F32({1, 10})}, PadAttrs{{0, 3}, {0, 0}, 0}},
      {"channels_1", {F32({2, 1, 3, 3})}, PadAttrs{{0, 0, 1, 1}, {0, 0, 1, 1}, 0}},
      {"channels_7", {F32({2, 7, 3, 3})}, PadAttrs{{0, 0, 1, 0}, {0, 0, 2, 1}, 2}},
      {"window_of_20", {F32({2, 20, 3, 3})}, PadAttrs{{0, 0, 1, 0}, {0, 0, 2, 1}, 2}},
      {"before_channels", {F32({2, 20, 3, 3})}, PadAttrs{{0, 16, 0, 0}, {0, 0, 0, 0}, 2}},
      {"around_channels", {F32({2, 8, 3, 3})}, PadAttrs{{0, 8, 0, 0}, {0, 4, 0, 0}, 1}},
      {"after_channels_20", {F32({2, 20, 3, 3})}, PadAttrs{{0, 0, 0, 0}, {0, 5, 0, 0}, 3}},
      {"one_channel_more", {F32({2, 1, 3, 3})}, PadAttrs{{0, 8, 0, 0}, {0, 0, 0, 0}, 3}},
      {"batch", {F32({2, 20, 3, 3})}, PadAttrs{{1, 0, 0, 0}, {2, 0, 0, 0}, 0}},
      {"volume", {F32({1, 7, 2, 2, 2})}, PadAttrs{{0, 0, 1, 0, 1}, {0, 0, 0, 1, 0}, 0.5}},
      {"around_nothing", {F32({0, 3})}, PadAttrs{{1, 0}, {1, 0}, 4}},
      {"empty", {F32({0, 3})}, PadAttrs{{0, 1}, {0, 1}, 4}},
  };
}

std::vector<BadCase> PadBadCases() {
  const int64_t most = std::numeric_limits<int64_t>::max();
  return {
      {"rank", {F32({2, 3})}, PadAttrs{{1}, {1}, 0}, "expected 1 dimensions; got f32[2, 3]"},
      {"negative", {F32({3})}, PadAttrs{{-1}, {0}, 0}, "expected padding of 0 or more; got [-1] and [0]"},
      {"sum_overflows", {F32({3})}, PadAttrs{{most}, {0}, 0}, "is out of range"},
      {"too_large", {F32({3})}, PadAttrs{{kLargest}, {kLargest}, 0}, "has 2^56 elements or more"},
      {"labels", {I32({3})}, PadAttrs{{1}, {1}, 0}, "expected f32; got i32[3]"},
  };
}

REGISTER_OP_CASES(Reshape, ReshapeCases(), ReshapeBadCases());
REGISTER_OP_CASES(StopGradient, StopGradientCases(), StopGradientBadCases());
REGISTER_OP_CASES(Transpose, TransposeCases(), TransposeBadCases());
REGISTER_OP_CASES(Concat, ConcatCases(), ConcatBadCases());
REGISTER_OP_CASES(Slice, SliceCases(), SliceBadCases());
REGISTER_OP_CASES(Pad, PadCases(), PadBadCases());

}  // namespace
}  // namespace gradus
