#include <string>
#include <vector>

#include "ops/stochastic_pool.h"
#include "tests/ops/op_cases.h"

namespace gradus {
namespace {

struct Row {
  const char* name;
  TensorType x, y;
  Window window;
  RunState state = {};
};

std::vector<Row> Rows() {
  const Window two = {{2, 2}, {2, 2}, {1, 1}, {0, 0}, {0, 0}};
  const Window three = {{3, 3}, {2, 2}, {1, 1}, {1, 1}, {1, 1}};
  return {
      {"channels_1", F32({2, 1, 6, 4}), F32({2, 1, 3, 2}), two},
      {"channels_7", F32({2, 7, 4, 4}), F32({2, 7, 2, 2}), two},
      {"channels_20", F32({1, 20, 5, 5}), F32({1, 20, 3, 3}), three},
      {"overlapping", F32({2, 3, 7, 6}), F32({2, 3, 4, 3}), three},
      {"rest", F32({2, 2, 5, 5}), F32({2, 2, 2, 2}), two},
      {"one_place", F32({2, 2, 3, 3}), F32({2, 2, 3, 3}), {{1, 1}, {1, 1}, {1, 1}, {0, 0}, {0, 0}}},
      {"whole_map", F32({2, 3, 4, 5}), F32({2, 3, 1, 1}), {{4, 5}, {4, 5}, {1, 1}, {0, 0}, {0, 0}}},
      {"line", F32({2, 3, 9}), F32({2, 3, 4}), {{3}, {2}, {1}, {0}, {0}}},
      {"volume", F32({1, 2, 4, 4, 4}), F32({1, 2, 2, 2, 2}), {{2, 2, 2}, {2, 2, 2}, {1, 1, 1}, {0, 0, 0}, {0, 0, 0}}},
      {"empty_batch", F32({0, 3, 4, 4}), F32({0, 3, 2, 2}), two},
      {"later", F32({2, 3, 4, 4}), F32({2, 3, 2, 2}), two, {7, 1000, 3}},
  };
}

// Where x is 0, or below, is never drawn; in some windows that is everywhere.
const Domain kSome = Domain::Values({0, 1, 3, 0, -2, 0.5, 0, 0, 2, 0, -1, 0, 0, 1.25, 0, 0, 0});

std::vector<OpCase> Cases(bool backward) {
  std::vector<OpCase> cases;
  for (const Row& row : Rows()) {
    const StochasticPoolAttrs attrs = {row.window, 11};
    OpCase one{row.name, {row.x, backward ? row.y : row.x}, attrs, {kSome}};
    if (backward) one.attrs = StochasticPoolBackwardAttrs{attrs, row.x.shape};
    one.constant = {0};
    one.state = row.state;
    cases.push_back(one);
  }
  return cases;
}

const StochasticPoolAttrs kTwo = {{{2, 2}, {2, 2}, {1, 1}, {0, 0}, {0, 0}}, 1};

REGISTER_OP_CASES(StochasticPool, Cases(/*backward=*/false),
                  std::vector<BadCase>{
                      {"another_v", {F32({1, 1, 4, 4}), F32({1, 1, 2, 2})}, kTwo, "expected v of x's type"},
                      {"vector", {F32({4, 4}), F32({4, 4})}, kTwo, "f32[4, 4]"},
                      {"small", {F32({1, 1, 1, 4}), F32({1, 1, 1, 4})}, kTwo, "window"},
                  });
REGISTER_OP_CASES(StochasticPoolBackward, Cases(/*backward=*/true),
                  std::vector<BadCase>{
                      {"dy",
                       {F32({1, 1, 4, 4}), F32({1, 1, 4, 4})},
                       StochasticPoolBackwardAttrs{kTwo, Shape{1, 1, 4, 4}},
                       "expected dy of y's type, f32[1, 1, 2, 2]; got f32[1, 1, 4, 4]"},
                      {"input",
                       {F32({1, 1, 4, 4}), F32({1, 1, 2, 2})},
                       StochasticPoolBackwardAttrs{kTwo, Shape{1, 1, 5, 4}},
                       "got f32[1, 1, 4, 4]"},
                      {"small",
                       {F32({1, 1, 1, 4}), F32({1, 1, 2, 2})},
                       StochasticPoolBackwardAttrs{kTwo, Shape{1, 1, 1, 4}},
                       "window"},
                  });

}  // namespace
}  // namespace gradus
