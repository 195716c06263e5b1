#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "ops/in_top_k.h"
#include "ops/softmax_cross_entropy.h"
#include "tests/ops/op_cases.h"

namespace gradus {
namespace {

struct Logits {
  const char* name;
  TensorType logits, labels;
  int64_t classes;
};

std::vector<Logits> AllLogits() {
  return {
      {"digits", F32({4, 10}), I32({4}), 10},
      {"batch_1", F32({1, 10}), I32({1}), 10},
      {"classes_1", F32({3, 1}), I32({3}), 1},
      {"classes_7", F32({5, 7}), I32({5}), 7},
      {"classes_20", F32({2, 20}), I32({2}), 20},
      {"classes_300", F32({2, 300}), I32({2}), 300},
      {"one_label", F32({6}), I32({}), 6},
      {"sequence", F32({2, 5, 4}), I32({2, 5}), 4},
      {"image_channels_1", F32({2, 1, 3, 5}), I32({2, 1, 3}), 5},
      {"image_channels_7", F32({2, 7, 2, 3}), I32({2, 7, 2}), 3},
      {"image_channels_20", F32({2, 20, 2, 3}), I32({2, 20, 2}), 3},
      {"empty_batch", F32({0, 10}), I32({0}), 10},
  };
}

TensorType LossOf(const Logits& l) { return {DType::kFloat32, l.labels.shape}; }

// Calls add(name, logits, attributes) with and without label smoothing.
template <typename Add>
void ForEachLoss(const Add& add) {
  for (const Logits& l : AllLogits()) {
    add(std::string(l.name), l, CrossEntropyAttrs{0});
    add(std::string(l.name) + "_smoothed", l, CrossEntropyAttrs{0.1});
  }
}

std::vector<OpCase> CrossEntropyCases() {
  std::vector<OpCase> cases;
  ForEachLoss([&](std::string name, const Logits& l, CrossEntropyAttrs attrs) {
    cases.push_back({std::move(name), {l.logits, l.labels}, attrs, {Domain::Real(-4, 4), Domain::Labels(l.classes)}});
  });
  // exp() of these is beyond float32; the loss is not.
  cases.push_back({"far_apart",
                   {F32({3, 4}), I32({3})},
                   CrossEntropyAttrs{0},
                   {Domain::Values({100, -100, 98, 0, -1000}), Domain::Labels(4)}});
  return cases;
}

std::vector<OpCase> CrossEntropyBackwardCases() {
  std::vector<OpCase> cases;
  ForEachLoss([&](std::string name, const Logits& l, CrossEntropyAttrs attrs) {
    cases.push_back({std::move(name),
                     {l.logits, l.labels, LossOf(l)},
                     attrs,
                     {Domain::Real(-4, 4), Domain::Labels(l.classes), Domain::Real(-2, 2)}});
    if (l.classes == 1) cases.back().magnitude = 1;  // dx is zero: the difference of equal numbers
  });
  return cases;
}

std::vector<OpCase> LabelWeightCases() {
  std::vector<OpCase> cases;
  for (const Logits& l : AllLogits()) {
    LabelWeightAttrs attrs;
    for (int64_t c = 0; c < l.classes; ++c) attrs.weights.push_back(0.5 + 0.25 * static_cast<double>(c));
    cases.push_back({l.name, {l.labels}, std::move(attrs), {Domain::Labels(l.classes)}});
  }
  cases.push_back({"labels_channels_1", {I32({2, 1, 2, 2})}, LabelWeightAttrs{{1, 0}}});
  cases.push_back({"labels_channels_7", {I32({2, 7, 2, 2})}, LabelWeightAttrs{{1, 3}}});
  cases.push_back({"labels_channels_20", {I32({1, 20, 2, 2})}, LabelWeightAttrs{{2, 3}}});
  return cases;
}

std::vector<OpCase> InTopKCases() {
  std::vector<OpCase> cases;
  for (const Logits& l : AllLogits()) {
    for (int64_t k : {1, 2}) {
      cases.push_back({std::string(l.name) + (k == 1 ? "" : "_top2"),
                       {l.logits, l.labels},
                       TopKAttrs{k},
                       {Domain::Real(-4, 4), Domain::Labels(l.classes)}});
    }
  }
  // Of equal logits the lower class counts as larger.
  cases.push_back({"equal_logits", {F32({8, 6}), I32({8})}, TopKAttrs{3}, {Domain::Whole(0, 1), Domain::Labels(6)}});
  cases.push_back({"more_than_there_are", {F32({4, 3}), I32({4})}, TopKAttrs{5}, {Domain{}, Domain::Labels(3)}});
  return cases;
}

std::vector<BadCase> LogitsBadCases(const Attrs& attrs) {
  const int64_t huge = int64_t{1} << 31;
  return {
      {"scalar", {F32({}), I32({})}, attrs, "expected logits f32[..., classes]; got f32[]"},
      {"logits_whole", {I32({4, 10}), I32({4})}, attrs, "expected logits f32[..., classes]; got i32[4, 10]"},
      {"labels_real", {F32({4, 10}), F32({4})}, attrs, "expected labels i32[4] for logits f32[4, 10]; got f32[4]"},
      {"labels_one_hot",
       {F32({4, 10}), I32({4, 10})},
       attrs,
       "expected labels i32[4] for logits f32[4, 10]; got i32[4, 10]"},
      {"other_batch", {F32({4, 10}), I32({5})}, attrs, "expected labels i32[4] for logits f32[4, 10]; got i32[5]"},
      {"huge", {F32({huge, 3}), I32({1})}, attrs, "expected labels i32[2147483648]"},
  };
}

std::vector<BadCase> CrossEntropyBackwardBadCases() {
  return {
      {"dloss_shape", {F32({4, 10}), I32({4}), F32({4, 1})}, CrossEntropyAttrs{}, "expected f32[4]; got f32[4, 1]"},
      {"labels",
       {F32({4, 10}), I32({3}), F32({4})},
       CrossEntropyAttrs{},
       "expected labels i32[4] for logits f32[4, 10]; got i32[3]"},
      {"scalar", {F32({}), I32({}), F32({})}, CrossEntropyAttrs{}, "expected logits f32[..., classes]; got f32[]"},
  };
}

std::vector<BadCase> LabelWeightBadCases() {
  return {
      {"real", {F32({4})}, LabelWeightAttrs{{1}}, "expected labels i32[...]; got f32[4]"},
      {"bytes", {U8({4})}, LabelWeightAttrs{{1}}, "expected labels i32[...]; got u8[4]"},
      {"opaque", {OpaqueType()}, LabelWeightAttrs{{1}}, "expected labels i32[...]; got opaque"},
  };
}

REGISTER_OP_CASES(SoftmaxCrossEntropy, CrossEntropyCases(), LogitsBadCases(CrossEntropyAttrs{}));
REGISTER_OP_CASES(SoftmaxCrossEntropyBackward, CrossEntropyBackwardCases(), CrossEntropyBackwardBadCases());
REGISTER_OP_CASES(LabelWeight, LabelWeightCases(), LabelWeightBadCases());
REGISTER_OP_CASES(InTopK, InTopKCases(), LogitsBadCases(TopKAttrs{1}));

}  // namespace
}  // namespace gradus
