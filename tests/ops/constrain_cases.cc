#include <string>
#include <vector>

#include "graph/step_ops.h"
#include "tests/ops/op_cases.h"

namespace gradus {
namespace {

// The rate is 0.5; magnitudes differ by more than rounding does, so that the order of elements is clear.
OpCase Constrained(const std::string& name, TensorType w, const ConstrainAttrs& attrs, double low = 0.1,
                   double high = 2) {
  return {name, {std::move(w), F32({})}, attrs, {Domain::Distinct(low, high), Domain::Values({0.5})}};
}

REGISTER_OP_CASES(
    Constrain,
    std::vector<OpCase>{
        Constrained("nothing", F32({10, 3}), {0, 0, 0, 0}, -2),
        Constrained("proximal", F32({10, 3}), {0.7, 0, 0, 0}, -2),
        Constrained("largest", F32({4, 7}), {0, 5, 0, 0}),
        Constrained("largest_below_0", F32({4, 7}), {0, 5, 0, 0}, -2, -0.1),
        Constrained("largest_of_all", F32({2, 3}), {0, 6, 0, 0}),
        Constrained("largest_of_more", F32({2, 3}), {0, 60, 0, 0}),
        Constrained("threshold", F32({4, 7}), {0, 0, 0.9, 0}, -2),
        Constrained("norm", F32({5, 6}), {0, 0, 0, 1.5}, -2),
        Constrained("norm_of_small", F32({5, 6}), {0, 0, 0, 100}, -2),
        Constrained("norm_of_zeros", F32({5, 6}), {1000, 0, 0, 1}, -2),
        Constrained("scalar", F32({}), {0.1, 1, 0.1, 0.5}),
        Constrained("bias", F32({20}), {0.1, 7, 0.3, 0.5}),
        Constrained("empty", F32({0}), {0.1, 7, 0.3, 0.5}),
        Constrained("channels_1", F32({4, 1, 3, 3}), {0.1, 20, 0, 0}),
        Constrained("channels_7", F32({4, 7, 3, 3}), {0.1, 100, 0, 0}),
        Constrained("channels_20", F32({5, 20, 3, 3}), {0.1, 0, 0.2, 0}, -2),
        Constrained("all_of_20", F32({5, 20, 3, 3}), {0.1, 400, 0.2, 0.9}),
    },
    std::vector<BadCase>{
        {"rate", {F32({3}), F32({3})}, ConstrainAttrs{}, "expected f32[]; got f32[3]"},
        {"whole", {I32({3}), F32({})}, ConstrainAttrs{}, "expected f32; got i32[3]"},
        {"negative", {F32({3}), F32({})}, ConstrainAttrs{-1, 0, 0, 0}, "expected attributes of 0 or more"},
    });

}  // namespace
}  // namespace gradus
