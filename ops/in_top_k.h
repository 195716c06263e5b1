// Whether a label is among the k largest logits.
//
//   InTopK (logits f32[..., C], labels i32[...]) -> f32[...]: 1 or 0. Of equal logits the lower class counts as larger;
//   a NaN logit of the label counts as smallest. A label outside [0, C) is an error that names the example.
#ifndef GRADUS_OPS_IN_TOP_K_H_
#define GRADUS_OPS_IN_TOP_K_H_

#include <cstdint>

namespace gradus {

struct TopKAttrs {
  int64_t k = 1;
  template <typename F>
  void ForEach(F&& field) const {
    field("k", k);
  }
};

}  // namespace gradus

#endif  // GRADUS_OPS_IN_TOP_K_H_
