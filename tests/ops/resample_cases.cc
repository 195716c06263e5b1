#include <string>
#include <vector>

#include "ops/resample.h"
#include "tests/ops/op_cases.h"

namespace gradus {
namespace {

struct Row {
  const char* name;
  int64_t batch, channels;
  Dims input, output;
};

std::vector<Row> Rows() {
  return {
      {"channels_1", 2, 1, {3, 4}, {6, 8}},   {"channels_7", 2, 7, {4, 3}, {2, 2}},
      {"channels_20", 1, 20, {3, 3}, {4, 5}}, {"twice", 2, 3, {4, 5}, {8, 10}},
      {"thrice", 1, 2, {2, 3}, {6, 9}},       {"half", 1, 2, {6, 8}, {3, 4}},
      {"odd", 2, 2, {5, 7}, {3, 11}},         {"one_pixel", 2, 2, {1, 1}, {3, 4}},
      {"to_one_pixel", 2, 2, {3, 4}, {1, 1}}, {"line", 2, 3, {5}, {8}},
      {"volume", 1, 2, {2, 3, 2}, {3, 2, 4}}, {"empty_batch", 0, 3, {2, 2}, {4, 4}},
  };
}

TensorType Maps(const Row& row, const Dims& spatial) {
  Dims dims = {row.batch, row.channels};
  dims.insert(dims.end(), spatial.begin(), spatial.end());
  return {DType::kFloat32, *Shape::Make(dims)};
}

std::vector<OpCase> Cases(bool backward) {
  std::vector<OpCase> cases;
  for (const Row& row : Rows()) {
    for (bool linear : {false, true}) {
      cases.push_back({std::string(row.name) + (linear ? "_linear" : ""),
                       {Maps(row, backward ? row.output : row.input)},
                       ResampleAttrs{linear, row.input, row.output}});
    }
  }
  return cases;
}

const ResampleAttrs kTwice = {true, {2, 3}, {4, 6}};

REGISTER_OP_CASES(
    Resample, Cases(/*backward=*/false),
    std::vector<BadCase>{
        {"sizes", {F32({1, 1, 3, 2})}, kTwice, "expected f32[N, C, ...] of the attributes' sizes; got f32[1, 1, 3, 2]"},
        {"rank", {F32({1, 2, 3})}, kTwice, "got f32[1, 2, 3]"},
        {"whole", {I32({1, 1, 2, 3})}, kTwice, "got i32[1, 1, 2, 3]"},
        {"nothing",
         {F32({1, 1, 2, 3})},
         ResampleAttrs{true, {2, 3}, {0, 3}},
         "expected sizes in [1, 2147483648); got 0"},
        {"ranks",
         {F32({1, 1, 2, 3})},
         ResampleAttrs{true, {2, 3}, {3}},
         "expected 1 to 3 spatial dimensions; got 2 and 1"},
    });
REGISTER_OP_CASES(
    ResampleBackward, Cases(/*backward=*/true),
    std::vector<BadCase>{
        {"sizes", {F32({1, 1, 2, 3})}, kTwice, "expected f32[N, C, ...] of the attributes' sizes; got f32[1, 1, 2, 3]"},
        {"rank", {F32({1, 2, 3})}, kTwice, "got f32[1, 2, 3]"},
        {"whole", {I32({1, 1, 4, 6})}, kTwice, "got i32[1, 1, 4, 6]"},
    });

}  // namespace
}  // namespace gradus
