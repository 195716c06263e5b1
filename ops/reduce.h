// Reduction over axes.
//
//   Reduce {function, axes, keep_dims} (x: f32) -> f32 of x's shape without `axes`, or with size 1 there
//
// A mean or maximum of no elements is an error; a sum of none is 0.
#ifndef GRADUS_OPS_REDUCE_H_
#define GRADUS_OPS_REDUCE_H_

#include "core/shape.h"
#include "proto/layers.pb.h"

namespace gradus {

struct ReduceAttrs {
  Reduce::Function function = Reduce::SUM;
  Dims axes;  // not negative, each once
  bool keep_dims = false;
  template <typename F>
  void ForEach(F&& field) const {
    field("function", Reduce::Function_Name(function));
    field("axes", axes);
    field("keep_dims", keep_dims);
  }
};

// `shape` with size 1 along `axes`. The axes must be axes of the shape.
Shape KeepDims(const Shape& shape, const Dims& axes);

}  // namespace gradus

#endif  // GRADUS_OPS_REDUCE_H_
