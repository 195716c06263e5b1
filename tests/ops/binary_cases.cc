#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "ops/binary.h"
#include "tests/ops/op_cases.h"

namespace gradus {
namespace {

struct Pair {
  const char* name;
  TensorType a, b;
};

std::vector<Pair> AllPairs() {
  return {
      {"scalars", F32({}), F32({})},
      {"scalar_right", F32({3, 7, 4, 2}), F32({})},
      {"scalar_left", F32({}), F32({3, 20, 2, 2})},
      {"one_right", F32({2, 5}), F32({1})},
      {"batch_1", F32({1, 10}), F32({1, 10})},
      {"channels_1", F32({2, 1, 5, 5}), F32({2, 1, 5, 5})},
      {"channels_7", F32({2, 7, 3, 3}), F32({2, 7, 3, 3})},
      {"channels_20", F32({2, 20, 3, 3}), F32({2, 20, 3, 3})},
      {"per_channel_7", F32({2, 7, 3, 3}), F32({7, 1, 1})},
      {"per_channel_16", F32({2, 16, 3, 3}), F32({1, 16, 1, 1})},
      {"per_channel_20", F32({2, 20, 3, 3}), F32({1, 20, 1, 1})},
      {"per_channel_left", F32({20, 1, 1}), F32({2, 20, 3, 3})},
      {"per_image_channel", F32({2, 20, 3, 3}), F32({2, 20, 1, 1})},
      {"per_image", F32({3, 7, 2, 2}), F32({3, 1, 1, 1})},
      {"per_position", F32({2, 20, 3, 4}), F32({3, 4})},
      {"one_channel_right", F32({2, 20, 3, 3}), F32({2, 1, 3, 3})},
      {"both_stretch", F32({4, 1}), F32({1, 5})},
      {"both_stretch_rank_4", F32({2, 1, 3, 1}), F32({1, 7, 1, 4})},
      {"ranks", F32({5}), F32({2, 3, 4, 5})},
      {"rows", F32({6, 33}), F32({33})},
      {"columns", F32({6, 33}), F32({6, 1})},
      {"volume", F32({1, 7, 2, 2, 2}), F32({7, 1, 1, 1})},
      {"empty", F32({0, 7}), F32({0, 7})},
      {"empty_and_one", F32({0, 7}), F32({1, 7})},
      {"empty_and_scalar", F32({2, 0, 3, 3}), F32({})},
  };
}

std::vector<OpCase> BinaryCases() {
  std::vector<OpCase> cases;
  for (const Pair& pair : AllPairs()) {
    cases.push_back({absl::StrCat("multiply_", pair.name), {pair.a, pair.b}, BinaryAttrs{Binary::MULTIPLY}});
    cases.push_back({absl::StrCat("divide_", pair.name),
                     {pair.a, pair.b},
                     BinaryAttrs{Binary::DIVIDE},
                     {Domain{}, Domain::Positive()}});
  }
  const std::vector<TensorType> same = {F32({2, 20, 3, 3}), F32({2, 20, 3, 3})};
  const std::vector<TensorType> stretched = {F32({2, 20, 3, 3}), F32({20, 1, 1})};
  for (const auto& [name, inputs] : {std::pair("same", same), std::pair("stretched", stretched)}) {
    cases.push_back({absl::StrCat("add_", name), inputs, BinaryAttrs{Binary::ADD}});
    cases.push_back({absl::StrCat("subtract_", name), inputs, BinaryAttrs{Binary::SUBTRACT}});
    cases.push_back(
        {absl::StrCat("power_", name), inputs, BinaryAttrs{Binary::POWER}, {Domain::Positive(), Domain::Real(-2, 2)}});
    for (Binary::Function extremum : {Binary::MAXIMUM, Binary::MINIMUM}) {
      const std::string prefix = absl::AsciiStrToLower(Binary::Function_Name(extremum));
      cases.push_back({absl::StrCat(prefix, "_", name),
                       inputs,
                       BinaryAttrs{extremum},
                       {Domain::Whole(-3, 3), Domain::Values({0.5, -1.5, 2.5, -0.5, 1.5})}});
    }
  }
  cases.push_back({"power_of_negative",
                   {F32({3, 4}), F32({})},
                   BinaryAttrs{Binary::POWER},
                   {Domain::AwayFrom({0}), Domain::Values({3})},
                   {},
                   {1}});
  cases.push_back({"more_than_a_thread", {F32({3, 20, 40, 40}), F32({20, 1, 1})}, BinaryAttrs{Binary::MULTIPLY}});
  return cases;
}

std::vector<BadCase> BinaryBadCases() {
  const BinaryAttrs add{Binary::ADD};
  const int64_t large = int64_t{1} << 31;
  return {
      {"shapes", {F32({2, 3}), F32({2, 4})}, add, "shapes [2, 3] and [2, 4] do not broadcast to each other"},
      {"empty", {F32({0}), F32({2})}, add, "shapes [0] and [2] do not broadcast to each other"},
      {"ranks", {F32({2, 3}), F32({2, 1, 1, 2})}, add, "shapes [2, 3] and [2, 1, 1, 2] do not broadcast to each other"},
      {"overflow", {F32({large, 1}), F32({large})}, add, "shape [2147483648, 2147483648] has 2^56 elements or more"},
      {"labels", {F32({2}), I32({2})}, add, "expected f32; got i32[2]"},
  };
}

REGISTER_OP_CASES(Binary, BinaryCases(), BinaryBadCases());

}  // namespace
}  // namespace gradus
