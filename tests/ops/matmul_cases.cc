#include <cstdint>
#include <vector>

#include "ops/matmul.h"
#include "tests/ops/op_cases.h"

namespace gradus {
namespace {

constexpr MatMulAttrs kPlain{false, false}, kA{true, false}, kB{false, true}, kBoth{true, true};

std::vector<OpCase> Cases() {
  return {
      {"matrices", {F32({3, 4}), F32({4, 5})}, kPlain},
      {"transpose_a", {F32({4, 3}), F32({4, 5})}, kA},
      {"transpose_b", {F32({3, 4}), F32({5, 4})}, kB},
      {"transpose_both", {F32({4, 3}), F32({5, 4})}, kBoth},
      {"one_element", {F32({1, 1}), F32({1, 1})}, kPlain},
      {"row_by_column", {F32({1, 17}), F32({17, 1})}, kPlain},
      {"column_by_row", {F32({17, 1}), F32({1, 13})}, kPlain},
      {"vector_transposed", {F32({9, 1}), F32({9, 7})}, kA},
      {"aligned", {F32({16, 32}), F32({32, 16})}, kPlain},
      {"batch", {F32({3, 2, 4}), F32({3, 4, 5})}, kPlain},
      {"batch_both", {F32({3, 4, 2}), F32({3, 5, 4})}, kBoth},
      {"batch_by_matrix", {F32({3, 2, 4}), F32({4, 5})}, kPlain},
      {"batch_by_matrix_transposed", {F32({3, 2, 4}), F32({5, 4})}, kB},
      {"batch_transposed_by_matrix", {F32({3, 4, 2}), F32({4, 5})}, kA},
      {"matrix_by_batch", {F32({2, 4}), F32({3, 4, 5})}, kPlain},
      {"broadcast_both", {F32({3, 1, 2, 4}), F32({1, 2, 4, 3})}, kPlain},
      {"broadcast_middle", {F32({2, 1, 3, 2, 2}), F32({2, 2, 1, 3, 2})}, kB},
      {"one_of_a_batch", {F32({2, 4, 3}), F32({1, 4, 2})}, kA},
      {"channels_1", {F32({2, 1, 3, 4}), F32({2, 1, 4, 2})}, kPlain},
      {"channels_7", {F32({1, 7, 3, 4}), F32({1, 7, 4, 2})}, kPlain},
      {"channels_20", {F32({1, 20, 2, 3}), F32({1, 20, 2, 3})}, kA},
      {"nothing_to_sum", {F32({3, 0}), F32({0, 5})}, kPlain},
      {"no_rows", {F32({0, 4}), F32({4, 5})}, kPlain},
      {"no_columns", {F32({3, 4}), F32({4, 0})}, kPlain},
      {"empty_batch", {F32({0, 2, 4}), F32({1, 4, 5})}, kPlain},
  };
}

std::vector<BadCase> BadCases() {
  const int64_t half = int64_t{1} << 31;
  return {
      {"vector", {F32({3, 4}), F32({4})}, kPlain, "expected two inputs of rank 2 or more; got [3, 4] and [4]"},
      {"scalar", {F32({}), F32({4, 5})}, kPlain, "expected two inputs of rank 2 or more; got [] and [4, 5]"},
      {"inner",
       {F32({3, 4}), F32({5, 4})},
       kPlain,
       "expected as many rows of b as a has columns, 4; got 5: a is [3, 4], b is [5, 4]"},
      {"inner_transposed",
       {F32({3, 4}), F32({4, 5})},
       kBoth,
       "expected as many rows of b as a has columns, 3; got 5: a is [3, 4] transposed, b is [4, 5] transposed"},
      {"batches", {F32({2, 3, 4}), F32({3, 4, 5})}, kPlain, "shapes [2] and [3] do not broadcast to each other"},
      {"labels", {I32({3, 4}), F32({4, 5})}, kPlain, "expected f32; got i32[3, 4]"},
      {"overflow", {F32({half, 1}), F32({1, half})}, kPlain, "2^56 elements or more"},
      {"broadcast_overflow", {F32({half, 1, 1, 1}), F32({half, 1, 1})}, kPlain, "2^56 elements or more"},
  };
}

REGISTER_OP_CASES(MatMul, Cases(), BadCases());

}  // namespace
}  // namespace gradus
