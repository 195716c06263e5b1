#include <string>
#include <vector>

#include "ops/batch_norm.h"
#include "tests/ops/op_cases.h"

namespace gradus {
namespace {

struct NormShape {
  std::string name;
  TensorType x;
  bool scale = true, shift = true;
  double epsilon = 1e-5;
  Domain domain = {};
};

// Channels that fill no block, one element of each, none, a large mean, sums in several parts.
const std::vector<NormShape>& NormShapes() {
  static const auto* const shapes = new std::vector<NormShape>{
      {"channels_1", F32({3, 1, 4, 5})},
      {"channels_7", F32({2, 7, 3, 3})},
      {"channels_20", F32({3, 20, 3, 2})},
      {"channels_16", F32({2, 16, 3, 3}), true, false},
      {"channels_33", F32({2, 33, 2, 2}), false, true},
      {"no_vectors", F32({3, 7, 2, 3}), false, false, 0.1},
      {"batch_1", F32({1, 5, 4, 4})},
      {"dense", F32({6, 10})},
      {"one_element_of_each", F32({1, 6})},
      {"dense_wide", F32({4, 150}), true, false},
      {"one_channel", F32({9, 1})},
      {"series", F32({3, 8, 11})},
      {"volume", F32({2, 9, 2, 3, 2})},
      {"six_axes", F32({2, 3, 2, 1, 2, 2})},
      {"no_batch", F32({0, 4, 3, 3})},
      {"no_positions", F32({2, 3, 0, 3})},
      {"large_mean", F32({4, 3, 4, 4}), true, true, 1e-5, Domain::Real(30, 31)},
      {"parts", F32({2, 2, 130, 130})},
      {"parts_of_vectors", F32({300, 130})},
  };
  return *shapes;
}

TensorType Vector(const NormShape& shape) { return {DType::kFloat32, Shape({shape.x.shape[1]})}; }

// A row with `tensors` of x's type, statistics or not, and scale and shift where there are any.
OpCase NormCase(const NormShape& shape, int tensors, bool statistics, bool with_shift) {
  OpCase row;
  row.name = shape.name;
  row.inputs = std::vector<TensorType>(tensors, shape.x);
  row.inputs.insert(row.inputs.end(), 2 * statistics + shape.scale + (with_shift && shape.shift), Vector(shape));
  row.attrs = BatchNormAttrs{shape.epsilon, shape.scale, shape.shift};
  row.domains.resize(row.inputs.size());
  row.domains[0] = shape.domain;
  if (statistics) {
    row.domains[tensors] = shape.domain;
    row.domains[tensors + 1] = Domain::Positive();
  }
  return row;
}

std::vector<OpCase> Cases(int tensors, bool statistics, bool with_shift) {
  std::vector<OpCase> cases;
  for (const NormShape& shape : NormShapes()) cases.push_back(NormCase(shape, tensors, statistics, with_shift));
  return cases;
}

// Masked sums are made in pieces: some of a row's channels, some rows and a rest.
std::vector<OpCase> ReluBackwardCases() {
  std::vector<OpCase> cases = Cases(2, true, true);
  cases.push_back(NormCase({"channels_of_two_pieces", F32({3, 1060})}, 2, true, true));
  cases.push_back(NormCase({"rows_of_two_pieces", F32({1, 16, 15, 9})}, 2, true, true));
  return cases;
}

// With a residual, with and without relu.
std::vector<OpCase> AddCases(bool statistics) {
  std::vector<OpCase> cases;
  bool relu = true;
  for (const NormShape& shape : NormShapes()) {
    cases.push_back(NormCase(shape, 2, statistics, true));
    cases.back().attrs = BatchNormAddAttrs{{shape.epsilon, shape.scale, shape.shift}, relu};
    relu = !relu;
  }
  return cases;
}

std::vector<OpCase> AverageCases() {
  std::vector<OpCase> cases;
  for (int64_t channels : {0, 1, 2, 7, 16, 20, 33, 150, 1000}) {
    cases.push_back({"channels_" + std::to_string(channels),
                     {F32({channels}), F32({channels})},
                     RunningAverageAttrs{0.9, 1.0 + 1.0 / static_cast<double>(channels + 1)}});
  }
  cases.push_back({"keeps_all", {F32({5}), F32({5})}, RunningAverageAttrs{1, 1}});
  cases.push_back({"keeps_nothing", {F32({5}), F32({5})}, RunningAverageAttrs{0, 2}});
  cases.push_back({"scalar", {F32({}), F32({})}, RunningAverageAttrs{0.5, 1}});
  return cases;
}

const Attrs kBoth = BatchNormAttrs{}, kNone = BatchNormAttrs{1e-5, false, false};
constexpr int64_t kHuge = int64_t{1} << 31;

}  // namespace

REGISTER_OP_CASES(
    BatchNorm, Cases(1, false, true),
    std::vector<BadCase>{
        {"vector", {F32({3})}, kNone, "expected f32[N, C] or f32[N, C, ...] with channels; got f32[3]"},
        {"scalar", {F32({})}, kNone, "expected f32[N, C] or f32[N, C, ...] with channels; got f32[]"},
        {"no_scale", {F32({2, 3}), F32({3})}, kBoth, "expected 3 inputs for these attributes; got 2"},
        {"channels", {F32({2, 3}), F32({3}), F32({2})}, kBoth, "expected f32[3] for x of f32[2, 3]; got f32[2]"},
        {"integers", {I32({2, 3})}, kNone, "expected f32[N, C] or f32[N, C, ...] with channels; got i32[2, 3]"},
        {"no_channels",
         {F32({2, 0, 3})},
         kNone,
         "expected f32[N, C] or f32[N, C, ...] with channels; got f32[2, 0, 3]"},
        {"huge",
         {F32({2, kHuge}), F32({kHuge - 1}), F32({kHuge})},
         kBoth,
         "expected f32[2147483648] for x of f32[2, 2147483648]; got f32[2147483647]"},
    });

REGISTER_OP_CASES(
    BatchNormInference, Cases(1, true, true),
    std::vector<BadCase>{
        {"no_statistics", {F32({2, 3}), F32({3}), F32({3})}, kBoth, "expected 5 inputs for these attributes; got 3"},
        {"vector",
         {F32({3}), F32({3}), F32({3})},
         kNone,
         "expected f32[N, C] or f32[N, C, ...] with channels; got f32[3]"},
        {"channels", {F32({2, 3, 4}), F32({3}), F32({4})}, kNone, "expected f32[3] for x of f32[2, 3, 4]; got f32[4]"},
        {"integers", {F32({2, 3}), F32({3}), I32({3})}, kNone, "expected f32[3] for x of f32[2, 3]; got i32[3]"},
    });

REGISTER_OP_CASES(BatchNormBackward, Cases(2, true, false),
                  std::vector<BadCase>{
                      {"dy_of_another_shape",
                       {F32({2, 3}), F32({3, 2}), F32({3}), F32({3})},
                       kNone,
                       "expected a tensor of x's type, f32[2, 3]; got f32[3, 2]"},
                      {"no_scale",
                       {F32({2, 3}), F32({2, 3}), F32({3}), F32({3})},
                       kBoth,
                       "expected 5 inputs for these attributes; got 4"},
                      {"statistics",
                       {F32({2, 3}), F32({2, 3}), F32({1, 3}), F32({3})},
                       kNone,
                       "expected f32[3] for x of f32[2, 3]; got f32[1, 3]"},
                      {"vector",
                       {F32({3}), F32({3}), F32({3}), F32({3})},
                       kNone,
                       "expected f32[N, C] or f32[N, C, ...] with channels; got f32[3]"},
                  });

const Attrs kAddBoth = BatchNormAddAttrs{}, kAddNone = BatchNormAddAttrs{{1e-5, false, false}, true};

REGISTER_OP_CASES(BatchNormRelu, Cases(1, false, true),
                  std::vector<BadCase>{
                      {"vector", {F32({3})}, kNone, "expected f32[N, C] or f32[N, C, ...] with channels; got f32[3]"},
                      {"no_scale", {F32({2, 3}), F32({3})}, kBoth, "expected 3 inputs for these attributes; got 2"},
                      {"channels", {F32({2, 3}), F32({3}), F32({2})}, kBoth, "expected f32[3] for x of f32[2, 3]"},
                  });

REGISTER_OP_CASES(
    BatchNormAdd, AddCases(false),
    std::vector<BadCase>{
        {"residual", {F32({2, 3}), F32({3, 2})}, kAddNone, "expected a tensor of x's type, f32[2, 3]; got f32[3, 2]"},
        {"no_scale", {F32({2, 3}), F32({2, 3}), F32({3})}, kAddBoth, "expected 4 inputs for these attributes; got 3"},
        {"channels", {F32({2, 3}), F32({2, 3}), F32({3}), F32({2})}, kAddBoth, "expected f32[3] for x of f32[2, 3]"},
    });

REGISTER_OP_CASES(
    BatchNormInferenceRelu, Cases(1, true, true),
    std::vector<BadCase>{
        {"vector",
         {F32({3}), F32({3}), F32({3})},
         kNone,
         "expected f32[N, C] or f32[N, C, ...] with channels; got f32[3]"},
        {"no_scale", {F32({2, 3}), F32({3}), F32({3})}, kBoth, "expected 5 inputs for these attributes; got 3"},
        {"channels", {F32({2, 3, 4}), F32({3}), F32({4})}, kNone, "expected f32[3] for x of f32[2, 3, 4]; got f32[4]"},
    });

REGISTER_OP_CASES(BatchNormInferenceAdd, AddCases(true),
                  std::vector<BadCase>{
                      {"residual",
                       {F32({2, 3}), F32({3, 2}), F32({3}), F32({3})},
                       kAddNone,
                       "expected a tensor of x's type, f32[2, 3]; got f32[3, 2]"},
                      {"no_scale",
                       {F32({2, 3}), F32({2, 3}), F32({3}), F32({3})},
                       kAddBoth,
                       "expected 6 inputs for these attributes; got 4"},
                      {"statistics",
                       {F32({2, 3}), F32({2, 3}), F32({1, 3}), F32({3})},
                       kAddNone,
                       "expected f32[3] for x of f32[2, 3]; got f32[1, 3]"},
                  });

REGISTER_OP_CASES(BatchNormReluBackward, ReluBackwardCases(),
                  std::vector<BadCase>{
                      {"dy_of_another_shape",
                       {F32({2, 3}), F32({3, 2}), F32({3}), F32({3})},
                       kNone,
                       "expected a tensor of x's type, f32[2, 3]; got f32[3, 2]"},
                      {"no_shift",
                       {F32({2, 3}), F32({2, 3}), F32({3}), F32({3}), F32({3})},
                       kBoth,
                       "expected 6 inputs for these attributes; got 5"},
                      {"statistics",
                       {F32({2, 3}), F32({2, 3}), F32({1, 3}), F32({3})},
                       kNone,
                       "expected f32[3] for x of f32[2, 3]; got f32[1, 3]"},
                  });

REGISTER_OP_CASES(
    RunningAverage, AverageCases(),
    std::vector<BadCase>{
        {"shapes", {F32({2}), F32({3})}, RunningAverageAttrs{}, "expected inputs of one shape, f32[2]; got f32[3]"},
        {"ranks",
         {F32({2}), F32({2, 1})},
         RunningAverageAttrs{},
         "expected inputs of one shape, f32[2]; got f32[2, 1]"},
        {"integers", {I32({2}), I32({2})}, RunningAverageAttrs{}, "expected f32; got i32[2]"},
    });

}  // namespace gradus
