// The checks of operations find mistakes that are planted in toy operations, and none in a right one.
#include "tests/testlib/op_checks.h"

#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gmock/gmock.h"
#include "graph/gradient.h"
#include "graph/kernel.h"
#include "graph/reference.h"
#include "gtest/gtest.h"

namespace gradus {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

// y = factor * x * x, and what is wrong with it.
struct ToyAttrs {
  double factor = 1;
  double gradient_factor = 2;  // right is 2
  enum Kernel {
    kRight,
    kWrongElement,   // the last one
    kUnwritten,      // the first one
    kDirtyPadding,   // computes on padding, with f(0) = 1
    kBeyondEnd,      // writes one element too many
    kNotRepeatable,  // depends on rubbish in scratch
    kNotInPlace,     // reads an input after writing over it
    kChangesInput,
    kNoCandidate,
    kSecondCandidate  // the first is right
  } kernel = kRight;
  template <typename F>
  void ForEach(F&& field) const {
    field("factor", factor);
    field("gradient_factor", gradient_factor);
    field("kernel", kernel);
  }
};

absl::StatusOr<std::vector<TensorType>> ToyTypes(const TypeContext& context) {
  if (context.input(0).dtype != DType::kFloat32) {
    return absl::InvalidArgumentError(absl::StrCat("expected f32; got ", context.input(0).ToString()));
  }
  return std::vector<TensorType>{context.input(0)};
}

// dx = 2 factor x dy, as ToyScaled(x, dy) = gradient_factor * factor * x * dy.
absl::Status ToyGradient(GradientContext& context) {
  context.Set(0, context.Call("ToyScaled", {context.input(0), context.dy(0)}, context.attrs<ToyAttrs>()));
  return absl::OkStatus();
}

absl::Status ToyReference(ReferenceContext& context) {
  for (size_t i = 0; i < context.in(0).size(); ++i) {
    context.out(0)[i] = context.attrs<ToyAttrs>().factor * context.in(0)[i] * context.in(0)[i];
  }
  return absl::OkStatus();
}

absl::Status ToyScaledReference(ReferenceContext& context) {
  const auto& attrs = context.attrs<ToyAttrs>();
  for (size_t i = 0; i < context.in(0).size(); ++i) {
    context.out(0)[i] = attrs.gradient_factor * attrs.factor * context.in(0)[i] * context.in(1)[i];
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<Candidate>> ToyCandidates(const KernelContext& context) {
  const auto attrs = context.attrs<ToyAttrs>();
  const Layout layout = context.inputs[0];
  const int64_t n = layout.stored_elements();
  auto candidate = [&](ToyAttrs::Kernel kind, std::string name) {
    auto run = [=](const Buffers& buffers) {
      const float* x = buffers.in<float>(0);
      float* y = buffers.out<float>(0);
      const float first = n > 0 ? x[0] : 0;
      const int64_t begin = kind == ToyAttrs::kUnwritten ? 1 : 0;
      for (int64_t i = begin; i < n; ++i) y[i] = static_cast<float>(attrs.factor) * x[i] * x[i];
      if (kind == ToyAttrs::kWrongElement && n > 0) y[n - 1] += 0.5f;
      if (kind == ToyAttrs::kDirtyPadding) {
        for (int64_t i = 0; i < n; ++i) y[i] = x[i] == 0 ? 1 : y[i];
      }
      if (kind == ToyAttrs::kBeyondEnd) y[n] = 0;
      if (kind == ToyAttrs::kNotRepeatable && n > 0) {
        y[0] += static_cast<const uint8_t*>(buffers.scratch)[0] == 0xFF ? 0 : 1e-6f;
      }
      if (kind == ToyAttrs::kNotInPlace && n > 0) y[0] += x[0] - first;
      if (kind == ToyAttrs::kChangesInput && n > 0) const_cast<float*>(x)[0] = 0;
      return absl::OkStatus();
    };
    return FunctionCandidate(std::move(name), {layout}, {layout}, run, 4);
  };
  std::vector<Candidate> candidates;
  if (attrs.kernel == ToyAttrs::kNoCandidate) return candidates;
  if (attrs.kernel == ToyAttrs::kSecondCandidate) {
    candidates.push_back(candidate(ToyAttrs::kRight, "toy:right"));
    candidates.push_back(candidate(ToyAttrs::kWrongElement, "toy:wrong"));
  } else {
    candidates.push_back(candidate(attrs.kernel, "toy"));
  }
  return candidates;
}

REGISTER_OP(Toy).Inputs(1).Types(ToyTypes).Gradient(ToyGradient).InPlace(0, 0);
REGISTER_REFERENCE(Toy, ToyReference);
REGISTER_KERNEL(Toy, ToyCandidates);

REGISTER_OP(ToyScaled).Inputs(2).Types(SameAsInput).NoGradient("a toy");
REGISTER_REFERENCE(ToyScaled, ToyScaledReference);

REGISTER_OP(ToyBare).Inputs(1).Types(SameAsInput);

// |x|, whose rule is right but for 0.
absl::Status KinkedReference(ReferenceContext& context) {
  for (size_t i = 0; i < context.in(0).size(); ++i) context.out(0)[i] = std::abs(context.in(0)[i]);
  return absl::OkStatus();
}
absl::Status SignReference(ReferenceContext& context) {
  for (size_t i = 0; i < context.in(0).size(); ++i) {
    context.out(0)[i] = std::copysign(context.in(1)[i], context.in(0)[i] * context.in(1)[i]);
  }
  return absl::OkStatus();
}
absl::Status KinkedGradient(GradientContext& context) {
  context.Set(0, context.Call("ToySign", {context.input(0), context.dy(0)}));
  return absl::OkStatus();
}
REGISTER_OP(ToyKinked).Inputs(1).Types(SameAsInput).Gradient(KinkedGradient);
REGISTER_REFERENCE(ToyKinked, KinkedReference);
REGISTER_OP(ToySign).Inputs(2).Types(SameAsInput).NoGradient("a toy");
REGISTER_REFERENCE(ToySign, SignReference);

const OpDef& Op(const std::string& name) { return *OpRegistry::Get().Find(name); }

OpCase ToyCase(ToyAttrs attrs) { return OpCase{"channels_20", {F32({2, 20, 3, 3})}, attrs, {Domain::Positive()}}; }

std::string Join(const Failures& failures) { return absl::StrJoin(failures, "\n"); }

TEST(OpChecksTest, ARightOperationPasses) {
  const OpCase one = ToyCase({});
  EXPECT_THAT(CheckTypes(Op("Toy"), one), IsEmpty());
  EXPECT_THAT(CheckGradient(Op("Toy"), one), IsEmpty());
  EXPECT_THAT(CheckKernel(Op("Toy"), one), IsEmpty());
  EXPECT_THAT(CheckOddShapes(Op("Toy"), one), IsEmpty());
}

TEST(OpChecksTest, AWrongGradientIsFound) {
  ToyAttrs attrs;
  attrs.gradient_factor = 2.00001;
  const std::string found = Join(CheckGradient(Op("Toy"), ToyCase(attrs)));
  EXPECT_THAT(found, HasSubstr("Toy case 'channels_20': Toy(f32[2, 20, 3, 3])"));
  EXPECT_THAT(found, HasSubstr("the gradient is wrong"));
  EXPECT_THAT(found, HasSubstr("relative error 5e-06"));
}

TEST(OpChecksTest, WrongKernelsAreFound) {
  const std::pair<ToyAttrs::Kernel, std::string> expectations[] = {
      {ToyAttrs::kWrongElement, "1 of 360 elements are wrong, most of all 359 = [1, 19, 2, 2]"},
      {ToyAttrs::kUnwritten, "element"},
      {ToyAttrs::kDirtyPadding, "padding at stored element"},
      {ToyAttrs::kBeyondEnd, "writes outside the buffer of output 0"},
      {ToyAttrs::kNotRepeatable, "a second run gives other bytes of output 0"},
      {ToyAttrs::kNotInPlace, "output 0 in the memory of input 0 gives other bytes"},
      {ToyAttrs::kChangesInput, "writes to input 0"},
      {ToyAttrs::kNoCandidate, "the factory gives no candidate"},
      {ToyAttrs::kSecondCandidate, "toy:wrong"},
  };
  for (const auto& [kernel, message] : expectations) {
    ToyAttrs attrs;
    attrs.factor = 0.75;
    attrs.kernel = kernel;
    EXPECT_THAT(Join(CheckKernel(Op("Toy"), ToyCase(attrs))), HasSubstr(message)) << message;
  }
}

TEST(OpChecksTest, KernelFailuresNameSettingAndImplementation) {
  ToyAttrs attrs;
  attrs.kernel = ToyAttrs::kDirtyPadding;
  const Failures found = CheckKernel(Op("Toy"), ToyCase(attrs));
  EXPECT_THAT(Join(found), HasSubstr("(blocks of 16, 2 threads), toy: output 0 f32[2, 20, 3, 3] in aBcd16b"));
  EXPECT_THAT(Join(found), Not(HasSubstr("(plain)")));  // which has no padding
}

TEST(OpChecksTest, KinksAreLeftOutNotBlamed) {
  OpCase one{"some_zeros", {F32({2, 3})}, {}, {Domain::Values({0, 1, -1, 2, -2, 3})}};
  EXPECT_THAT(CheckGradient(Op("ToyKinked"), one), IsEmpty());
  one.domains = {Domain::Values({0})};
  EXPECT_THAT(Join(CheckGradient(Op("ToyKinked"), one)), HasSubstr("nothing compared"));
}

TEST(OpChecksTest, MissingRegistrationsAreFound) {
  const OpCase four{"rank_4", {F32({1, 7, 2, 2})}};
  const std::string found = Join(CheckRegistration(Op("ToyBare"), {four, four}, {}));
  for (const char* part :
       {"ToyBare has neither a gradient nor a reason for none", "ToyBare has no reference", "ToyBare has no kernel",
        "ToyBare has 2 good cases; expected 10 or more", "ToyBare has 0 bad cases; expected 3 or more",
        "ToyBare has two cases called 'rank_4'", "none with 1 channels", "none with 20 channels"}) {
    EXPECT_THAT(found, HasSubstr(part));
  }
  EXPECT_THAT(found, Not(HasSubstr("none with 7 channels")));
}

TEST(OpChecksTest, RefusalsNeedTheirMessage) {
  EXPECT_THAT(CheckRefused(Op("Toy"), {"labels", {I32({3})}, ToyAttrs{}, "expected f32; got i32[3]"}), IsEmpty());
  EXPECT_THAT(CheckRefused(Op("Toy"), {"labels", {I32({3})}, ToyAttrs{}, "expected f16"}),
              ElementsAre(HasSubstr("expected f32; got i32[3]\nexpected\n  expected f16")));
  EXPECT_THAT(CheckRefused(Op("Toy"), {"floats", {F32({3})}, ToyAttrs{}, "anything"}),
              ElementsAre(HasSubstr("accepted as")));
}

}  // namespace
}  // namespace gradus
