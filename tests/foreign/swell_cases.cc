// Rows for the test that walks the registry: a foreign operation is checked like any other.
#include "tests/foreign/swell.h"
#include "tests/ops/op_cases.h"

namespace acme {
namespace {

using gradus::BadCase;
using gradus::F32;
using gradus::I32;
using gradus::OpCase;

const SwellAttrs kSwell = {0.2};

REGISTER_OP_CASES(
    Swell,
    std::vector<OpCase>{
        {"channels_1", {F32({2, 1, 3, 3}), F32({1})}, kSwell},
        {"channels_7", {F32({2, 7, 3, 3}), F32({7})}, kSwell},
        {"channels_20", {F32({2, 20, 3, 3}), F32({20})}, kSwell},
        {"batch_1", {F32({1, 3, 4, 5}), F32({3})}, kSwell},
        {"matrix", {F32({4, 10}), F32({10})}, kSwell},
        {"line", {F32({2, 3, 7}), F32({3})}, kSwell},
        {"volume", {F32({2, 3, 2, 3, 2}), F32({3})}, kSwell},
        {"no_strength", {F32({2, 3, 2}), F32({3})}, SwellAttrs{0}},
        {"negative", {F32({2, 3, 2}), F32({3})}, SwellAttrs{-0.5}},
        {"one", {F32({1, 1}), F32({1})}, kSwell},
        {"empty", {F32({0, 3, 2}), F32({3})}, kSwell},
    },
    std::vector<BadCase>{
        {"vector", {F32({3}), F32({3})}, kSwell, "expected f32[N, C, ...] and f32[C]; got f32[3] and f32[3]"},
        {"gain", {F32({2, 3}), F32({2})}, kSwell, "got f32[2, 3] and f32[2]"},
        {"integers", {I32({2, 3}), F32({3})}, kSwell, "got i32[2, 3] and f32[3]"},
    });

}  // namespace
}  // namespace acme
