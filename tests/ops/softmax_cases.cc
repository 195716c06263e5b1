#include <string>
#include <vector>

#include "ops/softmax.h"
#include "tests/ops/op_cases.h"

namespace gradus {
namespace {

struct Row {
  std::string name;
  TensorType type;
  int axis;
  Domain domain = Domain::Real(-4, 4);
};

// Lines shorter and longer than a vector, side by side and not, one element long, none.
const std::vector<Row>& Rows() {
  static const auto* const rows = new std::vector<Row>{
      {"batch_1", F32({1, 10}), 1},           {"vector", F32({5}), 0},
      {"lines_of_1", F32({4, 1}), 1},         {"lines_of_67", F32({3, 67}), 1},
      {"first_axis", F32({6, 9}), 0},         {"many_side_by_side", F32({3, 130}), 0},
      {"channels_1", F32({2, 1, 3, 4}), 1},   {"channels_7", F32({2, 7, 3, 3}), 1},
      {"channels_20", F32({2, 20, 3, 3}), 1}, {"inner_axis", F32({2, 7, 5, 3}), 2},
      {"last_axis", F32({2, 3, 2, 9}), 3},    {"empty", F32({0, 10}), 1},
      {"empty_lines", F32({3, 0}), 1},        {"steep", F32({4, 6}), 1, Domain::Real(-90, 90)},
  };
  return *rows;
}

std::vector<OpCase> Cases(int inputs) {
  std::vector<OpCase> cases;
  for (const Row& row : Rows()) {
    const bool backward = inputs == 2;
    const Domain domain = backward ? Domain::Real(-2, 0) : row.domain;
    cases.push_back({row.name, std::vector<TensorType>(inputs, row.type), SoftmaxAttrs{row.axis}, {domain}});
  }
  return cases;
}

std::vector<BadCase> BadCases(int inputs) {
  const auto all = [inputs](const TensorType& type) { return std::vector<TensorType>(inputs, type); };
  std::vector<BadCase> cases = {
      {"scalar", all(F32({})), SoftmaxAttrs{0}, "expected an axis 0; got f32[]"},
      {"beyond", all(F32({2, 3})), SoftmaxAttrs{2}, "expected an axis 2; got f32[2, 3]"},
      {"negative", all(F32({2, 3})), SoftmaxAttrs{-1}, "expected an axis -1; got f32[2, 3]"},
      {"integers", all(I32({2, 3})), SoftmaxAttrs{1}, "expected f32; got i32[2, 3]"},
  };
  if (inputs == 2) {
    cases.push_back({"shapes",
                     {F32({2, 3}), F32({3, 2})},
                     SoftmaxAttrs{1},
                     "expected inputs of one shape, f32[2, 3]; got f32[3, 2]"});
  }
  return cases;
}

}  // namespace

REGISTER_OP_CASES(Softmax, Cases(1), BadCases(1));
REGISTER_OP_CASES(LogSoftmax, Cases(1), BadCases(1));
REGISTER_OP_CASES(SoftmaxBackward, Cases(2), BadCases(2));
REGISTER_OP_CASES(LogSoftmaxBackward, Cases(2), BadCases(2));

}  // namespace gradus
