#include "ops/binary.h"

#include <algorithm>
#include <cmath>

#include "graph/reference.h"
#include "ops/reference/indices.h"

namespace gradus {
namespace {

double Evaluate(Binary::Function function, double a, double b) {
  switch (function) {
    case Binary::ADD:
      return a + b;
    case Binary::SUBTRACT:
      return a - b;
    case Binary::MULTIPLY:
      return a * b;
    case Binary::DIVIDE:
      return a / b;
    case Binary::MAXIMUM:
      return std::max(a, b);
    case Binary::MINIMUM:
      return std::min(a, b);
    case Binary::POWER:
      return std::pow(a, b);
  }
  return 0;
}

absl::Status BinaryReference(ReferenceContext& context) {
  const Binary::Function function = context.attrs<BinaryAttrs>().function;
  for (size_t i = 0; i < context.out(0).size(); ++i) {
    const Dims index = IndexOf(static_cast<int64_t>(i), context.outputs[0].shape);
    const double a = context.in(0)[ElementAt(index, context.shape(0))];
    const double b = context.in(1)[ElementAt(index, context.shape(1))];
    context.out(0)[i] = Evaluate(function, a, b);
  }
  return absl::OkStatus();
}

REGISTER_REFERENCE(Binary, BinaryReference);

}  // namespace
}  // namespace gradus
