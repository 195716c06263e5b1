#include <vector>

#include "tests/ops/op_cases.h"

namespace gradus {
namespace {

OpCase Batch(const char* name, int64_t n, int64_t d, const Domain& labels) {
  return {name, {F32({n, d}), I32({n})}, {}, {Domain{}, labels}};
}

REGISTER_OP_CASES(
    HardestInBatch,
    std::vector<OpCase>{
        Batch("pairs", 8, 5, Domain::Values({0, 1, 0, 1})),
        Batch("three_kinds", 12, 16, Domain::Labels(3)),
        Batch("long_vectors", 9, 131, Domain::Labels(3)),
        Batch("numbers", 10, 1, Domain::Labels(2)),
        Batch("no_coordinates", 4, 0, Domain::Labels(2)),
        Batch("one_kind", 6, 4, Domain::Values({7})),
        Batch("all_different", 5, 4, Domain::Values({0, 1, 2, 3, 4})),
        Batch("one_alone", 5, 4, Domain::Values({-3, -3, -3, -3, 9})),
        Batch("one_example", 1, 4, Domain::Values({0})),
        Batch("empty_batch", 0, 4, Domain::Values({0})),
        Batch("many", 40, 7, Domain::Labels(5)),
        {"equal_vectors", {F32({6, 3}), I32({6})}, {}, {Domain::Values({1}), Domain::Labels(2)}},
    },
    std::vector<BadCase>{
        {"vector", {F32({4}), I32({4})}, {}, "expected vectors f32[N, D]; got f32[4]"},
        {"images", {F32({4, 3, 2}), I32({4})}, {}, "expected vectors f32[N, D]; got f32[4, 3, 2]"},
        {"labels_real", {F32({4, 3}), F32({4})}, {}, "expected labels i32[4] for vectors f32[4, 3]; got f32[4]"},
        {"other_batch", {F32({4, 3}), I32({5})}, {}, "got i32[5]"},
        {"huge", {F32({int64_t{1} << 40, 1}), I32({int64_t{1} << 40})}, {}, "elements"},
    });

}  // namespace
}  // namespace gradus
