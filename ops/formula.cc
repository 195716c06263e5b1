#include "ops/formula.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "graph/builtin_ops.h"
#include "ops/binary.h"
#include "ops/reduce.h"
#include "ops/reshape.h"
#include "ops/unary.h"

namespace gradus {
namespace {

Formula CallBinary(Binary::Function function, const Formula& a, const Formula& b) {
  return a.formulas().Call("Binary", {a, b}, BinaryAttrs{function}, Binary::Function_Name(function));
}

}  // namespace

Formula Formulas::Call(absl::string_view op, const std::vector<Formula>& inputs, Attrs attrs, absl::string_view name) {
  std::vector<Value> values;
  for (const Formula& input : inputs) values.push_back(input.value());
  if (!status_.ok()) return {this, Value{}};
  absl::StatusOr<Value> value =
      context_->Call(op, std::move(values), std::move(attrs), absl::AsciiStrToLower(name.empty() ? op : name));
  if (value.ok()) return {this, *value};
  status_ = value.status();
  return {this, Value{}};
}

Formula Formulas::Constant(double value) {
  static const auto* const scalar = new TensorType{};  // f32[]
  return Call("Fill", {}, FillAttrs{*scalar, value}, "constant");
}

absl::StatusOr<Value> Formulas::Result(const Formula& x) const {
  if (!status_.ok()) return status_;
  return x.value();
}

Formula operator+(const Formula& a, const Formula& b) { return CallBinary(Binary::ADD, a, b); }
Formula operator-(const Formula& a, const Formula& b) { return CallBinary(Binary::SUBTRACT, a, b); }
Formula operator*(const Formula& a, const Formula& b) { return CallBinary(Binary::MULTIPLY, a, b); }
Formula operator/(const Formula& a, const Formula& b) { return CallBinary(Binary::DIVIDE, a, b); }
Formula operator+(const Formula& a, double b) { return a + a.formulas().Constant(b); }
Formula operator-(const Formula& a, double b) { return a - a.formulas().Constant(b); }
Formula operator-(double a, const Formula& b) { return b.formulas().Constant(a) - b; }
Formula operator*(double a, const Formula& b) { return a == 1 ? b : b.formulas().Constant(a) * b; }
Formula operator-(const Formula& a) { return Apply(NEG, a); }
Formula Maximum(const Formula& a, double b) { return Maximum(a, a.formulas().Constant(b)); }
Formula Maximum(const Formula& a, const Formula& b) { return CallBinary(Binary::MAXIMUM, a, b); }
Formula Minimum(const Formula& a, double b) { return CallBinary(Binary::MINIMUM, a, a.formulas().Constant(b)); }

Formula Apply(UnaryFunction function, const Formula& x) {
  return x.formulas().Call("Unary", {x}, UnaryWithDefaults(function), UnaryFunction_Name(function));
}

Formula Reduced(Reduce::Function function, const Formula& x, int axis, bool keep_dims) {
  return x.formulas().Call("Reduce", {x}, ReduceAttrs{function, {axis}, keep_dims}, Reduce::Function_Name(function));
}

Formula Reshaped(const Formula& x, const Shape& shape) {
  if (x.formulas().ok() && x.formulas().shape(x) == shape) return x;
  return x.formulas().Call("Reshape", {x}, ReshapeAttrs{shape});
}

}  // namespace gradus
