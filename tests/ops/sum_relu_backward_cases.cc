#include <string>
#include <vector>

#include "tests/ops/op_cases.h"

namespace gradus {
namespace {

OpCase Row(std::string name, const TensorType& type, int gradients) {
  return {std::move(name), std::vector<TensorType>(1 + gradients, type)};
}

std::vector<OpCase> Cases() {
  std::vector<OpCase> cases = {
      Row("one", F32({3, 5}), 1),
      Row("two", F32({3, 5}), 2),
      Row("channels_1", F32({2, 1, 5, 5}), 2),
      Row("channels_7", F32({2, 7, 3, 3}), 3),
      Row("channels_20", F32({2, 20, 3, 2}), 2),
      Row("many", F32({1, 16, 3, 3}), 7),
      Row("chunks", F32({1500}), 3),
      Row("scalar", F32({}), 2),
      Row("empty", F32({0, 4}), 2),
      Row("volume", F32({1, 9, 2, 3, 2}), 2),
  };
  OpCase zeros = Row("zeros_stop", F32({4, 6}), 2);
  zeros.domains = {Domain::Values({0, 1, -1, -0.0})};
  cases.push_back(zeros);
  return cases;
}

REGISTER_OP_CASES(SumReluBackward, Cases(),
                  std::vector<BadCase>{
                      {"shapes", {F32({2}), F32({3})}, {}, "expected inputs of one shape, f32[2]; got f32[3]"},
                      {"ranks", {F32({2}), F32({2}), F32({2, 1})}, {}, "f32[2]; got f32[2, 1]"},
                      {"integers", {I32({2}), I32({2})}, {}, "expected f32; got i32[2]"},
                  });

}  // namespace
}  // namespace gradus
