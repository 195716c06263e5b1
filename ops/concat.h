// Joining along one axis.
//
//   Concat {axis} (x0: f32, x1: f32, ...) -> f32 of their shape, which differs along `axis` alone; the sum of sizes
//   there
#ifndef GRADUS_OPS_CONCAT_H_
#define GRADUS_OPS_CONCAT_H_

#include <cstdint>

namespace gradus {

struct ConcatAttrs {
  int64_t axis = 1;  // not negative
  template <typename F>
  void ForEach(F&& field) const {
    field("axis", axis);
  }
};

}  // namespace gradus

#endif  // GRADUS_OPS_CONCAT_H_
