#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "core/status_macros.h"
#include "ops/dense.h"
#include "tests/ops/op_cases.h"

namespace gradus {
namespace {

struct Sizes {
  const char* name;
  TensorType x;
  int64_t units;
};

std::vector<Sizes> AllSizes() {
  return {
      {"batch_1", F32({1, 5}), 3},
      {"one_by_one", F32({1, 1}), 1},
      {"inputs_1", F32({4, 1}), 6},
      {"units_1", F32({3, 17}), 1},
      {"odd", F32({7, 13}), 11},
      {"aligned", F32({16, 32}), 16},
      {"logits", F32({8, 50}), 10},
      {"sequence", F32({3, 4, 5}), 6},
      {"image_channels_1", F32({2, 1, 4, 4}), 5},
      {"image_channels_7", F32({3, 7, 3, 2}), 4},
      {"image_channels_20", F32({2, 20, 2, 2}), 10},
      {"image_channels_16", F32({2, 16, 2, 2}), 16},
      {"image_one_pixel", F32({2, 20, 1, 1}), 3},
      {"volume", F32({2, 3, 2, 2, 2}), 5},
      {"rank_6", F32({2, 2, 1, 2, 3, 2}), 4},
      {"panels", F32({21, 19}), 13},
      {"columns", F32({6, 70}), 9},
      {"empty_batch", F32({0, 6}), 4},
  };
}

int64_t InputsOf(const Sizes& sizes) { return sizes.x.shape.ElementsBetween(1, sizes.x.shape.rank()); }
TensorType WeightsOf(const Sizes& sizes) { return F32({sizes.units, InputsOf(sizes)}); }
TensorType OutputOf(const Sizes& sizes) { return F32({sizes.x.shape[0], sizes.units}); }
DenseBackwardDataAttrs DataAttrs(const Sizes& sizes) {
  return {Dims(sizes.x.shape.dims().begin() + 1, sizes.x.shape.dims().end())};
}

std::vector<OpCase> ForwardCases() {
  std::vector<OpCase> cases;
  for (const Sizes& sizes : AllSizes()) {
    cases.push_back({sizes.name, {sizes.x, WeightsOf(sizes)}, DenseAttrs{}});
    cases.push_back({std::string(sizes.name) + "_bias", {sizes.x, WeightsOf(sizes), F32({sizes.units})}, DenseAttrs{}});
  }
  return cases;
}

// x, w, dy -> the layer, then its backward operation with the layer as forward partner.
OpCase WithForward(const Sizes& sizes, const char* op, Attrs attrs, bool reads_weights) {
  OpCase result{std::string(sizes.name) + "_forward", {sizes.x, WeightsOf(sizes), OutputOf(sizes)}};
  result.build = [op, attrs, reads_weights](Graph& graph, const std::vector<Value>& in) -> absl::StatusOr<Value> {
    GRADUS_ASSIGN_OR_RETURN(const Value y,
                            graph.Add({"Dense", "y", {in[0], in[1]}, DenseAttrs{}, {}, Stage::kCompute, -1}));
    std::vector<Value> inputs = reads_weights ? std::vector<Value>{in[2], in[1]} : std::vector<Value>{in[0], in[2]};
    return graph.Add({op, "backward", std::move(inputs), attrs, {}, Stage::kCompute, y.node});
  };
  return result;
}

std::vector<OpCase> BackwardDataCases() {
  std::vector<OpCase> cases;
  for (const Sizes& sizes : AllSizes()) {
    cases.push_back({sizes.name, {OutputOf(sizes), WeightsOf(sizes)}, DataAttrs(sizes)});
    cases.push_back(WithForward(sizes, "DenseBackwardData", DataAttrs(sizes), true));
  }
  return cases;
}

std::vector<OpCase> BackwardWeightsCases() {
  std::vector<OpCase> cases;
  for (const Sizes& sizes : AllSizes()) {
    cases.push_back({sizes.name, {sizes.x, OutputOf(sizes)}, DenseBackwardWeightsAttrs{false}});
    cases.push_back({std::string(sizes.name) + "_bias", {sizes.x, OutputOf(sizes)}, DenseBackwardWeightsAttrs{true}});
    cases.push_back(WithForward(sizes, "DenseBackwardWeights", DenseBackwardWeightsAttrs{true}, false));
  }
  return cases;
}

std::vector<BadCase> ForwardBadCases() {
  const int64_t huge = int64_t{1} << 54;
  return {
      {"rank_1",
       {F32({5}), F32({3, 5})},
       DenseAttrs{},
       "expected f32[N, ...] with at least one element an example; got f32[5]"},
      {"no_inputs", {F32({2, 0}), F32({3, 0})}, DenseAttrs{}, "at least one element an example; got f32[2, 0]"},
      {"labels", {I32({2, 5}), F32({3, 5})}, DenseAttrs{}, "got i32[2, 5]"},
      {"weights_rank",
       {F32({2, 3, 4}), F32({5, 3, 4})},
       DenseAttrs{},
       "expected weights of f32[units, 12] for x of f32[2, 3, 4]; got f32[5, 3, 4]"},
      {"weights_inputs",
       {F32({2, 5}), F32({3, 6})},
       DenseAttrs{},
       "expected weights of f32[units, 5] for x of f32[2, 5]; got f32[3, 6]"},
      {"no_units", {F32({2, 5}), F32({0, 5})}, DenseAttrs{}, "got f32[0, 5]"},
      {"bias", {F32({2, 5}), F32({3, 5}), F32({1, 3})}, DenseAttrs{}, "expected a bias of f32[3]; got f32[1, 3]"},
      {"overflow", {F32({huge, 1}), F32({int64_t{1} << 31, 1})}, DenseAttrs{}, "2^56 elements or more"},
  };
}

std::vector<BadCase> BackwardDataBadCases() {
  return {
      {"rank",
       {F32({2, 3, 1}), F32({3, 5})},
       DenseBackwardDataAttrs{{5}},
       "expected dy of f32[N, units] and weights of f32[units, inputs]; got f32[2, 3, 1] and f32[3, 5]"},
      {"units", {F32({2, 3}), F32({4, 5})}, DenseBackwardDataAttrs{{5}}, "got f32[2, 3] and f32[4, 5]"},
      {"input",
       {F32({2, 3}), F32({3, 5})},
       DenseBackwardDataAttrs{{2, 3}},
       "expected weights of f32[units, 6] for x of f32[2, 2, 3]; got f32[3, 5]"},
      {"negative_input", {F32({2, 3}), F32({3, 5})}, DenseBackwardDataAttrs{{-5}}, "shape [2, -5] has a negative dim"},
      {"input_2_62", {F32({2, 3}), F32({3, 5})}, DenseBackwardDataAttrs{{int64_t{1} << 62}}, "2^56 elements or more"},
  };
}

std::vector<BadCase> BackwardWeightsBadCases() {
  return {
      {"rank_1", {F32({2}), F32({2, 3})}, DenseBackwardWeightsAttrs{false}, "got f32[2]"},
      {"batch",
       {F32({2, 5}), F32({3, 4})},
       DenseBackwardWeightsAttrs{false},
       "expected dy of f32[2, units] for x of f32[2, 5]; got f32[3, 4]"},
      {"no_units", {F32({2, 5}), F32({2, 0})}, DenseBackwardWeightsAttrs{true}, "got f32[2, 0]"},
      {"overflow",
       {F32({1, int64_t{1} << 31}), F32({1, int64_t{1} << 31})},
       DenseBackwardWeightsAttrs{false},
       "2^56 elements or more"},
  };
}

REGISTER_OP_CASES(Dense, ForwardCases(), ForwardBadCases());
REGISTER_OP_CASES(DenseBackwardData, BackwardDataCases(), BackwardDataBadCases());
REGISTER_OP_CASES(DenseBackwardWeights, BackwardWeightsCases(), BackwardWeightsBadCases());

}  // namespace
}  // namespace gradus
