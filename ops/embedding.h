// Rows of a table, chosen by number.
//
//   Embedding                (ids: i32[...], table: f32[size, units]) -> f32[..., units]
//   EmbeddingBackward {size} (ids: i32[...], dy: f32[..., units])     -> f32[size, units], the sum of the dy of each
//   row
//
// Ids outside [0, size) are an error of the data that names the example (axis 0).
#ifndef GRADUS_OPS_EMBEDDING_H_
#define GRADUS_OPS_EMBEDDING_H_

#include <cstdint>

namespace gradus {

struct EmbeddingAttrs {
  template <typename F>
  void ForEach(F&&) const {}
};

struct EmbeddingBackwardAttrs {
  int64_t size = 0;
  template <typename F>
  void ForEach(F&& field) const {
    field("size", size);
  }
};

}  // namespace gradus

#endif  // GRADUS_OPS_EMBEDDING_H_
