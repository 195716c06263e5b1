#include <vector>

#include "ops/dropout.h"
#include "tests/ops/op_cases.h"

namespace gradus {
namespace {

OpCase Later(OpCase row, const RunState& state) {
  row.state = state;
  return row;
}

}  // namespace

REGISTER_OP_CASES(Dropout,
                  std::vector<OpCase>{
                      {"scalar", {F32({})}, DropoutAttrs{0.5, 1}},
                      {"empty", {F32({0, 10})}, DropoutAttrs{0.5, 1}},
                      {"one", {F32({1})}, DropoutAttrs{0.9, 2}},
                      {"batch_1", {F32({1, 10})}, DropoutAttrs{0.5, 3}},
                      {"keeps_all", {F32({3, 5})}, DropoutAttrs{0, 3}},
                      {"keeps_almost_nothing", {F32({6, 11})}, DropoutAttrs{0.99, 4}},
                      {"channels_1", {F32({2, 1, 5, 3})}, DropoutAttrs{0.3, 5}},
                      {"channels_7", {F32({2, 7, 3, 3})}, DropoutAttrs{0.3, 5}},
                      {"channels_20", {F32({2, 20, 3, 3})}, DropoutAttrs{0.7, 5}},
                      {"strip", {F32({4, 64})}, DropoutAttrs{0.5, 6}},
                      {"strips", {F32({17, 259})}, DropoutAttrs{0.5, ~uint64_t{0}}},
                      Later({"later", {F32({5, 7})}, DropoutAttrs{0.5, 7}}, {7, 1000, 3}),
                  },
                  std::vector<BadCase>{
                      {"rate_1", {F32({2})}, DropoutAttrs{1, 0}, "expected a rate in [0, 1); got 1"},
                      {"rate_below_0", {F32({2})}, DropoutAttrs{-0.5, 0}, "expected a rate in [0, 1); got -0.5"},
                      {"integers", {I32({2})}, DropoutAttrs{0.5, 0}, "expected f32; got i32[2]"},
                  });

}  // namespace gradus
