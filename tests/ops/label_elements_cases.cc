#include <vector>

#include "ops/label_elements.h"
#include "tests/ops/op_cases.h"

namespace gradus {
namespace {

struct Row {
  const char* name;
  TensorType of_classes, of_labels, labels;
  int64_t classes;
};

std::vector<Row> Rows() {
  return {
      {"digits", F32({4, 10}), F32({4}), I32({4}), 10},
      {"batch_1", F32({1, 10}), F32({1}), I32({1}), 10},
      {"classes_1", F32({3, 1}), F32({3}), I32({3}), 1},
      {"classes_300", F32({2, 300}), F32({2}), I32({2}), 300},
      {"one_label", F32({6}), F32({}), I32({}), 6},
      {"sequence", F32({2, 5, 4}), F32({2, 5}), I32({2, 5}), 4},
      {"empty_batch", F32({0, 10}), F32({0}), I32({0}), 10},
      {"channels_1", F32({2, 1, 3, 5}), F32({2, 1, 3}), I32({2, 1, 3}), 5},
      {"channels_7", F32({2, 7, 2, 3}), F32({2, 7, 2}), I32({2, 7, 2}), 3},
      {"channels_20", F32({2, 20, 2, 3}), F32({2, 20, 2}), I32({2, 20, 2}), 3},
      {"image_1", F32({2, 1, 3, 4, 2}), F32({2, 1, 3, 4}), I32({2, 1, 3, 4}), 2},
      {"image_7", F32({2, 7, 3, 1, 2}), F32({2, 7, 3, 1}), I32({2, 7, 3, 1}), 2},
      {"image_20", F32({1, 20, 2, 2, 3}), F32({1, 20, 2, 2}), I32({1, 20, 2, 2}), 3},
  };
}

std::vector<OpCase> Cases(bool take) {
  std::vector<OpCase> cases;
  for (const Row& row : Rows()) {
    cases.push_back({row.name,
                     {take ? row.of_classes : row.of_labels, row.labels},
                     LabelElementsAttrs{row.classes},
                     {Domain{}, Domain::Labels(row.classes)}});
  }
  return cases;
}

REGISTER_OP_CASES(
    TakeLabel, Cases(/*take=*/true),
    std::vector<BadCase>{
        {"scalar", {F32({}), I32({})}, LabelElementsAttrs{3}, "expected f32[..., 3]; got f32[]"},
        {"classes", {F32({4, 10}), I32({4})}, LabelElementsAttrs{3}, "expected f32[..., 3]; got f32[4, 10]"},
        {"whole", {I32({4, 3}), I32({4})}, LabelElementsAttrs{3}, "expected f32[..., 3]; got i32[4, 3]"},
        {"labels_real",
         {F32({4, 3}), F32({4})},
         LabelElementsAttrs{3},
         "expected labels i32[4] for f32[4, 3]; got f32[4]"},
        {"other_batch",
         {F32({4, 3}), I32({5})},
         LabelElementsAttrs{3},
         "expected labels i32[4] for f32[4, 3]; got i32[5]"},
    });

REGISTER_OP_CASES(
    PutLabel, Cases(/*take=*/false),
    std::vector<BadCase>{
        {"other_batch", {F32({4}), I32({5})}, LabelElementsAttrs{3}, "expected labels i32[4] for f32[4]; got i32[5]"},
        {"whole", {I32({4}), I32({4})}, LabelElementsAttrs{3}, "expected f32[...]; got i32[4]"},
        {"classes", {F32({4}), I32({4})}, LabelElementsAttrs{-1}, "expected classes of 0 or more; got -1"},
        {"huge", {F32({1 << 30}), I32({1 << 30})}, LabelElementsAttrs{int64_t{1} << 40}, "elements"},
    });

}  // namespace
}  // namespace gradus
