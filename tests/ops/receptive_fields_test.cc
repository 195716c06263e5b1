// What the analysis says that units see, against what changes when one element of the input does.
#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "graph/load_model.h"
#include "graph/lower.h"
#include "graph/receptive_field.h"
#include "graph/reference.h"
#include "gtest/gtest.h"

namespace gradus {
namespace {

// A model of one spatial dimension whose input is "x".
struct Case {
  const char* name;
  const char* layers;
  // Of the output: size, stride and offset. A size of -1: everything.
  double size, stride, offset;
};

constexpr int kLength = 24;

const Case kCases[] = {
    {"conv", "layer { name: 'a' conv { filters: 1 kernel: 5 } }", 5, 1, 2},
    {"two", "layer { name: 'a' conv { filters: 1 kernel: 3 } } layer { name: 'b' conv { filters: 1 kernel: 3 } }", 5, 1,
     2},
    {"padded", "layer { name: 'a' conv { filters: 2 kernel: 7 stride: 2 pad: 3 } }", 7, 2, 0},
    {"dilated",
     "layer { name: 'a' conv { filters: 1 kernel: 3 dilation: 3 } } layer { name: 'b' conv { filters: 1 kernel: 2 } }",
     8, 1, 3.5},
    {"pooled",
     "layer { name: 'a' conv { filters: 1 kernel: 5 } } layer { name: 'p' pool { kernel: 2 } } "
     "layer { name: 'b' conv { filters: 1 kernel: 5 } } layer { name: 'q' pool { kind: AVERAGE kernel: 2 } }",
     16, 4, 7.5},
    {"im2col_hides_its_window", "layer { name: 'a' conv { filters: 1 kernel: 5 algorithm: IM2COL } }", -1, 24, 11.5},
    {"branches",
     "layer { name: 'c' concat { branch {} branch { layer { name: 'a' conv { filters: 1 kernel: 3 padding: SAME } } } "
     "branch { layer { name: 'b' conv { filters: 1 kernel: 5 padding: SAME } } } } }",
     5, 1, 0},
    {"residual",
     "layer { name: 'r' residual { layer { name: 'a' conv { filters: 1 kernel: 3 stride: 2 padding: SAME } } } }", 3, 2,
     0},
    {"shortcut_without_parameters",
     "layer { name: 'r' residual { shortcut: PAD layer { name: 'a' conv { filters: 3 kernel: 3 stride: 2 "
     "padding: SAME } } } }",
     3, 2, 0},
    {"one_sided", "layer { name: 'a' conv { filters: 1 kernel: 3 pad: [2, 0] } }", 3, 1, -1},
    {"cut", "layer { name: 's' slice { axis: 2 begin: 4 } } layer { name: 'a' conv { filters: 1 kernel: 3 } }", 3, 1,
     5},
    {"padding_layer",
     "layer { name: 's' pad { axis: 2 before: 2 after: 1 } } layer { name: 'a' conv { filters: 1 kernel: 3 } }", 3, 1,
     -1},
    {"elementwise", "layer { name: 'a' lrn {} } layer { name: 'b' unary { function: TANH } }", 1, 1, 0},
    {"global", "layer { name: 'p' pool { kind: AVERAGE global: true } }", -1, 24, 11.5},
    {"gate",  // a map times what a pooling of all of it gives
     "layer { name: 'p' pool { kind: AVERAGE global: true } } "
     "layer { name: 'g' input: ['x', 'p'] binary { function: MULTIPLY } }",
     -1, 24, 11.5},
    {"dense", "layer { name: 'd' dense { units: 3 } }", -1, 24, 11.5},
    {"softmax_over_places", "layer { name: 's' softmax { axis: 2 } }", -1, 24, 11.5},
    {"softmax_over_channels", "layer { name: 's' softmax { axis: 1 } }", 1, 1, 0},
    {"mean_of_channels", "layer { name: 'm' reduce { function: MEAN axes: 1 keep_dims: true } }", 1, 1, 0},
    {"transposed",  // what was places are features
     "layer { name: 't' transpose { permutation: [0, 2, 1] } } layer { name: 'd' dense { units: 3 flatten: false } }",
     1, 1, 0},
    {"dense_at_each_place",  // examples and places are one axis in between
     "layer { name: 't' transpose { permutation: [0, 2, 1] } } layer { name: 'a' dense { units: 3 flatten: false } } "
     "layer { name: 'u' transpose { permutation: [0, 2, 1] } } layer { name: 'b' conv { filters: 1 kernel: 3 } }",
     3, 1, 1},
    {"conv_transpose", "layer { name: 'a' conv_transpose { filters: 1 kernel: 4 stride: 2 pad: 1 } }", 2, 0.5, -0.25},
    {"conv_transpose_without_overlap", "layer { name: 'a' conv_transpose { filters: 1 kernel: 2 stride: 2 } }", 1, 0.5,
     -0.25},
    {"there_and_back",
     "layer { name: 'p' pool { kernel: 2 } } layer { name: 'a' conv_transpose { filters: 1 kernel: 2 stride: 2 } }", 2,
     1, 0},
    {"nearest", "layer { name: 'z' resize { scale: 2 method: NEAREST } }", 1, 0.5, -0.25},
    {"bilinear", "layer { name: 'z' resize { scale: 2 method: BILINEAR } }", 2, 0.5, -0.25},
    {"unpooled",
     "layer { name: 'p' pool { kernel: 2 } } layer { name: 'u' input: ['p', 'p.switches'] unpool {} } "
     "layer { name: 'a' conv { filters: 1 kernel: 3 } }",
     4, 1, 1},
};

class ReceptiveFieldTest : public testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    const std::string text =
        std::string("input { name: 'x' dims: [2, 24] } defaults { conv { weights_init { constant { value: 1 } } } } ") +
        GetParam().layers;
    const absl::StatusOr<LoadedModel> model = LoadModelText(text, "m");
    ASSERT_TRUE(model.ok()) << model.status();
    absl::StatusOr<Network> network = Lower(model->model, LowerOptions());
    ASSERT_TRUE(network.ok()) << network.status();
    network_ = *std::move(network);
    output_ = network_.outputs[0].value;
    const auto fields = ReceptiveFields(network_.graph, network_.inputs[0].value);
    ASSERT_TRUE(fields[output_.node].has_value());
    field_ = (*fields[output_.node])[2];
  }

  // The output for an input of small numbers with 10 more at one place of both channels.
  std::vector<double> Output(int changed) {
    ReferenceFeeds feeds;
    for (const Node& node : network_.graph.nodes()) {
      if (node.op->name() != "Input" && node.op->name() != "Variable") continue;
      feeds[node.name].shape = node.outputs[0].shape;
      std::vector<double>& values = feeds[node.name].values;
      for (int64_t i = 0; i < node.outputs[0].shape.num_elements(); ++i) {
        values.push_back(node.op->name() == "Variable" ? 1 : 0.01 * static_cast<double>(i * 7 % 13));
        if (node.op->name() == "Input" && i % kLength == changed) values.back() += 10;
      }
    }
    const auto values = EvaluateReference(network_.graph, {output_}, feeds);
    EXPECT_TRUE(values.ok()) << values.status();
    return values.ok() ? values->front().values : std::vector<double>();
  }

  Network network_;
  Value output_;
  AxisField field_;
};

TEST_P(ReceptiveFieldTest, HasItsExtent) {
  const FieldExtent extent = ExtentOf(field_, kLength);
  EXPECT_EQ(field_.whole(), GetParam().size < 0);
  EXPECT_EQ(extent.size, GetParam().size < 0 ? kLength : GetParam().size);
  EXPECT_EQ(extent.stride, GetParam().stride);
  EXPECT_EQ(extent.offset, GetParam().offset);
}

TEST_P(ReceptiveFieldTest, UnitsChangeWithWhatTheySee) {
  if (field_.whole()) return;
  const Shape& shape = network_.graph.type(output_).shape;
  const std::vector<double> before = Output(-1);
  std::vector<int> first(shape[field_.axis], kLength), last(first.size(), -1);
  for (int i = 0; i < kLength; ++i) {
    const std::vector<double> after = Output(i);
    std::vector<bool> sees(first.size(), false);
    const int64_t inner = shape.ElementsBetween(field_.axis + 1, shape.rank());
    for (size_t k = 0; k < after.size(); ++k) {
      if (after[k] != before[k]) sees[static_cast<int64_t>(k) / inner % shape[field_.axis]] = true;
    }
    for (size_t o = 0; o < first.size(); ++o) {
      if (!sees[o]) continue;
      first[o] = std::min(first[o], i), last[o] = std::max(last[o], i);
      const double at = static_cast<double>(o) * field_.stride;
      // Fields between elements are those of a unit that sees the nearest ones.
      EXPECT_GE(i, std::floor(field_.first + at)) << o;
      EXPECT_LE(i, std::ceil(field_.last + at)) << o;
    }
  }
  int widest = 0;
  for (size_t o = 0; o < first.size(); ++o) widest = std::max(widest, last[o] - first[o] + 1);
  EXPECT_EQ(widest, GetParam().size);
}

TEST(ReceptiveFieldsTest, AreThoseOfOneExample) {
  const absl::StatusOr<LoadedModel> model =
      LoadModelText("input { name: 'x' dims: [4, 3] } layer { name: 'd' dense { units: 2 flatten: false } }", "m");
  ASSERT_TRUE(model.ok()) << model.status();
  LowerOptions options;
  options.batch = 2;
  const absl::StatusOr<Network> network = Lower(model->model, options);
  ASSERT_TRUE(network.ok()) << network.status();
  EXPECT_DEATH(ReceptiveFields(network->graph, network->inputs[0].value), "shape\\[0\\] == 1");
}

INSTANTIATE_TEST_SUITE_P(All, ReceptiveFieldTest, testing::ValuesIn(kCases),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace gradus
