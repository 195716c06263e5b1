#include <limits>
#include <string>
#include <vector>

#include "ops/lrn.h"
#include "tests/ops/op_cases.h"

namespace gradus {
namespace {

// Windows within the channels, wider than them, of one channel; betas that have code of their own and others.
std::vector<OpCase> Cases(int inputs) {
  const LrnAttrs strong = {5, 2, 0.75, 1};
  std::vector<OpCase> cases;
  const auto add = [&](const std::string& name, const TensorType& type, const LrnAttrs& attrs) {
    cases.push_back({name, std::vector<TensorType>(inputs, type), attrs});
  };
  add("defaults", F32({1, 20, 3, 3}), LrnAttrs{});
  add("channels_1", F32({2, 1, 3, 4}), strong);
  add("channels_7", F32({2, 7, 3, 3}), strong);
  add("channels_16", F32({2, 16, 2, 3}), strong);
  add("channels_20", F32({2, 20, 3, 3}), strong);
  add("channels_40", F32({1, 40, 2, 3}), strong);
  add("one_image_many_places", F32({1, 3, 9, 23}), strong);
  add("matrix", F32({5, 9}), strong);
  add("line", F32({2, 20, 5}), strong);
  add("volume", F32({1, 9, 2, 3, 2}), strong);
  add("size_1", F32({2, 7, 2, 2}), {1, 2, 0.75, 2});
  add("size_3", F32({2, 20, 2, 2}), {3, 2, 0.75, 1});
  add("size_7", F32({1, 20, 2, 2}), {7, 2, 0.75, 1});
  add("wider_than_the_channels", F32({1, 7, 2, 3}), {101, 40, 0.75, 1});
  add("beta_1", F32({1, 20, 2, 2}), {5, 2, 1, 1});
  add("beta_half", F32({1, 20, 2, 2}), {5, 2, 0.5, 1});
  add("beta_quarter", F32({1, 20, 2, 2}), {5, 2, 0.25, 1});
  add("beta_0", F32({1, 7, 2, 2}), {5, 2, 0, 1});
  add("beta_three_fifths", F32({2, 20, 2, 2}), {5, 2, 0.6, 1});
  add("negative_beta", F32({1, 7, 2, 2}), {5, 2, -0.5, 1});
  add("alpha_0", F32({1, 7, 2, 2}), {5, 0, 0.75, 3});
  add("k_2", F32({1, 7, 3, 2}), {5, 1, 0.75, 2});
  add("k_hundredth", F32({1, 7, 3, 2}), {5, 1, 0.75, 0.01});
  add("empty_batch", F32({0, 7, 3, 3}), strong);
  add("no_channels", F32({2, 0, 3}), strong);
  return cases;
}

std::vector<BadCase> BadCases(int inputs) {
  const auto all = [inputs](const TensorType& type) { return std::vector<TensorType>(inputs, type); };
  std::vector<BadCase> cases = {
      {"vector", all(F32({7})), LrnAttrs{}, "expected f32[N, C] or f32[N, C, ...]; got f32[7]"},
      {"integers", all(I32({2, 7, 3, 3})), LrnAttrs{}, "expected f32; got i32[2, 7, 3, 3]"},
      {"even", all(F32({2, 7})), LrnAttrs{4}, "expected an odd size; got 4"},
      {"size_0", all(F32({2, 7})), LrnAttrs{0}, "expected an odd size; got 0"},
      {"negative_size", all(F32({2, 7})), LrnAttrs{-1}, "expected an odd size; got -1"},
      {"negative_alpha", all(F32({2, 7})), LrnAttrs{5, -1}, "expected alpha of at least 0; got -1"},
      {"infinite_beta", all(F32({2, 7})), LrnAttrs{5, 1, std::numeric_limits<double>::infinity()},
       "expected a finite beta; got inf"},
      {"k_0", all(F32({2, 7})), LrnAttrs{5, 1, 0.75, 0}, "expected k above 0; got 0"},
  };
  if (inputs == 2) {
    cases.push_back(
        {"shapes", {F32({2, 7}), F32({7, 2})}, LrnAttrs{}, "expected inputs of one shape, f32[2, 7]; got f32[7, 2]"});
  }
  return cases;
}

}  // namespace

REGISTER_OP_CASES(Lrn, Cases(1), BadCases(1));
REGISTER_OP_CASES(LrnBackward, Cases(2), BadCases(2));

}  // namespace gradus
