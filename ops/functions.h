// The words in which gradient rules are written: each adds a node in the name of the rule and gives its value. Like
// GradientContext::Call they are sticky: given an invalid value, or after an error, they give an invalid value.
//
//   dx = (dy - sum(dy * y)) * y:
//   Value sum = ReduceSum(context, Multiply(context, dy, y), {axis}, /*keep_dims=*/true);
//   context.Set(0, Multiply(context, Subtract(context, dy, sum), y));
#ifndef GRADUS_OPS_FUNCTIONS_H_
#define GRADUS_OPS_FUNCTIONS_H_

#include "core/shape.h"
#include "graph/gradient.h"
#include "proto/layers.pb.h"

namespace gradus {

// f32[shape] with `value` everywhere; f32[] where no shape is given.
Value Constant(GradientContext& context, double value, const Shape& shape = {});

// Elementwise; a and b broadcast to each other.
Value Add(GradientContext& context, Value a, Value b);
Value Subtract(GradientContext& context, Value a, Value b);
Value Multiply(GradientContext& context, Value a, Value b);
Value Divide(GradientContext& context, Value a, Value b);
Value Power(GradientContext& context, Value a, Value b);

// factor * x and x + term; x itself when that changes nothing.
Value Scale(GradientContext& context, Value x, double factor);
Value AddConstant(GradientContext& context, Value x, double term);

// The function with its default alpha.
Value Apply(GradientContext& context, UnaryFunction function, Value x);
Value Negate(GradientContext& context, Value x);

// Sums over `axes` (not negative, each once; none: x itself).
Value ReduceSum(GradientContext& context, Value x, const Dims& axes, bool keep_dims);

// NumPy's broadcasting and its transpose, a sum; x itself when it has that shape.
Value BroadcastTo(GradientContext& context, Value x, const Shape& shape);
Value SumTo(GradientContext& context, Value x, const Shape& shape);

// The same elements in row-major order under another shape; x itself when it has that shape.
Value ReshapeTo(GradientContext& context, Value x, const Shape& shape);

// Axis k of the result is axis permutation[k] of x.
Value Permute(GradientContext& context, Value x, const Dims& permutation);

}  // namespace gradus

#endif  // GRADUS_OPS_FUNCTIONS_H_
