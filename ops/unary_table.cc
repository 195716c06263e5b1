// The table of elementwise functions. y = f(x); a is alpha.
#include <algorithm>
#include <array>
#include <cmath>

#include "ops/functions.h"
#include "ops/unary.h"

namespace gradus {
namespace {

constexpr double kPi = 3.14159265358979323846;

double Sigmoid(double x) { return x >= 0 ? 1 / (1 + std::exp(-x)) : std::exp(x) / (1 + std::exp(x)); }
double Sign(double x) { return x > 0 ? 1 : x < 0 ? -1 : 0; }
double NormalDensity(double x) { return std::exp(-x * x / 2) / std::sqrt(2 * kPi); }
double NormalDistribution(double x) { return std::erfc(-x / std::sqrt(2.0)) / 2; }

// GELU by tanh is x sigmoid(u) with u = 2 sqrt(2 / pi) (x + 0.044715 x^3).
const double kGeluScale = 2 * std::sqrt(2 / kPi);
constexpr double kGeluCube = 0.044715;
double GeluU(double x) { return kGeluScale * (x + kGeluCube * x * x * x); }
double GeluSlopeOfU(double x) { return kGeluScale * (1 + 3 * kGeluCube * x * x); }

Value Square(GradientContext& context, Value x) { return Apply(context, SQUARE, x); }

// sigmoid(v) and its first two derivatives, as graph: s, s (1 - s), s (1 - s) (1 - 2 s).
struct SigmoidJet {
  Value value, first, second;
};
SigmoidJet SigmoidOf(GradientContext& context, Value v) {
  SigmoidJet jet;
  jet.value = Apply(context, SIGMOID, v);
  jet.first = Subtract(context, jet.value, Square(context, jet.value));
  jet.second = Multiply(context, jet.first, AddConstant(context, Scale(context, jet.value, -2), 1));
  return jet;
}

// slope(y) = 1 if y > 0, else y + a; curvature = (1 - sign(y)) / 2
Value EluCurvature(GradientContext& context, Value y, double) {
  return AddConstant(context, Scale(context, Apply(context, SIGN, y), -0.5), 0.5);
}

// slope(y) = y (1 - y); curvature = 1 - 2 y
Value SigmoidCurvature(GradientContext& context, Value y, double) {
  return AddConstant(context, Scale(context, y, -2), 1);
}

// slope(y) = 1 - y^2; curvature = -2 y. Also that of reciprocal: slope(y) = -y^2.
Value MinusTwice(GradientContext& context, Value y, double) { return Scale(context, y, -2); }

// slope(x) = sigmoid(x)
Value SoftplusCurvature(GradientContext& context, Value x, double) { return SigmoidOf(context, x).first; }

// slope(x) = Phi(x) + x phi(x); curvature = (2 - x^2) phi(x)
Value GeluCurvature(GradientContext& context, Value x, double) {
  Value square = Square(context, x);
  Value density = Scale(context, Apply(context, EXP, Scale(context, square, -0.5)), 1 / std::sqrt(2 * kPi));
  return Multiply(context, AddConstant(context, Negate(context, square), 2), density);
}

// slope(x) = s(u) + x s'(u) u'; curvature = s'(u) (2 u' + x u'') + x s''(u) u'^2
Value GeluTanhCurvature(GradientContext& context, Value x, double) {
  Value square = Square(context, x);
  Value u =
      Scale(context, Multiply(context, x, AddConstant(context, Scale(context, square, kGeluCube), 1)), kGeluScale);
  Value u1 = Scale(context, AddConstant(context, Scale(context, square, 3 * kGeluCube), 1), kGeluScale);
  Value x_u2 = Scale(context, square, 6 * kGeluCube * kGeluScale);
  const SigmoidJet s = SigmoidOf(context, u);
  Value first = Multiply(context, s.first, Add(context, Scale(context, u1, 2), x_u2));
  return Add(context, first, Multiply(context, x, Multiply(context, s.second, Square(context, u1))));
}

// slope(x) = s(a x) + a x s'(a x); curvature = 2 a s' + a^2 x s''
Value SwishCurvature(GradientContext& context, Value x, double a) {
  const SigmoidJet s = SigmoidOf(context, Scale(context, x, a));
  return Add(context, Scale(context, s.first, 2 * a), Scale(context, Multiply(context, x, s.second), a * a));
}

Value One(GradientContext& context, Value, double) { return Constant(context, 1); }
Value Two(GradientContext& context, Value, double) { return Constant(context, 2); }

// slope(x) = 1 / x; curvature = -1 / x^2
Value LogCurvature(GradientContext& context, Value x, double) {
  return Negate(context, Square(context, Apply(context, RECIPROCAL, x)));
}

// slope(y) = 1 / (2 y); curvature = -1 / (2 y^2)
Value SqrtCurvature(GradientContext& context, Value y, double) {
  return Scale(context, Square(context, Apply(context, RECIPROCAL, y)), -0.5);
}

using Point = double;  // x or y, whatever the slope is a function of

double GeluTanhSlope(double x, double) {
  const double s = Sigmoid(GeluU(x));
  return s + x * s * (1 - s) * GeluSlopeOfU(x);
}

double SwishSlope(double x, double a) {
  const double s = Sigmoid(a * x);
  return s + a * x * s * (1 - s);
}

// clang-format off
// One row a function:
//   name, has alpha, its default, f(x),
//   what the slope is a function of, slope, curvature,
//   oneDNN's forward and backward algorithm, alpha, beta
const std::array<UnaryRow, 17> kTable = {{
    {RELU, false, 0, [](double x, double) { return std::max(x, 0.0); },
     Slope::kOfOutput, [](double y, double) { return y > 0 ? 1.0 : 0.0; }, nullptr,
     dnnl_eltwise_relu, dnnl_eltwise_relu_use_dst_for_bwd, 0, 0},
    {LEAKY_RELU, true, 0.01, [](double x, double a) { return x > 0 ? x : a * x; },
     Slope::kOfOutput, [](double y, double a) { return y > 0 ? 1.0 : a; }, nullptr,
     dnnl_eltwise_relu, dnnl_eltwise_relu_use_dst_for_bwd, 0, 0},
    {ELU, true, 1, [](double x, double a) { return x > 0 ? x : a * std::expm1(x); },
     Slope::kOfOutput, [](double y, double a) { return y > 0 ? 1.0 : y + a; }, EluCurvature,
     dnnl_eltwise_elu, dnnl_eltwise_elu_use_dst_for_bwd, 0, 0},
    {SIGMOID, false, 0, [](double x, double) { return Sigmoid(x); },
     Slope::kOfOutput, [](double y, double) { return y * (1 - y); }, SigmoidCurvature,
     dnnl_eltwise_logistic, dnnl_eltwise_logistic_use_dst_for_bwd, 0, 0},
    {TANH, false, 0, [](double x, double) { return std::tanh(x); },
     Slope::kOfOutput, [](double y, double) { return 1 - y * y; }, MinusTwice,
     dnnl_eltwise_tanh, dnnl_eltwise_tanh_use_dst_for_bwd, 0, 0},
    {SOFTPLUS, false, 0, [](double x, double) { return std::max(x, 0.0) + std::log1p(std::exp(-std::fabs(x))); },
     Slope::kOfInput, [](double x, double) { return Sigmoid(x); }, SoftplusCurvature,
     dnnl_eltwise_soft_relu, dnnl_eltwise_soft_relu, 0, 0},
    {GELU, false, 0, [](double x, double) { return x * NormalDistribution(x); },
     Slope::kOfInput, [](double x, double) { return NormalDistribution(x) + x * NormalDensity(x); }, GeluCurvature,
     dnnl_eltwise_gelu_erf, dnnl_eltwise_gelu_erf, 0, 0},
    {GELU_TANH, false, 0, [](double x, double) { return x * Sigmoid(GeluU(x)); },
     Slope::kOfInput, GeluTanhSlope, GeluTanhCurvature,
     dnnl_eltwise_gelu_tanh, dnnl_eltwise_gelu_tanh, 0, 0},
    {SWISH, true, 1, [](double x, double a) { return x * Sigmoid(a * x); },
     Slope::kOfInput, SwishSlope, SwishCurvature,
     dnnl_eltwise_swish, dnnl_eltwise_swish, 0, 0},
    {EXP, false, 0, [](double x, double) { return std::exp(x); },
     Slope::kOfOutput, [](double y, double) { return y; }, One,
     dnnl_eltwise_exp, dnnl_eltwise_exp_use_dst_for_bwd, 0, 0},
    {LOG, false, 0, [](double x, double) { return std::log(x); },
     Slope::kOfInput, [](double x, double) { return 1 / x; }, LogCurvature,
     dnnl_eltwise_log, dnnl_eltwise_log, 0, 0},
    {SQRT, false, 0, [](double x, double) { return std::sqrt(x); },
     Slope::kOfOutput, [](double y, double) { return 0.5 / y; }, SqrtCurvature,
     dnnl_eltwise_sqrt, dnnl_eltwise_sqrt_use_dst_for_bwd, 0, 0},
    {SQUARE, false, 0, [](double x, double) { return x * x; },
     Slope::kOfInput, [](double x, double) { return 2 * x; }, Two,
     dnnl_eltwise_square, dnnl_eltwise_square, 0, 0},
    {ABS, false, 0, [](double x, double) { return std::fabs(x); },
     Slope::kOfInput, [](double x, double) { return Sign(x); }, nullptr,
     dnnl_eltwise_abs, dnnl_eltwise_abs, 0, 0},
    {NEG, false, 0, [](double x, double) { return -x; },
     Slope::kLinear, nullptr, nullptr,
     dnnl_eltwise_linear, dnnl_alg_kind_undef, -1, 0},
    {RECIPROCAL, false, 0, [](double x, double) { return 1 / x; },
     Slope::kOfOutput, [](double y, double) { return -y * y; }, MinusTwice,
     dnnl_eltwise_pow, dnnl_alg_kind_undef, 1, -1},
    {SIGN, false, 0, [](double x, double) { return Sign(x); },
     Slope::kZero, nullptr, nullptr,
     dnnl_alg_kind_undef, dnnl_alg_kind_undef, 0, 0},
}};
// clang-format on

}  // namespace

const UnaryRow* FindUnary(UnaryFunction function) {
  auto row = std::find_if(kTable.begin(), kTable.end(), [&](const UnaryRow& r) { return r.function == function; });
  return row == kTable.end() ? nullptr : &*row;
}

}  // namespace gradus
