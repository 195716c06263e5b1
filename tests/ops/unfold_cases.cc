#include <vector>

#include "ops/unfold.h"
#include "tests/ops/op_cases.h"

namespace gradus {
namespace {

struct Row {
  const char* name;
  Shape input, columns;
  Window window;
};

std::vector<Row> Rows() {
  const Window three = {{3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}};
  return {
      {"channels_1", {2, 1, 4, 5}, {2, 9, 20}, three},
      {"channels_7", {2, 7, 3, 3}, {2, 63, 9}, three},
      {"channels_20", {1, 20, 3, 2}, {1, 180, 6}, three},
      {"no_pad", {2, 3, 5, 4}, {2, 12, 12}, {{2, 2}, {1, 1}, {1, 1}, {0, 0}, {0, 0}}},
      {"one_tap", {2, 3, 4, 2}, {2, 3, 8}, {{1, 1}, {1, 1}, {1, 1}, {0, 0}, {0, 0}}},
      {"strides", {1, 2, 7, 6}, {1, 18, 8}, {{3, 3}, {2, 3}, {1, 1}, {1, 1}, {1, 1}}},
      {"dilations", {1, 2, 7, 6}, {1, 8, 25}, {{2, 2}, {1, 1}, {2, 1}, {0, 0}, {0, 0}}},
      {"uneven_pads", {2, 2, 3, 4}, {2, 8, 20}, {{2, 2}, {1, 1}, {1, 1}, {0, 1}, {2, 1}}},
      {"line", {2, 3, 9}, {2, 9, 5}, {{3}, {2}, {1}, {1}, {1}}},
      {"volume", {1, 2, 3, 2, 4}, {1, 16, 6}, {{2, 2, 2}, {1, 1, 1}, {1, 1, 1}, {0, 0, 0}, {0, 0, 0}}},
      {"empty_batch", {0, 3, 4, 4}, {0, 27, 16}, three},
  };
}

std::vector<OpCase> Cases(bool unfold) {
  std::vector<OpCase> cases;
  for (const Row& row : Rows()) {
    cases.push_back(
        {row.name, {{DType::kFloat32, unfold ? row.input : row.columns}}, UnfoldAttrs{row.window, row.input}});
  }
  return cases;
}

const UnfoldAttrs kTwo = {{{2, 2}, {1, 1}, {1, 1}, {0, 0}, {0, 0}}, Shape{1, 1, 3, 3}};

REGISTER_OP_CASES(Unfold, Cases(/*unfold=*/true),
                  std::vector<BadCase>{
                      {"shape", {F32({1, 1, 3, 4})}, kTwo, "expected f32[1, 1, 3, 3]; got f32[1, 1, 3, 4]"},
                      {"whole", {I32({1, 1, 3, 3})}, kTwo, "got i32[1, 1, 3, 3]"},
                      {"small", {F32({1, 1, 1, 3})}, UnfoldAttrs{kTwo.window, Shape{1, 1, 1, 3}}, "window"},
                      {"vector", {F32({3})}, UnfoldAttrs{kTwo.window, Shape{3}}, "f32[3]"},
                  });
REGISTER_OP_CASES(Fold, Cases(/*unfold=*/false),
                  std::vector<BadCase>{
                      {"shape", {F32({1, 4, 5})}, kTwo, "expected columns f32[1, 4, 4]; got f32[1, 4, 5]"},
                      {"whole", {I32({1, 4, 4})}, kTwo, "got i32[1, 4, 4]"},
                      {"small", {F32({1, 4, 4})}, UnfoldAttrs{kTwo.window, Shape{1, 1, 1, 3}}, "window"},
                  });

}  // namespace
}  // namespace gradus
