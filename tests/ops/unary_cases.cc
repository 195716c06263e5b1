#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "ops/unary.h"
#include "tests/ops/op_cases.h"

namespace gradus {
namespace {

struct FunctionDomain {
  UnaryFunction function;
  Domain x;
  Domain s;  // of what the slope is a function of
};

std::vector<FunctionDomain> AllFunctions() {
  const Domain real = Domain::Real(-3, 3), no_kink = Domain::AwayFrom({0}), positive = Domain::Positive();
  return {
      {RELU, no_kink, no_kink},
      {LEAKY_RELU, no_kink, no_kink},
      {ELU, no_kink, Domain::AwayFrom({0}, 0.05, -0.9, 2)},
      {SIGMOID, real, Domain::Real(0, 1)},
      {TANH, real, Domain::Real(-1, 1)},
      {SOFTPLUS, real, real},
      {GELU, real, real},
      {GELU_TANH, real, real},
      {SWISH, real, real},
      {EXP, real, positive},
      {LOG, positive, positive},
      {SQRT, positive, positive},
      {SQUARE, real, real},
      {ABS, no_kink, no_kink},
      {NEG, real, real},
      {RECIPROCAL, positive, positive},
      {SIGN, no_kink, no_kink},
  };
}

struct NamedType {
  const char* name;
  TensorType type;
};

std::vector<NamedType> AllTypes() {
  return {
      {"scalar", F32({})},
      {"one", F32({1})},
      {"batch_1", F32({1, 10})},
      {"channels_1", F32({2, 1, 5, 5})},
      {"channels_7", F32({2, 7, 3, 3})},
      {"channels_20", F32({3, 20, 2, 3})},
      {"sequence", F32({2, 5, 3})},
      {"volume", F32({1, 7, 2, 2, 2})},
      {"rank_12", F32({1, 2, 1, 1, 2, 1, 1, 3, 1, 1, 1, 2})},
      {"empty_batch", F32({0, 7, 3, 3})},
      {"empty_channels", F32({2, 0, 3, 3})},
  };
}

std::string NameOf(UnaryFunction function) { return absl::AsciiStrToLower(UnaryFunction_Name(function)); }

std::vector<OpCase> UnaryCases() {
  std::vector<OpCase> cases;
  for (const FunctionDomain& f : AllFunctions()) {
    cases.push_back({NameOf(f.function), {F32({2, 20, 3, 3})}, UnaryWithDefaults(f.function), {f.x}});
  }
  for (const NamedType& type : AllTypes()) {
    cases.push_back({absl::StrCat("relu_", type.name), {type.type}, UnaryAttrs{RELU, 0}, {Domain::AwayFrom({0})}});
    cases.push_back({absl::StrCat("exp_", type.name), {type.type}, UnaryAttrs{EXP, 0}});
  }
  cases.push_back({"leaky_relu_alpha", {F32({2, 7, 3, 3})}, UnaryAttrs{LEAKY_RELU, 0.3}, {Domain::AwayFrom({0})}});
  cases.push_back({"leaky_relu_alpha_0", {F32({2, 7})}, UnaryAttrs{LEAKY_RELU, 0}, {Domain::AwayFrom({0})}});
  cases.push_back({"elu_alpha", {F32({2, 7})}, UnaryAttrs{ELU, 0.7}, {Domain::AwayFrom({0})}});
  cases.push_back({"swish_alpha", {F32({2, 7})}, UnaryAttrs{SWISH, -1.5}});
  cases.push_back({"sigmoid_far", {F32({4, 10})}, UnaryAttrs{SIGMOID, 0}, {Domain::Real(-60, 60)}});
  cases.push_back({"softplus_far", {F32({4, 10})}, UnaryAttrs{SOFTPLUS, 0}, {Domain::Real(-60, 60)}});
  cases.push_back({"gelu_far", {F32({4, 10})}, UnaryAttrs{GELU, 0}, {Domain::Real(-60, 60)}});
  cases.push_back({"more_than_a_thread", {F32({3, 7, 64, 64})}, UnaryAttrs{TANH, 0}});
  return cases;
}

std::vector<OpCase> UnaryBackwardCases() {
  std::vector<OpCase> cases;
  for (const FunctionDomain& f : AllFunctions()) {
    if (FindUnary(f.function)->slope == nullptr) continue;
    const TensorType type = F32({2, 20, 3, 3});
    cases.push_back({NameOf(f.function), {type, type}, UnaryWithDefaults(f.function), {f.s}});
  }
  for (const NamedType& type : AllTypes()) {
    const std::vector<TensorType> inputs = {type.type, type.type};
    cases.push_back({absl::StrCat("relu_", type.name), inputs, UnaryAttrs{RELU, 0}, {Domain::AwayFrom({0})}});
    cases.push_back({absl::StrCat("sqrt_", type.name), inputs, UnaryAttrs{SQRT, 0}, {Domain::Positive()}});
  }
  cases.push_back(
      {"leaky_relu_alpha", {F32({2, 7}), F32({2, 7})}, UnaryAttrs{LEAKY_RELU, 0.3}, {Domain::AwayFrom({0})}});
  cases.push_back(
      {"elu_alpha", {F32({2, 7}), F32({2, 7})}, UnaryAttrs{ELU, 0.7}, {Domain::AwayFrom({0}, 0.05, -0.6, 2)}});
  cases.push_back({"swish_alpha", {F32({2, 7}), F32({2, 7})}, UnaryAttrs{SWISH, -1.5}});
  cases.push_back({"softplus_far", {F32({4, 9}), F32({4, 9})}, UnaryAttrs{SOFTPLUS, 0}, {Domain::Real(-60, 60)}});
  return cases;
}

std::vector<BadCase> UnaryBadCases() {
  return {
      {"labels", {I32({4})}, UnaryAttrs{RELU, 0}, "expected f32; got i32[4]"},
      {"bytes", {U8({2, 3})}, UnaryAttrs{EXP, 0}, "expected f32; got u8[2, 3]"},
      {"none", {F32({4})}, UnaryAttrs{NONE, 0}, "there is no function 0"},
      {"unknown", {F32({4})}, UnaryAttrs{static_cast<UnaryFunction>(99), 0}, "there is no function 99"},
  };
}

std::vector<BadCase> UnaryBackwardBadCases() {
  return {
      {"shapes",
       {F32({2, 3}), F32({3, 2})},
       UnaryAttrs{RELU, 0},
       "expected inputs of one shape, f32[2, 3]; got f32[3, 2]"},
      {"broadcast",
       {F32({2, 3}), F32({3})},
       UnaryAttrs{RELU, 0},
       "expected inputs of one shape, f32[2, 3]; got f32[3]"},
      {"labels", {F32({4}), I32({4})}, UnaryAttrs{RELU, 0}, "expected f32; got i32[4]"},
      {"sign", {F32({4}), F32({4})}, UnaryAttrs{SIGN, 0}, "SIGN has no backward operation"},
      {"large",
       {F32({int64_t{1} << 31}), F32({1, int64_t{1} << 31})},
       UnaryAttrs{RELU, 0},
       "expected inputs of one shape, f32[2147483648]; got f32[1, 2147483648]"},
  };
}

REGISTER_OP_CASES(Unary, UnaryCases(), UnaryBadCases());
REGISTER_OP_CASES(UnaryBackward, UnaryBackwardCases(), UnaryBackwardBadCases());

}  // namespace
}  // namespace gradus
