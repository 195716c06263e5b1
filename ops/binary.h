// Elementwise functions of two numbers.
//
//   Binary {function} (a, b) -> y,  y = f(a, b); a and b are f32 and broadcast to each other by NumPy's rules
#ifndef GRADUS_OPS_BINARY_H_
#define GRADUS_OPS_BINARY_H_

#include "proto/layers.pb.h"

namespace gradus {

struct BinaryAttrs {
  Binary::Function function = Binary::ADD;
  template <typename F>
  void ForEach(F&& field) const {
    field("function", Binary::Function_Name(function));
  }
};

}  // namespace gradus

#endif  // GRADUS_OPS_BINARY_H_
