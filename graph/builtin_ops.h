// The few operations that the graph itself and differentiation need; all others live in ops/ and are unknown here.
//
//   Input      {type}         -> value      fed from outside
//   Variable   {index, type}  -> value      as it was at the start of the step
//   Assign     {index} (value)              a sink: writes a variable
//   Fill       {type, value}  -> value      a constant
//   AddN       (x, x, ...)    -> x          sum of values of one type
//   SumTo      {shape} (x)    -> f32[shape] sums over the axes that `shape` was broadcast along
//   BroadcastTo{shape} (x)    -> f32[shape] NumPy's broadcasting
//
// Their kernels and references are in ops/ like everybody's.
#ifndef GRADUS_GRAPH_BUILTIN_OPS_H_
#define GRADUS_GRAPH_BUILTIN_OPS_H_

#include "core/shape.h"

namespace gradus {

struct InputAttrs {
  TensorType type;
  template <typename F>
  void ForEach(F&& field) const {
    field("type", type);
  }
};

struct VariableAttrs {
  int variable = -1;  // index in Graph::variables()
  TensorType type;
  template <typename F>
  void ForEach(F&& field) const {
    field("variable", variable);
    field("type", type);
  }
};

struct FillAttrs {
  TensorType type;
  double value = 0;
  template <typename F>
  void ForEach(F&& field) const {
    field("type", type);
    field("value", value);
  }
};

struct ShapeAttrs {  // SumTo, BroadcastTo
  Shape shape;
  template <typename F>
  void ForEach(F&& field) const {
    field("shape", shape);
  }
};

}  // namespace gradus

#endif  // GRADUS_GRAPH_BUILTIN_OPS_H_
