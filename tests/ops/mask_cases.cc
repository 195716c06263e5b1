#include <vector>

#include "tests/ops/op_cases.h"

namespace gradus {
namespace {

const Domain kSome = Domain::Values({1, 0, 0.5, 2, 0, 1});
const Domain kBits = Domain::Whole(0, 1);

OpCase Masked(const char* name, TensorType values, TensorType mask, const Domain& domain = kSome) {
  OpCase row{name, {std::move(values), std::move(mask)}, {}, {Domain{}, domain}};
  row.constant = {1};
  return row;
}

REGISTER_OP_CASES(ApplyMask,
                  std::vector<OpCase>{
                      Masked("scalar", F32({}), F32({})),
                      Masked("one_mask_of_all", F32({3, 4}), F32({})),
                      Masked("examples", F32({6}), F32({6})),
                      Masked("examples_whole", F32({6}), I32({6}), kBits),
                      Masked("positions_by_example", F32({5, 7}), F32({5})),
                      Masked("positions", F32({5, 7}), F32({5, 7})),
                      Masked("positions_whole", F32({5, 7}), I32({5, 7}), kBits),
                      Masked("batch_1", F32({1, 9}), I32({1}), kBits),
                      Masked("empty_batch", F32({0, 3}), F32({0})),
                      Masked("empty_examples", F32({3, 0}), F32({3})),
                      Masked("channels_1", F32({2, 1, 3, 4}), F32({2})),
                      Masked("channels_7", F32({2, 7, 3, 4}), F32({2, 7})),
                      Masked("channels_20", F32({2, 20, 3, 4}), I32({2, 20, 3, 4}), kBits),
                  },
                  std::vector<BadCase>{
                      {"other_batch",
                       {F32({4}), F32({5})},
                       {},
                       "expected a mask, f32 or i32, of the first axes of the values f32[4]; got f32[5]"},
                      {"last_axes", {F32({4, 3}), F32({3})}, {}, "values f32[4, 3]; got f32[3]"},
                      {"more_axes", {F32({4}), F32({4, 1})}, {}, "values f32[4]; got f32[4, 1]"},
                      {"bytes", {F32({4}), U8({4})}, {}, "got u8[4]"},
                      {"whole_values", {I32({4}), F32({4})}, {}, "expected values f32[...]; got i32[4]"},
                  });

REGISTER_OP_CASES(NormalizeMask,
                  std::vector<OpCase>{
                      {"scalar", {F32({})}, {}, {Domain::Positive()}},
                      {"one", {F32({1})}, {}, {Domain::Positive()}},
                      {"examples", {F32({7})}, {}, {kSome}},
                      {"examples_whole", {I32({9})}, {}, {kBits}},
                      {"all", {I32({4})}, {}, {Domain::Values({1})}},
                      {"nothing", {F32({5})}, {}, {Domain::Values({0})}},
                      {"nothing_whole", {I32({5})}, {}, {Domain::Values({0})}},
                      {"positions", {F32({4, 6})}, {}, {kSome}},
                      {"empty", {F32({0})}, {}},
                      {"channels_1", {F32({2, 1, 3, 4})}, {}, {kSome}},
                      {"channels_7", {F32({2, 7, 3, 4})}, {}, {kSome}},
                      {"channels_20", {F32({2, 20, 3, 4})}, {}, {kSome}},
                  },
                  std::vector<BadCase>{
                      {"bytes", {U8({4})}, {}, "expected a mask, f32 or i32; got u8[4]"},
                      {"bytes_scalar", {U8({})}, {}, "expected a mask, f32 or i32; got u8[]"},
                      {"opaque", {OpaqueType()}, {}, "expected a mask, f32 or i32; got opaque"},
                  });

}  // namespace
}  // namespace gradus
