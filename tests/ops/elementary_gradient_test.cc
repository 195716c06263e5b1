// Gradients where differences of the reference cannot tell: among equal elements, and at a kink.
#include <vector>

#include "absl/status/statusor.h"
#include "graph/builtin_ops.h"
#include "graph/gradient.h"
#include "graph/reference.h"
#include "gtest/gtest.h"
#include "ops/binary.h"
#include "ops/reduce.h"
#include "ops/unary.h"
#include "tests/ops/op_cases.h"

namespace gradus {
namespace {

using Numbers = std::vector<double>;

// The gradients of sum(op(inputs)), where all inputs are f32[n].
std::vector<Numbers> Gradients(absl::string_view op, const Attrs& attrs, const std::vector<Numbers>& inputs) {
  Graph graph;
  std::vector<Value> values;
  ReferenceFeeds feeds;
  for (const Numbers& input : inputs) {
    const TensorType type = F32({static_cast<int64_t>(input.size())});
    values.push_back(*graph.Add({"Input", "x", {}, InputAttrs{type}, {}}));
    feeds[graph.node(values.back()).name] = {type.shape, input};
  }
  const Value y = *graph.Add({op, "y", values, attrs, {}});
  const auto gradients = AddGradients(&graph, {y}, {Value{}}, values);
  EXPECT_TRUE(gradients.ok()) << gradients.status();
  const auto evaluated = EvaluateReference(graph, *gradients, feeds);
  EXPECT_TRUE(evaluated.ok()) << evaluated.status();
  std::vector<Numbers> results;
  for (const ReferenceTensor& tensor : *evaluated) results.push_back(tensor.values);
  return results;
}

TEST(ReduceGradientTest, EqualMaximaShare) {
  EXPECT_EQ(Gradients("Reduce", ReduceAttrs{Reduce::MAX, {0}, false}, {{1, 3, 2, 3, 3, -3}})[0],
            (Numbers{0, 1.0 / 3, 0, 1.0 / 3, 1.0 / 3, 0}));
}

TEST(BinaryGradientTest, EqualElementsGetHalf) {
  for (Binary::Function extremum : {Binary::MAXIMUM, Binary::MINIMUM}) {
    const bool maximum = extremum == Binary::MAXIMUM;
    const std::vector<Numbers> gradients = Gradients("Binary", BinaryAttrs{extremum}, {{1, 2, 3}, {3, 2, 1}});
    EXPECT_EQ(gradients[0], (maximum ? Numbers{0, 0.5, 1} : Numbers{1, 0.5, 0}));
    EXPECT_EQ(gradients[1], (maximum ? Numbers{1, 0.5, 0} : Numbers{0, 0.5, 1}));
  }
}

TEST(UnaryGradientTest, AtAKink) {
  EXPECT_EQ(Gradients("Unary", UnaryWithDefaults(RELU), {{-1, 0, 1}})[0], (Numbers{0, 0, 1}));
  EXPECT_EQ(Gradients("Unary", UnaryWithDefaults(LEAKY_RELU), {{-1, 0, 1}})[0], (Numbers{0.01, 0.01, 1}));
  EXPECT_EQ(Gradients("Unary", UnaryWithDefaults(ABS), {{-1, 0, 1}})[0], (Numbers{-1, 0, 1}));
}

}  // namespace
}  // namespace gradus
