#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "ops/reduce.h"
#include "tests/ops/op_cases.h"

namespace gradus {
namespace {

struct Reduction {
  const char* name;
  TensorType x;
  Dims axes;
};

std::vector<Reduction> AllReductions() {
  return {
      {"scalar", F32({}), {}},
      {"no_axes", F32({2, 3}), {}},
      {"all_of_one", F32({1}), {0}},
      {"vector", F32({300}), {0}},
      {"rows", F32({5, 33}), {1}},
      {"columns", F32({5, 33}), {0}},
      {"wide_columns", F32({3, 600}), {0}},
      {"both", F32({5, 33}), {0, 1}},
      {"example_channels_1", F32({2, 1, 4, 3}), {1, 2, 3}},
      {"example_channels_7", F32({3, 7, 2, 2}), {1, 2, 3}},
      {"example_channels_20", F32({2, 20, 3, 3}), {1, 2, 3}},
      {"channels", F32({2, 20, 3, 3}), {1}},
      {"positions_7", F32({2, 7, 3, 4}), {2, 3}},
      {"positions_16", F32({2, 16, 3, 4}), {2, 3}},
      {"positions_20", F32({2, 20, 3, 4}), {2, 3}},
      {"per_channel_7", F32({3, 7, 2, 5}), {0, 2, 3}},
      {"per_channel_20", F32({3, 20, 2, 5}), {0, 2, 3}},
      {"batch", F32({4, 20, 2, 2}), {0}},
      {"height", F32({2, 7, 3, 4}), {2}},
      {"width", F32({2, 7, 3, 4}), {3}},
      {"batch_and_height", F32({2, 7, 3, 4}), {0, 2}},
      {"volume", F32({1, 7, 2, 3, 2}), {2, 3, 4}},
      {"sequence", F32({2, 20, 5}), {2}},
      {"empty_batch", F32({0, 7}), {1}},
  };
}

std::vector<OpCase> ReduceCases() {
  std::vector<OpCase> cases;
  for (const Reduction& r : AllReductions()) {
    for (Reduce::Function function : {Reduce::SUM, Reduce::MEAN, Reduce::MAX}) {
      const std::string name = absl::AsciiStrToLower(Reduce::Function_Name(function));
      const Domain domain = function == Reduce::MAX ? Domain::Distinct() : Domain{};
      const bool keep_dims = function != Reduce::SUM;
      cases.push_back({absl::StrCat(name, "_", r.name), {r.x}, ReduceAttrs{function, r.axes, keep_dims}, {domain}});
    }
  }
  cases.push_back({"sum_keep_dims", {F32({2, 20, 3, 3})}, ReduceAttrs{Reduce::SUM, {2, 3}, true}});
  cases.push_back({"mean_drop_dims", {F32({2, 20, 3, 3})}, ReduceAttrs{Reduce::MEAN, {1}, false}});
  cases.push_back(
      {"max_drop_dims", {F32({2, 20, 3, 3})}, ReduceAttrs{Reduce::MAX, {2, 3}, false}, {Domain::Distinct()}});
  cases.push_back(
      {"max_negative", {F32({2, 20, 3, 3})}, ReduceAttrs{Reduce::MAX, {1}, true}, {Domain::Distinct(-3, -1)}});
  cases.push_back({"sum_of_nothing", {F32({3, 0})}, ReduceAttrs{Reduce::SUM, {1}, false}});
  cases.push_back({"parts_of_one_sum", {F32({2, 7, 60, 60})}, ReduceAttrs{Reduce::SUM, {0, 1, 2, 3}, false}});
  cases.push_back({"parts_of_few_sums", {F32({60, 60, 20})}, ReduceAttrs{Reduce::MEAN, {0, 1}, false}});
  return cases;
}

std::vector<BadCase> ReduceBadCases() {
  return {
      {"axis", {F32({2, 3})}, ReduceAttrs{Reduce::SUM, {2}, false}, "axis 2 is outside f32[2, 3]"},
      {"negative_axis", {F32({2, 3})}, ReduceAttrs{Reduce::SUM, {-1}, false}, "axis -1 is outside f32[2, 3]"},
      {"scalar", {F32({})}, ReduceAttrs{Reduce::SUM, {0}, false}, "axis 0 is outside f32[]"},
      {"twice", {F32({2, 3})}, ReduceAttrs{Reduce::SUM, {1, 1}, true}, "axis 1 of f32[2, 3] is reduced twice"},
      {"max_of_nothing",
       {F32({3, 0})},
       ReduceAttrs{Reduce::MAX, {1}, false},
       "expected elements to reduce; got f32[3, 0]"},
      {"mean_of_nothing", {F32({0})}, ReduceAttrs{Reduce::MEAN, {0}, false}, "expected elements to reduce; got f32[0]"},
      {"labels", {I32({3})}, ReduceAttrs{Reduce::SUM, {0}, false}, "expected f32; got i32[3]"},
  };
}

REGISTER_OP_CASES(Reduce, ReduceCases(), ReduceBadCases());

}  // namespace
}  // namespace gradus
