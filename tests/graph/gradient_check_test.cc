#include "graph/gradient_check.h"

#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "graph/builtin_ops.h"
#include "graph/op.h"
#include "gtest/gtest.h"

namespace gradus {
namespace {

using testing::HasSubstr;
using Types = std::vector<TensorType>;

// y = sum_i sin(a_i) b_i.
absl::StatusOr<Types> ScalarTypes(const TypeContext&) { return Types{{DType::kFloat32, Shape()}}; }
absl::StatusOr<Types> SecondTypes(const TypeContext& context) { return Types{context.input(1)}; }

absl::Status SineProductReference(ReferenceContext& context) {
  for (size_t i = 0; i < context.in(0).size(); ++i) {
    context.out(0)[0] += std::sin(context.in(0)[i]) * context.in(1)[i];
  }
  return absl::OkStatus();
}

// ToyScaledCosine(g, a, b) = g cos(a) b and ToyScaledSine(g, a) = g sin(a) for a scalar g.
absl::Status ScaledCosineReference(ReferenceContext& context) {
  for (size_t i = 0; i < context.in(1).size(); ++i) {
    context.out(0)[i] = context.in(0)[0] * std::cos(context.in(1)[i]) * context.in(2)[i];
  }
  return absl::OkStatus();
}
absl::Status ScaledSineReference(ReferenceContext& context) {
  for (size_t i = 0; i < context.in(1).size(); ++i) context.out(0)[i] = context.in(0)[0] * std::sin(context.in(1)[i]);
  return absl::OkStatus();
}

// da = dy cos(a) b, db = dy sin(a)
absl::Status SineProductGradient(GradientContext& context) {
  if (context.wants(0)) {
    context.Set(0, context.Call("ToyScaledCosine", {context.dy(0), context.input(0), context.input(1)}));
  }
  if (context.wants(1)) context.Set(1, context.Call("ToyScaledSine", {context.dy(0), context.input(0)}));
  return absl::OkStatus();
}

REGISTER_OP(ToySineProduct).Inputs(2).Types(ScalarTypes).Gradient(SineProductGradient);
REGISTER_REFERENCE(ToySineProduct, SineProductReference);
REGISTER_OP(ToyScaledCosine).Inputs(3).Types(SecondTypes).NoGradient("a toy");
REGISTER_REFERENCE(ToyScaledCosine, ScaledCosineReference);
REGISTER_OP(ToyScaledSine).Inputs(2).Types(SecondTypes).NoGradient("a toy");
REGISTER_REFERENCE(ToyScaledSine, ScaledSineReference);

// y = sum of |x|, whose kinks are at 0.
absl::Status AbsoluteReference(ReferenceContext& context) {
  for (double x : context.in(0)) context.out(0)[0] += std::abs(x);
  return absl::OkStatus();
}
absl::Status AbsoluteGradient(GradientContext& context) {
  context.Set(0, context.Call("ToySign", {context.dy(0), context.input(0)}));
  return absl::OkStatus();
}
absl::Status SignReference(ReferenceContext& context) {
  for (size_t i = 0; i < context.in(1).size(); ++i) {
    context.out(0)[i] = context.in(1)[i] > 0 ? context.in(0)[0] : -context.in(0)[0];
  }
  return absl::OkStatus();
}
REGISTER_OP(ToyAbsolute).Inputs(1).Types(ScalarTypes).Gradient(AbsoluteGradient);
REGISTER_REFERENCE(ToyAbsolute, AbsoluteReference);
REGISTER_OP(ToySign).Inputs(2).Types(SecondTypes).NoGradient("a toy");
REGISTER_REFERENCE(ToySign, SignReference);

REGISTER_REFERENCE(Fill, [](ReferenceContext& context) {
  for (double& value : context.out(0)) value = context.attrs<FillAttrs>().value;
  return absl::OkStatus();
});

// A graph of a variable and an input with a hundred numbers each.
class GradientCheckTest : public testing::Test {
 protected:
  GradientCheckTest() {
    const TensorType type{DType::kFloat32, Shape({4, 25})};
    Variable variable;
    variable.name = "dense/weights";
    variable.type = type;
    a_ = *graph_.AddVariable(variable);
    b_ = *graph_.Add({"Input", "image", {}, InputAttrs{type}, {}});
    feeds_["dense/weights"] = Numbers(type.shape, 0.37);
    feeds_["image"] = Numbers(type.shape, 0.71);
  }

  static ReferenceTensor Numbers(const Shape& shape, double factor) {
    ReferenceTensor tensor{shape, std::vector<double>(shape.num_elements())};
    for (size_t i = 0; i < tensor.values.size(); ++i)
      tensor.values[i] = std::sin(factor * (static_cast<double>(i) + 1));
    return tensor;
  }

  Value AddNode(absl::string_view op, std::vector<Value> inputs) {
    return *graph_.Add({op, "loss", std::move(inputs), {}, {}});
  }

  Graph graph_;
  Value a_, b_;
  ReferenceFeeds feeds_;
};

TEST_F(GradientCheckTest, ARightRulePasses) {
  const Value y = AddNode("ToySineProduct", {a_, b_});
  const auto report = CheckGradients(&graph_, {y}, {Value{}}, {a_, b_}, feeds_);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_TRUE(report->ok()) << report->ToString();
  ASSERT_EQ(report->tensors.size(), 2u);
  EXPECT_EQ(report->tensors[0].name, "dense/weights");
  EXPECT_EQ(report->tensors[0].probes, 21);
  EXPECT_EQ(report->tensors[1].name, "image");
  EXPECT_LT(report->worst_error(), 1e-8);
}

TEST_F(GradientCheckTest, AWrongRuleIsReportedWithItsNumbers) {
  const Value y = AddNode("ToySineProduct", {a_, b_});
  GradientCheckOptions options;
  options.gradient.overrides["ToySineProduct"] = [](GradientContext& context) {
    context.Set(0, context.Call("ToyScaledCosine", {context.dy(0), context.input(0), context.input(1)}));
    context.Set(1, context.Call("ToyScaledSine", {context.dy(0), context.input(1)}));  // of the wrong input
    return absl::OkStatus();
  };
  const auto report = CheckGradients(&graph_, {y}, {Value{}}, {a_, b_}, feeds_, options);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_FALSE(report->ok());
  EXPECT_LT(report->tensors[0].worst.error, 1e-8);
  const TensorGradientCheck& wrong = report->tensors[1];
  EXPECT_GT(wrong.worst.error, 0.1);
  ASSERT_GE(wrong.worst.element, 0);
  EXPECT_NEAR(wrong.worst.analytic, std::sin(feeds_["image"].values[wrong.worst.element]), 1e-12);
  EXPECT_NEAR(wrong.worst.numeric, std::sin(feeds_["dense/weights"].values[wrong.worst.element]), 1e-9);
  EXPECT_THAT(report->ToString(), HasSubstr("image [4, 25]: 21 compared, worst "));
}

// A third of the elements is within reach of a kink.
TEST_F(GradientCheckTest, KinksAreLeftOut) {
  const Value y = AddNode("ToyAbsolute", {b_});
  std::vector<double>& values = feeds_["image"].values;
  for (size_t i = 0; i < values.size(); ++i) values[i] = i % 3 == 0 ? 1e-9 * static_cast<double>(i + 1) : 1.0;
  const auto report = CheckGradients(&graph_, {y}, {Value{}}, {b_}, feeds_);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_TRUE(report->ok()) << report->ToString();
  EXPECT_GT(report->tensors[0].kinks, 0);
  EXPECT_GE(report->tensors[0].probes, 20);
}

// A kink explains only what it can: the rule is wrong by a factor everywhere.
TEST_F(GradientCheckTest, NearKinksAWrongRuleIsStillWrong) {
  const Value y = AddNode("ToyAbsolute", {b_});
  std::vector<double>& values = feeds_["image"].values;
  for (size_t i = 0; i < values.size(); ++i) values[i] = 0.001;
  GradientCheckOptions options;
  options.gradient.overrides["ToyAbsolute"] = [](GradientContext& context) {
    const Value once = context.Call("ToySign", {context.dy(0), context.input(0)});
    context.Set(0, context.Call("ToyScaledCosine", {context.dy(0), context.input(0), once}));  // times cos(0.001)
    return absl::OkStatus();
  };
  options.tolerance = 1e-7;
  const auto report = CheckGradients(&graph_, {y}, {Value{}}, {b_}, feeds_, options);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_FALSE(report->ok()) << report->ToString();
}

TEST_F(GradientCheckTest, ZeroGradientsAreFine) {
  const Value y = AddNode("ToyAbsolute", {a_});
  const auto report = CheckGradients(&graph_, {y}, {Value{}}, {a_, b_}, feeds_);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_TRUE(report->ok()) << report->ToString();
}

TEST_F(GradientCheckTest, MissingFeedsAreErrors) {
  const Value y = AddNode("ToySineProduct", {a_, b_});
  feeds_.erase("image");
  const auto report = CheckGradients(&graph_, {y}, {Value{}}, {a_}, feeds_);
  EXPECT_THAT(std::string(report.status().message()), HasSubstr("nothing is fed for input 'image'"));
}

}  // namespace
}  // namespace gradus
