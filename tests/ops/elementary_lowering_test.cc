// Layers of the elementary operations: the graphs that they become, and errors at their fields.
#include <google/protobuf/text_format.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "graph/builtin_ops.h"
#include "graph/layer.h"
#include "gtest/gtest.h"
#include "ops/unary.h"
#include "proto/model.pb.h"
#include "tests/ops/op_cases.h"

namespace gradus {
namespace {

// The node that a layer ends in, without its number and name: "Unary(%0) {...} : f32[2]"; or the error, which begins
// with the field at fault ("axes[1]: ..."), or with "layer".
template <typename Message>
std::string Lowered(const std::string& text, const std::vector<TensorType>& types) {
  Message message;
  if (!google::protobuf::TextFormat::ParseFromString(text, &message)) return "no message";
  Graph graph;
  std::vector<Value> inputs;
  for (const TensorType& type : types) inputs.push_back(*graph.Add({"Input", "x", {}, InputAttrs{type}, {}}));
  const auto place = [](absl::string_view field) {
    return SourceLocation{std::make_shared<std::string>(field.empty() ? "layer" : std::string(field)), 0, 0, nullptr};
  };
  LayerContext context(&graph, Mode::kTrain, "name", &message, inputs, Value{}, place(""), place);
  const LayerEntry* entry = Registry<LayerEntry>::Get().Find(message.GetTypeName());
  if (entry == nullptr) return "no layer";
  const absl::StatusOr<Value> value = entry->lower(context);
  if (!value.ok()) return std::string(value.status().message());
  const Node& node = graph.node(*value);
  return absl::StrCat(node.op->name(), " ", node.attrs.text(), " : ", graph.type(*value).ToString());
}

TEST(UnaryLayerTest, TakesDefaults) {
  EXPECT_EQ(Lowered<Unary>("function: RELU", {F32({2})}), "Unary function='RELU' alpha=0 : f32[2]");
  EXPECT_EQ(Lowered<Unary>("function: ELU", {F32({2})}), "Unary function='ELU' alpha=1 : f32[2]");
  EXPECT_EQ(Lowered<Unary>("function: SWISH alpha: 2", {F32({2})}), "Unary function='SWISH' alpha=2 : f32[2]");
}

TEST(UnaryLayerTest, NoneIsNoNode) {
  EXPECT_EQ(Lowered<Unary>("function: NONE", {F32({2})}), "Input type=f32[2] : f32[2]");
}

TEST(UnaryLayerTest, SaysWhatIsWrong) {
  EXPECT_EQ(Lowered<Unary>("", {F32({2})}), "layer: 'name': needs a function");
  EXPECT_EQ(Lowered<Unary>("function: TANH alpha: 1", {F32({2})}), "alpha: 'name': TANH has no alpha");
  EXPECT_EQ(Lowered<Unary>("function: LEAKY_RELU alpha: -0.5", {F32({2})}),
            "alpha: 'name': alpha must be 0 or more; it is -0.5");
  EXPECT_EQ(Lowered<Unary>("function: SWISH alpha: inf", {F32({2})}), "alpha: 'name': alpha must be finite; it is inf");
  EXPECT_EQ(Lowered<Unary>("function: RELU", {}), "layer: 'name': takes 1 input; it has 0");
}

TEST(FillLayerTest, TakesTheBatchFromItsInput) {
  EXPECT_EQ(Lowered<Fill>("value: 2", {F32({5, 3})}), "Fill type=f32[5, 3] value=2 : f32[5, 3]");
  EXPECT_EQ(Lowered<Fill>("dims: [4, 2]", {F32({5, 3})}), "Fill type=f32[5, 4, 2] value=0 : f32[5, 4, 2]");
  EXPECT_EQ(Lowered<Fill>("dims: -1", {F32({5})}), "dims: 'name': dims: shape [5, -1] has a negative dimension");
  EXPECT_EQ(Lowered<Fill>("value: 1e39", {F32({5})}),
            "value: 'name': value is 1e+39; it must be a number from -3.40282e+38 to 3.40282e+38");
  EXPECT_EQ(Lowered<Fill>("value: nan", {F32({5})}),
            "value: 'name': value is nan; it must be a number from -3.40282e+38 to 3.40282e+38");
  EXPECT_EQ(Lowered<Fill>("dims: 4", {F32({})}),
            "layer: 'name': takes the batch's size from its input, which is a single number for all examples");
}

TEST(CarriedLayerTest, SaysWhatIsWrong) {
  EXPECT_EQ(Lowered<Carried>("dims: 2", {F32({5}), F32({5})}), "layer: 'name': takes 1 input; it has 2");
  EXPECT_EQ(
      Lowered<CarryOn>("", {F32({5}), F32({5})}),
      "layer: 'name': the first input has to be a layer `carried {}`, the second what the next batch finds there");
}

TEST(ActivationTest, NoneIsTheValueItself) {
  Graph graph;
  const Value x = *graph.Add({"Input", "x", {}, InputAttrs{F32({2})}, {}});
  LayerContext context(&graph, Mode::kTrain, "conv1", nullptr, {x}, Value{}, {}, nullptr);
  EXPECT_EQ(*AddActivation(context, x, NONE), x);
  const absl::StatusOr<Value> y = AddActivation(context, x, LEAKY_RELU);
  ASSERT_TRUE(y.ok());
  EXPECT_EQ(graph.node(*y).name, "conv1/activation");
  EXPECT_EQ(graph.node(*y).attrs, Attrs(UnaryAttrs{LEAKY_RELU, 0.01}));
}

TEST(BinaryLayerTest, Broadcasts) {
  EXPECT_EQ(Lowered<Binary>("function: DIVIDE", {F32({2, 7}), F32({7})}), "Binary function='DIVIDE' : f32[2, 7]");
}

TEST(BinaryLayerTest, SaysWhatIsWrong) {
  EXPECT_EQ(Lowered<Binary>("", {F32({2}), F32({2})}), "layer: 'name': needs a function");
  EXPECT_EQ(Lowered<Binary>("function: ADD", {F32({2}), F32({3})}),
            "layer: 'name': shapes [2] and [3] do not broadcast to each other");
  EXPECT_EQ(Lowered<Binary>("function: ADD", {F32({2})}), "layer: 'name': takes 2 inputs; it has 1");
}

TEST(ReduceLayerTest, ResolvesAxes) {
  EXPECT_EQ(Lowered<Reduce>("function: MEAN", {F32({2, 7, 3})}),
            "Reduce function='MEAN' axes=[1, 2] keep_dims=false : f32[2]");
  EXPECT_EQ(Lowered<Reduce>("function: MAX axes: [-1, 1] keep_dims: true", {F32({2, 7, 3})}),
            "Reduce function='MAX' axes=[1, 2] keep_dims=true : f32[2, 1, 1]");
}

TEST(ReduceLayerTest, SaysWhatIsWrong) {
  EXPECT_EQ(Lowered<Reduce>("", {F32({2, 7})}), "layer: 'name': needs a function");
  EXPECT_EQ(Lowered<Reduce>("function: SUM axes: [0, 2]", {F32({2, 7})}),
            "axes[1]: 'name': axis 2 is outside f32[2, 7]");
  EXPECT_EQ(Lowered<Reduce>("function: SUM axes: [1, -1]", {F32({2, 7})}),
            "axes[1]: 'name': axis 1 is reduced already");
}

TEST(ReshapeLayerTest, KeepsTheBatch) {
  EXPECT_EQ(Lowered<Reshape>("dims: [4, -1]", {F32({2, 20})}), "Reshape shape=[2, 4, 5] : f32[2, 4, 5]");
  EXPECT_EQ(Lowered<Reshape>("dims: [20]", {F32({2, 20})}), "Input type=f32[2, 20] : f32[2, 20]");
  EXPECT_EQ(Lowered<Reshape>("dims: -1", {F32({0, 4, 5})}), "Reshape shape=[0, 20] : f32[0, 20]");
  EXPECT_EQ(Lowered<Flatten>("", {F32({2, 20, 3, 3})}), "Reshape shape=[2, 180] : f32[2, 180]");
  EXPECT_EQ(Lowered<Flatten>("", {F32({5})}), "Reshape shape=[5, 1] : f32[5, 1]");
}

TEST(ReshapeLayerTest, SaysWhatIsWrong) {
  EXPECT_EQ(Lowered<Reshape>("dims: [3, 5]", {F32({2, 20})}), "dims: 'name': [2, 20] does not fit into [2, 3, 5]");
  EXPECT_EQ(Lowered<Reshape>("dims: [-1, 2, -1]", {F32({2, 20})}), "dims[2]: 'name': a second dimension of -1");
  EXPECT_EQ(Lowered<Reshape>("dims: [2, -2]", {F32({2, 20})}), "dims[1]: 'name': a dimension of -2");
  EXPECT_EQ(Lowered<Reshape>("dims: [3, -1]", {F32({2, 20})}),
            "dims[1]: 'name': nothing fits: 20 elements an example do not divide by 3");
  EXPECT_EQ(Lowered<Reshape>("dims: [0, -1]", {F32({2, 20})}),
            "dims[1]: 'name': nothing fits: 20 elements an example do not divide by 0");
  EXPECT_EQ(Lowered<Reshape>("dims: [4611686018427387904, 4, -1]", {F32({2, 20})}),
            "dims: 'name': 4611686018427387904 x 4 is out of range");
  EXPECT_EQ(Lowered<Reshape>("dims: [4611686018427387904]", {F32({2, 20})}),
            "dims: 'name': shape [2, 4611686018427387904] has 2^56 elements or more");
  EXPECT_EQ(Lowered<Reshape>("dims: [1]", {F32({})}), "layer: 'name': a scalar has no batch to keep");
  EXPECT_EQ(Lowered<Flatten>("", {F32({})}), "layer: 'name': a scalar has no batch to keep");
}

TEST(TransposeLayerTest, ChecksThePermutation) {
  EXPECT_EQ(Lowered<Transpose>("permutation: [0, 2, 1]", {F32({2, 3, 4})}),
            "Transpose permutation=[0, 2, 1] : f32[2, 4, 3]");
  EXPECT_EQ(Lowered<Transpose>("permutation: [0, 2]", {F32({2, 3, 4})}),
            "permutation: 'name': of f32[2, 3, 4] expected each axis from 0 to 2 once; got [0, 2]");
}

TEST(ConcatLayerTest, JoinsChannels) {
  EXPECT_EQ(Lowered<Concat>("", {F32({2, 3, 4}), F32({2, 5, 4})}), "Concat axis=1 : f32[2, 8, 4]");
  EXPECT_EQ(Lowered<Concat>("axis: -1", {F32({2, 3}), F32({2, 5})}), "Concat axis=1 : f32[2, 8]");
  EXPECT_EQ(Lowered<Concat>("axis: 2", {F32({2, 3})}), "axis: 'name': axis 2 is outside f32[2, 3]");
  EXPECT_EQ(Lowered<Concat>("", {F32({2, 3}), F32({3, 3})}),
            "layer: 'name': Concat(f32[2, 3], f32[3, 3]): expected shapes that differ along axis 1 alone, like [2, 3]; "
            "got [3, 3]");
}

TEST(SliceLayerTest, CountsFromTheEnd) {
  EXPECT_EQ(Lowered<Slice>("axis: 1 begin: -3", {F32({2, 7})}), "Slice begin=[0, 4] end=[2, 7] : f32[2, 3]");
  EXPECT_EQ(Lowered<Slice>("axis: [-1, 0] begin: [1, 0] end: [-1, 1]", {F32({2, 7})}),
            "Slice begin=[0, 1] end=[1, 6] : f32[1, 5]");
}

TEST(SliceLayerTest, SaysWhatIsWrong) {
  EXPECT_EQ(Lowered<Slice>("", {F32({2, 7})}), "layer: 'name': needs an axis");
  EXPECT_EQ(Lowered<Slice>("axis: 1", {F32({2, 7})}), "begin: 'name': expected one for each of 1 axes; got 0");
  EXPECT_EQ(Lowered<Slice>("axis: 1 begin: 0 end: [1, 2]", {F32({2, 7})}),
            "end: 'name': expected none or one for each of 1 axes; got 2");
  EXPECT_EQ(Lowered<Slice>("axis: 1 begin: 8", {F32({2, 7})}), "begin[0]: 'name': 8 is outside axis 1 of f32[2, 7]");
  EXPECT_EQ(Lowered<Slice>("axis: 1 begin: 3 end: 2", {F32({2, 7})}),
            "end[0]: 'name': 2 is outside axis 1 of f32[2, 7] from 3 on");
  EXPECT_EQ(Lowered<Slice>("axis: [1, 1] begin: [0, 0]", {F32({2, 7})}), "axis[1]: 'name': axis 1 is cut already");
}

TEST(PadLayerTest, PadsAxes) {
  EXPECT_EQ(Lowered<Pad>("axis: [2, -1] before: [1, 2] after: [0, 1] value: 3", {F32({2, 7, 3, 3})}),
            "Pad before=[0, 0, 1, 2] after=[0, 0, 0, 1] value=3 : f32[2, 7, 4, 6]");
}

TEST(PadLayerTest, SaysWhatIsWrong) {
  EXPECT_EQ(Lowered<Pad>("before: 1", {F32({2, 7})}), "layer: 'name': needs an axis");
  EXPECT_EQ(Lowered<Pad>("axis: 1 before: [1, 2]", {F32({2, 7})}),
            "before: 'name': expected none or one for each of 1 axes; got 2");
  EXPECT_EQ(Lowered<Pad>("axis: 1 after: -1", {F32({2, 7})}), "after[0]: 'name': -1 is negative");
  EXPECT_EQ(Lowered<Pad>("axis: 3", {F32({2, 7})}), "axis[0]: 'name': axis 3 is outside f32[2, 7]");
  EXPECT_EQ(Lowered<Pad>("axis: [1, 1]", {F32({2, 7})}), "axis[1]: 'name': axis 1 is padded already");
}

TEST(StopGradientLayerTest, IsOneNode) {
  EXPECT_EQ(Lowered<StopGradient>("", {F32({2, 7})}), "StopGradient  : f32[2, 7]");
}

}  // namespace
}  // namespace gradus
