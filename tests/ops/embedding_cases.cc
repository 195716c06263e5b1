#include <vector>

#include "ops/embedding.h"
#include "tests/ops/op_cases.h"

namespace gradus {
namespace {

OpCase Gather(const char* name, const TensorType& ids, int64_t size, int64_t units) {
  return {name, {ids, F32({size, units})}, EmbeddingAttrs{}, {Domain::Labels(size)}};
}

OpCase Scatter(const char* name, const TensorType& ids, const TensorType& dy, int64_t size) {
  return {name, {ids, dy}, EmbeddingBackwardAttrs{size}, {Domain::Labels(size)}};
}

REGISTER_OP_CASES(Embedding,
                  std::vector<OpCase>{
                      Gather("one", I32({1}), 1, 1),
                      Gather("vector", I32({5}), 3, 4),
                      Gather("sequences", I32({3, 7}), 11, 8),
                      Gather("images", I32({2, 3, 2, 2}), 5, 6),
                      Gather("channels_1", I32({2, 1, 2, 2}), 5, 1),
                      Gather("channels_7", I32({2, 7, 2, 2}), 5, 3),
                      Gather("channels_20", I32({1, 20, 2, 2}), 50, 2),
                      Gather("large_rows", I32({4, 3}), 6, 33),
                      Gather("large_table", I32({2, 4}), 100, 3),
                      Gather("empty_batch", I32({0, 4}), 3, 2),
                      Gather("empty_sequences", I32({2, 0}), 3, 2),
                  },
                  std::vector<BadCase>{
                      {"ids_float", {F32({2}), F32({3, 4})}, EmbeddingAttrs{}, "expected ids i32[N, ...]; got f32[2]"},
                      {"ids_scalar", {I32({}), F32({3, 4})}, EmbeddingAttrs{}, "expected ids i32[N, ...]; got i32[]"},
                      {"table_rank", {I32({2}), F32({3})}, EmbeddingAttrs{}, "expected a table f32[size, units]"},
                      {"table_empty", {I32({2}), F32({0, 3})}, EmbeddingAttrs{}, "f32[0, 3]"},
                  });

REGISTER_OP_CASES(
    EmbeddingBackward,
    std::vector<OpCase>{
        Scatter("one", I32({1}), F32({1, 1}), 1),
        Scatter("vector", I32({5}), F32({5, 4}), 3),
        Scatter("often", I32({60}), F32({60, 3}), 2),
        Scatter("never", I32({2}), F32({2, 3}), 20),
        Scatter("sequences", I32({3, 7}), F32({3, 7, 8}), 11),
        Scatter("images", I32({2, 3, 2, 2}), F32({2, 3, 2, 2, 6}), 5),
        Scatter("channels_1", I32({2, 1, 2, 2}), F32({2, 1, 2, 2, 1}), 5),
        Scatter("channels_7", I32({2, 7, 2, 2}), F32({2, 7, 2, 2, 3}), 5),
        Scatter("channels_20", I32({1, 20, 2, 2}), F32({1, 20, 2, 2, 2}), 50),
        Scatter("large_rows", I32({4, 3}), F32({4, 3, 33}), 6),
        Scatter("empty_batch", I32({0, 4}), F32({0, 4, 2}), 3),
    },
    std::vector<BadCase>{
        {"ids_float", {F32({2}), F32({2, 4})}, EmbeddingBackwardAttrs{3}, "expected ids i32[N, ...]"},
        {"dy_shape", {I32({2}), F32({3, 4})}, EmbeddingBackwardAttrs{3}, "for ids of i32[2]; got f32[3, 4]"},
        {"dy_rank", {I32({2}), F32({2})}, EmbeddingBackwardAttrs{3}, "for ids of i32[2]; got f32[2]"},
        {"size", {I32({2}), F32({2, 4})}, EmbeddingBackwardAttrs{0}, "expected a size of 1 or more"},
    });

}  // namespace
}  // namespace gradus
