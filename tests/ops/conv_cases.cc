#include <cstdint>
#include <utility>
#include <vector>

#include "core/status_macros.h"
#include "ops/conv.h"
#include "tests/ops/op_cases.h"

namespace gradus {
namespace {

constexpr int64_t kHuge = int64_t{1} << 55;

ConvAttrs Explicit(Dims kernel, Dims stride, Dims pad_begin, Dims pad_end, Dims dilation, int64_t groups = 1) {
  return {{std::move(kernel), std::move(stride), std::move(dilation), std::move(pad_begin), std::move(pad_end)},
          groups};
}

// The same numbers in all `rank` spatial dimensions.
ConvAttrs Square(int rank, int64_t kernel, int64_t stride = 1, int64_t pad = 0, int64_t groups = 1,
                 int64_t dilation = 1) {
  const size_t count = rank;
  return Explicit(Dims(count, kernel), Dims(count, stride), Dims(count, pad), Dims(count, pad), Dims(count, dilation),
                  groups);
}

// One geometry, from which the cases of all three operations are made.
struct Geometry {
  const char* name;
  TensorType x, w;
  ConvAttrs conv;
};

std::vector<Geometry> Geometries() {
  return {
      {"line", F32({2, 3, 9}), F32({4, 3, 3}), Square(1, 3, 2, 1)},
      {"channels_1", F32({2, 1, 8, 8}), F32({20, 1, 5, 5}), Square(2, 5)},
      {"channels_7", F32({2, 7, 5, 6}), F32({5, 7, 3, 3}), Square(2, 3, 1, 1)},
      {"channels_20", F32({1, 20, 4, 5}), F32({7, 20, 2, 3}), Explicit({2, 3}, {1, 1}, {0, 0}, {0, 0}, {1, 1})},
      {"filters_50", F32({3, 20, 3, 4}), F32({50, 20, 1, 2}), Explicit({1, 2}, {1, 1}, {0, 0}, {0, 0}, {1, 1})},
      {"few_channels", F32({2, 3, 9, 8}), F32({24, 3, 5, 4}), Explicit({5, 4}, {4, 2}, {1, 2}, {2, 0}, {1, 1})},
      {"filters_1", F32({3, 2, 4, 4}), F32({1, 2, 3, 3}), Square(2, 3)},
      {"pointwise", F32({2, 16, 3, 3}), F32({8, 16, 1, 1}), Square(2, 1)},
      {"pointwise_stride", F32({1, 5, 5, 5}), F32({6, 5, 1, 1}), Square(2, 1, 2)},
      {"whole_image", F32({2, 3, 4, 4}), F32({5, 3, 4, 4}), Square(2, 4)},
      {"kernel_beyond_image", F32({1, 2, 2, 2}), F32({3, 2, 5, 5}), Square(2, 5, 1, 2)},
      {"one_sided_pad", F32({1, 3, 5, 5}), F32({2, 3, 3, 3}), Explicit({3, 3}, {2, 2}, {0, 1}, {1, 0}, {1, 1})},
      {"pad_of_a_kernel", F32({1, 2, 3, 3}), F32({2, 2, 2, 2}), Square(2, 2, 1, 2)},
      {"mixed", F32({1, 3, 7, 9}), F32({4, 3, 2, 3}), Explicit({2, 3}, {2, 3}, {1, 0}, {0, 2}, {2, 1})},
      {"dilation", F32({1, 4, 9, 9}), F32({3, 4, 3, 3}), Square(2, 3, 1, 2, 1, 2)},
      {"unread_border", F32({1, 2, 6, 6}), F32({2, 2, 2, 2}), Square(2, 2, 3)},
      {"groups", F32({2, 6, 4, 4}), F32({4, 3, 3, 3}), Square(2, 3, 1, 1, 2)},
      {"groups_of_8", F32({1, 16, 4, 5}), F32({16, 8, 3, 3}), Square(2, 3, 1, 1, 2)},
      {"groups_of_16", F32({1, 32, 3, 3}), F32({32, 16, 1, 1}), Square(2, 1, 1, 0, 2)},
      {"depthwise", F32({1, 20, 4, 4}), F32({20, 1, 3, 3}), Square(2, 3, 1, 1, 20)},
      {"depthwise_16", F32({2, 16, 4, 4}), F32({16, 1, 3, 3}), Square(2, 3, 2, 1, 16)},
      {"volume", F32({1, 2, 4, 3, 4}), F32({3, 2, 2, 2, 3}),
       Explicit({2, 2, 3}, {1, 1, 2}, {0, 1, 1}, {0, 0, 1}, {1, 1, 1})},
      {"volume_groups", F32({1, 4, 3, 3, 3}), F32({4, 2, 2, 2, 2}), Square(3, 2, 1, 0, 2)},
      {"empty_batch", F32({0, 3, 4, 4}), F32({2, 3, 3, 3}), Square(2, 3)},
  };
}

TensorType OutputOf(const Geometry& g) { return *ConvOutput(g.conv, g.x, g.w); }

TensorType BiasOf(const Geometry& g) { return F32({g.w.shape[0]}); }

Dims SpatialOf(const Geometry& g) { return Dims(g.x.shape.dims().begin() + 2, g.x.shape.dims().end()); }

std::vector<OpCase> ConvCases() {
  std::vector<OpCase> cases;
  for (const Geometry& g : Geometries()) {
    cases.push_back({g.name, {g.x, g.w}, g.conv});
    cases.push_back({std::string(g.name) + "_bias", {g.x, g.w, BiasOf(g)}, g.conv});
  }
  return cases;
}

// Every geometry with two of the six combinations that are more than a Conv.
std::vector<OpCase> FusedCases() {
  struct Form {
    const char* name;
    bool residual, bias, relu;
  };
  const Form forms[] = {{"_relu", false, false, true},     {"_sum", true, false, false},
                        {"_bias_relu", false, true, true}, {"_sum_bias_relu", true, true, true},
                        {"_sum_relu", true, false, true},  {"_sum_bias", true, true, false}};
  std::vector<OpCase> cases;
  size_t next = 0;
  for (const Geometry& g : Geometries()) {
    for (int i = 0; i < 2; ++i) {
      const Form& form = forms[next++ % 6];
      OpCase row{std::string(g.name) + form.name, {g.x, g.w}};
      if (form.residual) row.inputs.push_back(OutputOf(g));
      if (form.bias) row.inputs.push_back(BiasOf(g));
      row.attrs = FusedConvAttrs{g.conv, form.residual, form.bias, form.relu};
      cases.push_back(std::move(row));
    }
  }
  return cases;
}

std::vector<OpCase> BackwardDataCases() {
  std::vector<OpCase> cases;
  for (const Geometry& g : Geometries()) {
    cases.push_back({g.name, {OutputOf(g), g.w}, ConvBackwardDataAttrs{g.conv, SpatialOf(g)}});
  }
  return cases;
}

std::vector<OpCase> BackwardWeightsCases() {
  std::vector<OpCase> cases;
  for (const Geometry& g : Geometries()) {
    cases.push_back({g.name, {g.x, OutputOf(g)}, ConvBackwardWeightsAttrs{g.conv, false}});
    cases.push_back({std::string(g.name) + "_bias", {g.x, OutputOf(g)}, ConvBackwardWeightsAttrs{g.conv, true}});
  }
  return cases;
}

// x, w, dy -> the convolution, then its backward operation with the convolution as forward partner.
OpCase WithForward(const Geometry& g, const char* op, Attrs attrs, bool reads_weights) {
  OpCase result{std::string(g.name) + "_forward", {g.x, g.w, OutputOf(g)}};
  result.build = [g, op, attrs, reads_weights](Graph& graph, const std::vector<Value>& in) -> absl::StatusOr<Value> {
    GRADUS_ASSIGN_OR_RETURN(const Value y, graph.Add({"Conv", "y", {in[0], in[1]}, g.conv, {}, Stage::kCompute, -1}));
    std::vector<Value> inputs = reads_weights ? std::vector<Value>{in[2], in[1]} : std::vector<Value>{in[0], in[2]};
    return graph.Add({op, "backward", std::move(inputs), attrs, {}, Stage::kCompute, y.node});
  };
  return result;
}

std::vector<OpCase> BackwardDataForwardCases() {
  std::vector<OpCase> cases;
  for (const Geometry& g : Geometries()) {
    cases.push_back(WithForward(g, "ConvBackwardData", ConvBackwardDataAttrs{g.conv, SpatialOf(g)}, true));
  }
  return cases;
}

std::vector<OpCase> BackwardWeightsForwardCases() {
  std::vector<OpCase> cases;
  for (const Geometry& g : Geometries()) {
    cases.push_back(WithForward(g, "ConvBackwardWeights", ConvBackwardWeightsAttrs{g.conv, true}, false));
  }
  return cases;
}

// Windows that no operation takes, on x: f32[1, 2, 4, 4].
std::vector<std::pair<std::string, ConvAttrs>> BadWindows() {
  return {
      {"expected every kernel in [1, 2147483648); got 0", Explicit({0, 3}, {1, 1}, {0, 0}, {0, 0}, {1, 1})},
      {"expected every stride in [1, 2147483648); got 0", Explicit({3, 3}, {1, 0}, {0, 0}, {0, 0}, {1, 1})},
      {"expected every stride in [1, 2147483648); got -1", Explicit({3, 3}, {-1, 1}, {0, 0}, {0, 0}, {1, 1})},
      {"expected every dilation in [1, 2147483648); got 2147483648",
       Explicit({3, 3}, {1, 1}, {0, 0}, {0, 0}, {1, int64_t{1} << 31})},
      {"expected every pad_begin in [0, 2147483648); got -1", Explicit({3, 3}, {1, 1}, {-1, 0}, {0, 0}, {1, 1})},
      {"expected every pad_end in [0, 2147483648); got 4611686018427387904",
       Explicit({3, 3}, {1, 1}, {0, 0}, {0, int64_t{1} << 62}, {1, 1})},
      {"expected 2 values of kernel, one for each spatial dimension; got 1", Square(1, 3)},
      {"the window [5, 5] is larger than the padded input [4, 4]", Square(2, 5)},
      {"the window [9, 3] is larger than the padded input [6, 4]", Explicit({5, 3}, {1, 1}, {1, 0}, {1, 0}, {2, 1})},
      {"expected groups that divide 2 input channels and 6 filters; got 0", Square(2, 3, 1, 0, 0)},
      {"expected groups that divide 2 input channels and 6 filters; got 3", Square(2, 3, 1, 0, 3)},
  };
}

std::vector<BadCase> ConvBadCases() {
  const ConvAttrs three = Square(2, 3);
  std::vector<BadCase> cases = {
      {"rank_2",
       {F32({1, 2}), F32({6, 2})},
       three,
       "expected f32[N, C, ...] with 1 to 3 spatial dimensions, none but N empty; got f32[1, 2]"},
      {"rank_6", {F32({1, 2, 4, 4, 4, 4}), F32({6, 2, 3, 3, 3, 3})}, Square(4, 3), "got f32[1, 2, 4, 4, 4, 4]"},
      {"labels", {I32({1, 2, 4, 4}), F32({6, 2, 3, 3})}, three, "got i32[1, 2, 4, 4]"},
      {"no_channels", {F32({1, 0, 4, 4}), F32({6, 0, 3, 3})}, three, "none but N empty; got f32[1, 0, 4, 4]"},
      {"weights_rank",
       {F32({1, 2, 4, 4}), F32({6, 2, 3})},
       three,
       "expected weights of f32[6, 2, 3, 3] for x of f32[1, 2, 4, 4]; got f32[6, 2, 3]"},
      {"weights_channels", {F32({1, 2, 4, 4}), F32({6, 3, 3, 3})}, three, "got f32[6, 3, 3, 3]"},
      {"weights_scalar",
       {F32({1, 2, 4, 4}), F32({})},
       three,
       "expected groups that divide 2 input channels and 0 filters; got 1"},
      {"bias", {F32({1, 2, 4, 4}), F32({6, 2, 3, 3}), F32({5})}, three, "expected a bias of f32[6]; got f32[5]"},
      {"filters_2_31",
       {F32({1, 2, 4, 4}), F32({int64_t{1} << 31, 2, 3, 4})},
       three,
       "expected weights of f32[2147483648, 2, 3, 3] for x of f32[1, 2, 4, 4]; got f32[2147483648, 2, 3, 4]"},
      {"output_overflow", {F32({kHuge / 16, 1, 4, 4}), F32({64, 1, 1, 1})}, Square(2, 1), "2^56 elements or more"},
  };
  for (const auto& [message, attrs] : BadWindows()) {
    cases.push_back({"window_" + std::to_string(cases.size()), {F32({1, 2, 4, 4}), F32({6, 2, 3, 3})}, attrs, message});
  }
  return cases;
}

std::vector<BadCase> FusedBadCases() {
  const ConvAttrs three = Square(2, 3);
  const TensorType x = F32({1, 2, 4, 4}), w = F32({6, 2, 3, 3}), b = F32({6});
  return {
      {"no_residual",
       {x, w, b},
       FusedConvAttrs{three, true, true, true},
       "expected 4 inputs for these attributes; got 3"},
      {"residual",
       {x, w, F32({1, 6, 2, 3}), b},
       FusedConvAttrs{three, true, true, false},
       "expected a residual of f32[1, 6, 2, 2]; got f32[1, 6, 2, 3]"},
      {"bias", {x, w, F32({5})}, FusedConvAttrs{three, false, true, true}, "expected a bias of f32[6]; got f32[5]"},
      {"weights", {x, F32({6, 3, 3, 3})}, FusedConvAttrs{three, false, false, true}, "got f32[6, 3, 3, 3]"},
  };
}

std::vector<BadCase> BackwardDataBadCases() {
  const ConvAttrs three = Square(2, 3);
  return {
      {"scalar",
       {F32({}), F32({6, 2, 3, 3})},
       ConvBackwardDataAttrs{three, {4, 4}},
       "expected dy of f32[N, filters, ...] and weights of f32[filters, C / groups, ...]; got f32[] and "
       "f32[6, 2, 3, 3]"},
      {"other_dy",
       {F32({1, 6, 3, 2}), F32({6, 2, 3, 3})},
       ConvBackwardDataAttrs{three, {4, 4}},
       "expected dy of f32[1, 6, 2, 2]; got f32[1, 6, 3, 2]"},
      {"negative_input",
       {F32({1, 6, 2, 2}), F32({6, 2, 3, 3})},
       ConvBackwardDataAttrs{three, {4, -4}},
       "shape [1, 2, 4, -4] has a negative dimension"},
      {"input_2_62",
       {F32({1, 6, 2, 2}), F32({6, 2, 3, 3})},
       ConvBackwardDataAttrs{three, {int64_t{1} << 62, 4}},
       "2^56 elements or more"},
      {"input_rank",
       {F32({1, 6, 2, 2}), F32({6, 2, 3, 3})},
       ConvBackwardDataAttrs{three, {4}},
       "expected 1 values of kernel, one for each spatial dimension; got 2"},
      {"groups_overflow",
       {F32({1, 6, 2, 2}), F32({6, 4, 3, 3})},
       ConvBackwardDataAttrs{Square(2, 3, 1, 0, int64_t{1} << 62), {4, 4}},
       "4611686018427387904"},
  };
}

std::vector<BadCase> BackwardWeightsBadCases() {
  const ConvAttrs three = Square(2, 3);
  return {
      {"scalar",
       {F32({1, 2, 4, 4}), F32({})},
       ConvBackwardWeightsAttrs{three, true},
       "expected x of f32[N, C, ...], dy of f32[N, filters, ...] and groups of 1 or more; got f32[1, 2, 4, 4], f32[] "
       "and 1"},
      {"no_groups",
       {F32({1, 2, 4, 4}), F32({1, 6, 2, 2})},
       ConvBackwardWeightsAttrs{Square(2, 3, 1, 0, 0), true},
       "got f32[1, 2, 4, 4], f32[1, 6, 2, 2] and 0"},
      {"other_batch",
       {F32({1, 2, 4, 4}), F32({2, 6, 2, 2})},
       ConvBackwardWeightsAttrs{three, false},
       "expected dy of f32[1, 6, 2, 2]; got f32[2, 6, 2, 2]"},
      {"negative_kernel",
       {F32({1, 2, 4, 4}), F32({1, 6, 2, 2})},
       ConvBackwardWeightsAttrs{Square(2, -3), false},
       "negative"},
      {"kernel_overflow",
       {F32({1, 2, 4, 4}), F32({1, 6, 2, 2})},
       ConvBackwardWeightsAttrs{Square(2, int64_t{1} << 31), false},
       "2^56 elements or more"},
      {"no_filters",
       {F32({1, 2, 4, 4}), F32({1, 0, 2, 2})},
       ConvBackwardWeightsAttrs{three, false},
       "expected groups that divide 2 input channels and 0 filters; got 1"},
  };
}

REGISTER_OP_CASES(Conv, ConvCases(), ConvBadCases());
REGISTER_OP_CASES(FusedConv, FusedCases(), FusedBadCases());
REGISTER_OP_CASES(ConvBackwardData, BackwardDataCases(), BackwardDataBadCases());
REGISTER_OP_CASES(ConvBackwardWeights, BackwardWeightsCases(), BackwardWeightsBadCases());

[[maybe_unused]] const bool data_after_forward =
    OpCases::Get().Register("ConvBackwardData", BackwardDataForwardCases());
[[maybe_unused]] const bool weights_after_forward =
    OpCases::Get().Register("ConvBackwardWeights", BackwardWeightsForwardCases());

}  // namespace
}  // namespace gradus
