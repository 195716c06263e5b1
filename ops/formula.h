// Layers and losses that are a formula of other operations, written as one: arithmetic adds nodes.
//
//   Formulas formulas(&context);
//   const Formula x = formulas.Of(context.input(0)), t = formulas.Of(context.target());
//   return formulas.Result(t * Apply(SOFTPLUS, -x) + (1 - t) * Apply(SOFTPLUS, x));
//
// Errors are sticky: after one, formulas are invalid, and Result gives the first. A Formula must not outlive its
// Formulas.
#ifndef GRADUS_OPS_FORMULA_H_
#define GRADUS_OPS_FORMULA_H_

#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "graph/layer.h"
#include "proto/layers.pb.h"

namespace gradus {

class Formulas;

class Formula {
 public:
  Formula(Formulas* formulas, Value value) : formulas_(formulas), value_(value) {}

  Value value() const { return value_; }
  Formulas& formulas() const { return *formulas_; }

 private:
  Formulas* formulas_;
  Value value_;
};

class Formulas {
 public:
  explicit Formulas(LayerContext* context) : context_(context) {}

  Formula Of(Value value) { return {this, value}; }
  // The first output of a node named `<layer>/<operation>`, in small letters.
  Formula Call(absl::string_view op, const std::vector<Formula>& inputs, Attrs attrs = {}, absl::string_view name = "");
  Formula Constant(double value);

  // Of a valid formula.
  const Shape& shape(const Formula& x) const { return context_->shape(x.value()); }
  bool ok() const { return status_.ok(); }
  absl::StatusOr<Value> Result(const Formula& x) const;

 private:
  LayerContext* context_;
  absl::Status status_;
};

// Elementwise; the two broadcast to each other.
Formula operator+(const Formula& a, const Formula& b);
Formula operator-(const Formula& a, const Formula& b);
Formula operator*(const Formula& a, const Formula& b);
Formula operator/(const Formula& a, const Formula& b);
Formula operator+(const Formula& a, double b);
Formula operator-(const Formula& a, double b);
Formula operator-(double a, const Formula& b);
Formula operator*(double a, const Formula& b);
Formula operator-(const Formula& a);
Formula Maximum(const Formula& a, double b);
Formula Maximum(const Formula& a, const Formula& b);
Formula Minimum(const Formula& a, double b);

// The function with its default alpha.
Formula Apply(UnaryFunction function, const Formula& x);

// Over one axis, which goes, or stays with size 1.
Formula Reduced(Reduce::Function function, const Formula& x, int axis, bool keep_dims = false);
Formula Reshaped(const Formula& x, const Shape& shape);

}  // namespace gradus

#endif  // GRADUS_OPS_FORMULA_H_
