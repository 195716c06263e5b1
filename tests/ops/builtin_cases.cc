#include <vector>

#include "graph/builtin_ops.h"
#include "tests/ops/op_cases.h"

namespace gradus {
namespace {

constexpr int64_t kLarge = int64_t{1} << 31;

std::vector<OpCase> FillCases() {
  return {
      {"scalar", {}, FillAttrs{F32({}), 3}},
      {"zero", {}, FillAttrs{F32({2, 3}), 0}},
      {"negative", {}, FillAttrs{F32({4}), -1.5}},
      {"batch_1", {}, FillAttrs{F32({1, 10}), 1}},
      {"channels_1", {}, FillAttrs{F32({2, 1, 3, 3}), 1}},
      {"channels_7", {}, FillAttrs{F32({2, 7, 3, 3}), 1}},
      {"channels_20", {}, FillAttrs{F32({2, 20, 3, 3}), 2}},
      {"volume", {}, FillAttrs{F32({1, 20, 2, 2, 2}), 2}},
      {"empty", {}, FillAttrs{F32({0, 3}), 2}},
      {"more_than_a_thread", {}, FillAttrs{F32({70000}), 0.25}},
  };
}

std::vector<BadCase> FillBadCases() {
  return {
      {"labels", {}, FillAttrs{I32({3}), 1}, "expected f32 to fill; got i32[3]"},
      {"bytes", {}, FillAttrs{U8({3}), 1}, "expected f32 to fill; got u8[3]"},
      {"opaque", {}, FillAttrs{OpaqueType(), 1}, "expected f32 to fill; got opaque"},
      {"too_large", {}, FillAttrs{F32({3}), 1e39}, "expected a value that f32 holds; got 1e+39"},
      {"too_small", {}, FillAttrs{F32({3}), -1e39}, "expected a value that f32 holds; got -1e+39"},
  };
}

OpCase Sum(const char* name, const TensorType& type, int terms) { return {name, std::vector<TensorType>(terms, type)}; }

std::vector<OpCase> AddNCases() {
  return {
      Sum("one", F32({2, 3}), 1),
      Sum("scalars", F32({}), 3),
      Sum("batch_1", F32({1, 10}), 2),
      Sum("channels_1", F32({2, 1, 3, 3}), 2),
      Sum("channels_7", F32({2, 7, 3, 3}), 3),
      Sum("channels_20", F32({2, 20, 3, 3}), 2),
      Sum("channels_16", F32({2, 16, 3, 3}), 4),
      Sum("volume", F32({1, 7, 2, 2, 2}), 5),
      Sum("many", F32({7}), 12),
      Sum("empty", F32({0, 3}), 2),
      Sum("more_than_a_thread", F32({3, 17, 1000}), 3),
  };
}

std::vector<BadCase> AddNBadCases() {
  return {
      {"shapes", {F32({2, 3}), F32({3, 2})}, {}, "expected terms of one type, f32[2, 3]; got f32[3, 2]"},
      {"broadcast", {F32({2, 3}), F32({3})}, {}, "expected terms of one type, f32[2, 3]; got f32[3]"},
      {"types", {F32({2}), I32({2})}, {}, "expected terms of one type, f32[2]; got i32[2]"},
      {"labels", {I32({2}), I32({2})}, {}, "expected f32 terms; got i32[2]"},
  };
}

struct Stretch {
  const char* name;
  TensorType small, large;
};

std::vector<Stretch> AllStretches() {
  return {
      {"scalars", F32({}), F32({})},
      {"same", F32({2, 3}), F32({2, 3})},
      {"scalar", F32({}), F32({2, 7, 3, 3})},
      {"ones", F32({1, 1}), F32({5, 4})},
      {"row", F32({33}), F32({6, 33})},
      {"column", F32({6, 1}), F32({6, 33})},
      {"channels_1", F32({1, 1, 3, 3}), F32({2, 1, 3, 3})},
      {"channel_7", F32({7, 1, 1}), F32({2, 7, 3, 3})},
      {"channel_16", F32({1, 16, 1, 1}), F32({2, 16, 3, 3})},
      {"channel_20", F32({1, 20, 1, 1}), F32({2, 20, 3, 3})},
      {"image_channel", F32({2, 20, 1, 1}), F32({2, 20, 3, 3})},
      {"across_channels", F32({2, 1, 3, 3}), F32({2, 20, 3, 3})},
      {"inner_and_outer", F32({1, 7, 1, 4}), F32({2, 7, 3, 4})},
      {"volume", F32({7, 1, 1, 1}), F32({1, 7, 2, 2, 2})},
      {"empty_batch", F32({7}), F32({0, 7})},
      {"empty", F32({0, 1}), F32({0, 7})},
  };
}

std::vector<OpCase> SumToCases() {
  std::vector<OpCase> cases;
  for (const Stretch& s : AllStretches()) cases.push_back({s.name, {s.large}, ShapeAttrs{s.small.shape}});
  return cases;
}

std::vector<OpCase> BroadcastToCases() {
  std::vector<OpCase> cases;
  for (const Stretch& s : AllStretches()) cases.push_back({s.name, {s.small}, ShapeAttrs{s.large.shape}});
  return cases;
}

std::vector<BadCase> SumToBadCases() {
  return {
      {"larger", {F32({3})}, ShapeAttrs{{2, 3}}, "expected f32 of a shape that [2, 3] broadcasts to; got f32[3]"},
      {"other", {F32({2, 3})}, ShapeAttrs{{2}}, "expected f32 of a shape that [2] broadcasts to; got f32[2, 3]"},
      {"empty", {F32({3})}, ShapeAttrs{{0}}, "expected f32 of a shape that [0] broadcasts to; got f32[3]"},
      {"large",
       {F32({2})},
       ShapeAttrs{{kLarge}},
       "expected f32 of a shape that [2147483648] broadcasts to; got f32[2]"},
      {"labels", {I32({2, 3})}, ShapeAttrs{{3}}, "expected f32 of a shape that [3] broadcasts to; got i32[2, 3]"},
  };
}

std::vector<BadCase> BroadcastToBadCases() {
  return {
      {"smaller", {F32({2, 3})}, ShapeAttrs{{3}}, "expected f32 of a shape that broadcasts to [3]; got f32[2, 3]"},
      {"other", {F32({2})}, ShapeAttrs{{2, 3}}, "expected f32 of a shape that broadcasts to [2, 3]; got f32[2]"},
      {"empty", {F32({0})}, ShapeAttrs{{3}}, "expected f32 of a shape that broadcasts to [3]; got f32[0]"},
      {"large",
       {F32({2})},
       ShapeAttrs{{kLarge}},
       "expected f32 of a shape that broadcasts to [2147483648]; got f32[2]"},
      {"labels", {I32({3})}, ShapeAttrs{{2, 3}}, "expected f32 of a shape that broadcasts to [2, 3]; got i32[3]"},
  };
}

REGISTER_OP_CASES(Fill, FillCases(), FillBadCases());
REGISTER_OP_CASES(AddN, AddNCases(), AddNBadCases());
REGISTER_OP_CASES(SumTo, SumToCases(), SumToBadCases());
REGISTER_OP_CASES(BroadcastTo, BroadcastToCases(), BroadcastToBadCases());

}  // namespace
}  // namespace gradus
