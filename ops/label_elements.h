// One element of each row, that of the row's label, and back; each other's gradients.
//
//   TakeLabel {classes}  (x f32[..., C], labels i32[...]) -> y f32[...],      y[i] = x[i, labels[i]]
//   PutLabel  {classes}  (y f32[...], labels i32[...])    -> x f32[..., C],   x[i, labels[i]] = y[i], else 0
//
// C is `classes`. A label outside [0, C) is an error of the run, which names the example (index along the first axis).
#ifndef GRADUS_OPS_LABEL_ELEMENTS_H_
#define GRADUS_OPS_LABEL_ELEMENTS_H_

#include <cstdint>

namespace gradus {

struct LabelElementsAttrs {
  int64_t classes = 1;
  template <typename F>
  void ForEach(F&& field) const {
    field("classes", classes);
  }
};

}  // namespace gradus

#endif  // GRADUS_OPS_LABEL_ELEMENTS_H_
