// Elementwise functions of one number: one operation, one table.
//
//   Unary         {function, alpha} (x)     -> y of x's type,  y = f(x)
//   UnaryBackward {function, alpha} (s, dy) -> dx of s's type, dx = dy * slope(s), where s is x or y as the table says
//
// A new function is a value of UnaryFunction in proto/layers.proto and a row in ops/unary_table.cc.
#ifndef GRADUS_OPS_UNARY_H_
#define GRADUS_OPS_UNARY_H_

#include <oneapi/dnnl/dnnl_types.h>

#include "absl/status/statusor.h"
#include "graph/gradient.h"
#include "graph/layer.h"
#include "proto/layers.pb.h"

namespace gradus {

struct UnaryAttrs {
  UnaryFunction function = NONE;
  double alpha = 0;  // 0 where the function has none
  template <typename F>
  void ForEach(F&& field) const {
    field("function", UnaryFunction_Name(function));
    field("alpha", alpha);
  }
};

// How a function's gradient is made.
enum class Slope : uint8_t {
  kOfInput,   // UnaryBackward(x, dy)
  kOfOutput,  // UnaryBackward(y, dy): x need not be kept
  kLinear,    // f(dy): f is linear
  kZero,      // no gradient flows
};

struct UnaryRow {
  UnaryFunction function;
  bool has_alpha;
  double default_alpha;
  double (*value)(double x, double alpha);

  Slope slope_kind;
  // f'(x) as a function of s: x or y. Null when kLinear or kZero.
  double (*slope)(double s, double alpha);
  // d slope / d s as graph; null where that is zero almost everywhere.
  Value (*curvature)(GradientContext& context, Value s, double alpha);

  // oneDNN's eltwise algorithms, dnnl_alg_kind_undef where it has none. Its parameters: alpha (the function's, unless
  // `has_alpha` is false) and beta.
  dnnl_alg_kind_t forward;
  dnnl_alg_kind_t backward;
  double dnnl_alpha, dnnl_beta;

  double AlphaForDnnl(double alpha) const { return has_alpha ? alpha : dnnl_alpha; }
};

// The row of a function; null for NONE and for numbers that are none.
const UnaryRow* FindUnary(UnaryFunction function);

// The attributes of a function with its default alpha. `function`: not NONE.
UnaryAttrs UnaryWithDefaults(UnaryFunction function);

// The `activation` field of other layers: adds `<layer>/activation` over `x`, or gives `x` itself for NONE.
absl::StatusOr<Value> AddActivation(LayerContext& context, Value x, UnaryFunction function);

}  // namespace gradus

#endif  // GRADUS_OPS_UNARY_H_
