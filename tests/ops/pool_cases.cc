#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "core/check.h"
#include "core/status_macros.h"
#include "ops/pool.h"
#include "tests/ops/op_cases.h"

namespace gradus {
namespace {

struct Pooling {
  const char* name;
  TensorType x;
  Window window;
};

Window Square(int64_t kernel, int64_t stride, int64_t pad_begin = 0, int64_t pad_end = 0) {
  return {{kernel, kernel}, {stride, stride}, {1, 1}, {pad_begin, pad_begin}, {pad_end, pad_end}};
}

std::vector<Pooling> AllPoolings() {
  return {
      {"lenet", F32({2, 20, 8, 8}), Square(2, 2)},
      {"overlapping", F32({2, 7, 6, 5}), Square(3, 1, 1, 1)},
      {"channels_1", F32({3, 1, 7, 7}), Square(3, 2)},
      {"channels_16", F32({1, 16, 5, 5}), Square(3, 2, 1, 1)},
      {"channels_20_ceil", F32({2, 20, 6, 6}), Square(3, 2, 0, 1)},
      {"gaps", F32({2, 7, 7, 8}), Square(2, 3)},
      {"rest_uncovered", F32({2, 9, 5, 5}), Square(2, 2)},
      {"partial_tiles", F32({2, 9, 5, 5}), Square(2, 2, 0, 1)},
      {"kernel_1", F32({2, 7, 3, 3}), Square(1, 1)},
      {"wide_row", F32({1, 3, 4, 40}), Square(3, 1, 1, 1)},
      {"stride_3", F32({1, 20, 9, 9}), Square(3, 3)},
      {"large_window", F32({1, 20, 7, 7}), Square(6, 1)},
      {"global", F32({2, 20, 7, 7}), Square(7, 7)},
      {"more_than_255_taps", F32({1, 7, 17, 17}), Square(16, 1)},
      {"one_place", F32({2, 20, 1, 1}), Square(1, 1)},
      {"one_place_padded", F32({2, 20, 1, 1}), Square(2, 1, 1, 1)},
      {"uneven", F32({2, 7, 6, 9}), {{3, 2}, {1, 3}, {1, 1}, {0, 1}, {2, 0}}},
      {"line", F32({2, 20, 11}), {{3}, {2}, {1}, {1}, {1}}},
      {"volume", F32({2, 9, 4, 5, 4}), {{2, 3, 2}, {2, 1, 1}, {1, 1, 1}, {0, 1, 0}, {0, 1, 1}}},
      {"volume_27_taps", F32({1, 16, 4, 4, 4}), {{3, 3, 3}, {1, 1, 1}, {1, 1, 1}, {1, 1, 1}, {1, 1, 1}}},
      {"empty_batch", F32({0, 7, 6, 6}), Square(2, 2)},
  };
}

TensorType OutputOf(const Pooling& pooling) {
  const auto spatial = WindowOutput(pooling.window, pooling.x);
  GRADUS_CHECK(spatial.ok());
  Dims dims = {pooling.x.shape[0], pooling.x.shape[1]};
  dims.insert(dims.end(), spatial->begin(), spatial->end());
  return {DType::kFloat32, *Shape::Make(dims)};
}

std::vector<OpCase> MaxPoolCases() {
  std::vector<OpCase> cases;
  for (const Pooling& p : AllPoolings()) {
    cases.push_back({p.name, {p.x}, MaxPoolAttrs{p.window}, {Domain::Distinct()}});
  }

  return cases;
}

// x chooses argmax; `op` then works on another tensor with it.
OpCase WithArgmax(const Pooling& p, const char* op, const TensorType& other, Attrs attrs,
                  Domain x = Domain::Distinct()) {
  OpCase result{p.name, {p.x, other}, {}, {std::move(x)}};
  result.build = [op, attrs, window = p.window](Graph& graph, const std::vector<Value>& in) -> absl::StatusOr<Value> {
    GRADUS_ASSIGN_OR_RETURN(const Value y,
                            graph.Add({"MaxPool", "pool", {in[0]}, MaxPoolAttrs{window}, {}, Stage::kCompute, -1}));
    return graph.Add({op, "under_test", {in[1], Value{y.node, 1}}, attrs, {}, Stage::kCompute, y.node});
  };
  result.constant = {0};
  return result;
}

std::vector<OpCase> MaxPoolBackwardCases() {
  std::vector<OpCase> cases;
  for (const Pooling& p : AllPoolings()) {
    cases.push_back(WithArgmax(p, "MaxPoolBackward", OutputOf(p), MaxPoolBackwardAttrs{p.window, p.x.shape}));
  }
  Pooling equal = {"equal_elements", F32({2, 20, 6, 6}), Square(3, 2, 1, 1)};
  cases.push_back(WithArgmax(equal, "MaxPoolBackward", OutputOf(equal),
                             MaxPoolBackwardAttrs{equal.window, equal.x.shape}, Domain::Whole(0, 1)));
  return cases;
}

std::vector<OpCase> MaxPoolGatherCases() {
  std::vector<OpCase> cases;
  for (const Pooling& p : AllPoolings()) cases.push_back(WithArgmax(p, "MaxPoolGather", p.x, MaxPoolAttrs{p.window}));
  return cases;
}

AveragePoolAttrs Average(const Pooling& p, bool count_padding, bool ceil = false) {
  return {p.window, count_padding, ceil ? p.window.pad_end : Dims(p.window.spatial_rank(), 0)};
}

// Calls add(name, pooling, attributes) for each way to count.
void ForEachAverage(const std::function<void(std::string, const Pooling&, const AveragePoolAttrs&)>& add) {
  for (const Pooling& p : AllPoolings()) {
    add(p.name, p, Average(p, true));
    add(std::string(p.name) + "_inside", p, Average(p, false));
  }
  const Pooling ceil = {"ceil_rows", F32({2, 20, 6, 6}), Square(3, 2, 1, 1)};
  add(ceil.name, ceil, Average(ceil, true, true));
}

std::vector<OpCase> AveragePoolCases() {
  std::vector<OpCase> cases;
  ForEachAverage([&](std::string name, const Pooling& p, const AveragePoolAttrs& attrs) {
    cases.push_back({std::move(name), {p.x}, attrs});
  });
  return cases;
}

std::vector<OpCase> AveragePoolBackwardCases() {
  std::vector<OpCase> cases;
  ForEachAverage([&](std::string name, const Pooling& p, const AveragePoolAttrs& attrs) {
    cases.push_back({std::move(name), {OutputOf(p)}, AveragePoolBackwardAttrs{attrs, p.x.shape}});
  });
  return cases;
}

std::vector<BadCase> MaxPoolBadCases() {
  const int64_t huge = int64_t{1} << 31;
  return {
      {"rank_2",
       {F32({2, 3})},
       MaxPoolAttrs{Square(2, 2)},
       "expected f32[N, C, ...] with 1 to 3 spatial dimensions, none but N empty; got f32[2, 3]"},
      {"rank_6", {F32({1, 1, 2, 2, 2, 2})}, MaxPoolAttrs{Square(2, 2)}, "got f32[1, 1, 2, 2, 2, 2]"},
      {"labels", {I32({2, 3, 4, 4})}, MaxPoolAttrs{Square(2, 2)}, "got i32[2, 3, 4, 4]"},
      {"no_channels", {F32({2, 0, 4, 4})}, MaxPoolAttrs{Square(2, 2)}, "got f32[2, 0, 4, 4]"},
      {"window_of_other_rank", {F32({2, 3, 4})}, MaxPoolAttrs{Square(2, 2)}, "expected 1 values of kernel"},
      {"window_too_large",
       {F32({2, 3, 4, 4})},
       MaxPoolAttrs{Square(5, 1)},
       "the window [5, 5] is larger than the padded input [4, 4]"},
      {"kernel_0", {F32({2, 3, 4, 4})}, MaxPoolAttrs{Square(0, 1)}, "expected every kernel in [1, 2147483648); got 0"},
      {"kernel_2_31", {F32({2, 3, 4, 4})}, MaxPoolAttrs{Square(huge, 1)}, "expected every kernel in"},
      {"stride_0", {F32({2, 3, 4, 4})}, MaxPoolAttrs{Square(2, 0)}, "expected every stride in"},
      {"pad_2_62", {F32({2, 3, 4, 4})}, MaxPoolAttrs{Square(2, 1, int64_t{1} << 62)}, "expected every pad_begin in"},
      {"pad_of_a_kernel",
       {F32({2, 3, 4, 4})},
       MaxPoolAttrs{Square(2, 2, 2, 0)},
       "expected pads below the kernel [2, 2], so that every window holds an element; got [2, 2] before and [0, 0] "
       "after"},
      {"dilation",
       {F32({2, 3, 4, 4})},
       MaxPoolAttrs{{{2, 2}, {1, 1}, {2, 1}, {0, 0}, {0, 0}}},
       "expected dilation 1; got [2, 1]"},
      {"overflow",
       {F32({int64_t{1} << 28, int64_t{1} << 27, 1, 1})},
       MaxPoolAttrs{Square(2, 1, 1, 1)},
       "2^56 elements or more"},
  };
}

std::vector<BadCase> MaxPoolBackwardBadCases() {
  const Shape input = {2, 3, 4, 4};
  return {
      {"dy_of_another_shape",
       {F32({2, 3, 4, 4}), OpaqueType()},
       MaxPoolBackwardAttrs{Square(2, 2), input},
       "expected dy of y's type, f32[2, 3, 2, 2]; got f32[2, 3, 4, 4]"},
      {"argmax_not_opaque",
       {F32({2, 3, 2, 2}), F32({2, 3, 2, 2})},
       MaxPoolBackwardAttrs{Square(2, 2), input},
       "expected an opaque argmax; got f32[2, 3, 2, 2]"},
      {"input_rank", {F32({2, 3, 2, 2}), OpaqueType()}, MaxPoolBackwardAttrs{Square(2, 2), {2, 3}}, "got f32[2, 3]"},
      {"input_empty",
       {F32({2, 3, 2, 2}), OpaqueType()},
       MaxPoolBackwardAttrs{Square(2, 2), {2, 3, 0, 4}},
       "got f32[2, 3, 0, 4]"},
  };
}

std::vector<BadCase> MaxPoolGatherBadCases() {
  return {
      {"rank", {F32({2, 3}), OpaqueType()}, MaxPoolAttrs{Square(2, 2)}, "got f32[2, 3]"},
      {"argmax_not_opaque",
       {F32({2, 3, 4, 4}), U8({2, 3, 2, 2})},
       MaxPoolAttrs{Square(2, 2)},
       "expected an opaque argmax; got u8[2, 3, 2, 2]"},
      {"window_too_large",
       {F32({2, 3, 1, 1}), OpaqueType()},
       MaxPoolAttrs{Square(2, 2)},
       "the window [2, 2] is larger than the padded input [1, 1]"},
  };
}

std::vector<BadCase> AveragePoolBadCases() {
  return {
      {"rank", {F32({2, 3})}, AveragePoolAttrs{Square(2, 2), true, {0, 0}}, "got f32[2, 3]"},
      {"no_ceil_rows",
       {F32({2, 3, 4, 4})},
       AveragePoolAttrs{Square(2, 2), true, {}},
       "expected ceil_rows within pad_end, [0, 0]; got []"},
      {"ceil_rows_beyond_pad",
       {F32({2, 3, 4, 4})},
       AveragePoolAttrs{Square(2, 2, 0, 1), true, {1, 2}},
       "expected ceil_rows within pad_end, [1, 1]; got [1, 2]"},
      {"pad_of_a_kernel",
       {F32({2, 3, 4, 4})},
       AveragePoolAttrs{Square(2, 2, 0, 2), false, {0, 0}},
       "expected pads below the kernel [2, 2]"},
  };
}

std::vector<BadCase> AveragePoolBackwardBadCases() {
  const AveragePoolAttrs forward = {Square(2, 2), true, {0, 0}};
  return {
      {"dy_of_another_shape",
       {F32({2, 3, 3, 2})},
       AveragePoolBackwardAttrs{forward, {2, 3, 4, 4}},
       "expected dy of y's type, f32[2, 3, 2, 2]; got f32[2, 3, 3, 2]"},
      {"labels", {I32({2, 3, 2, 2})}, AveragePoolBackwardAttrs{forward, {2, 3, 4, 4}}, "got i32[2, 3, 2, 2]"},
      {"input_rank", {F32({2, 3, 2, 2})}, AveragePoolBackwardAttrs{forward, {}}, "got f32[]"},
  };
}

REGISTER_OP_CASES(MaxPool, MaxPoolCases(), MaxPoolBadCases());
REGISTER_OP_CASES(MaxPoolBackward, MaxPoolBackwardCases(), MaxPoolBackwardBadCases());
REGISTER_OP_CASES(MaxPoolGather, MaxPoolGatherCases(), MaxPoolGatherBadCases());
REGISTER_OP_CASES(AveragePool, AveragePoolCases(), AveragePoolBadCases());
REGISTER_OP_CASES(AveragePoolBackward, AveragePoolBackwardCases(), AveragePoolBackwardBadCases());

}  // namespace
}  // namespace gradus
