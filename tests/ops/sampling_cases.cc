#include <vector>

#include "ops/sampling.h"
#include "tests/ops/op_cases.h"

namespace gradus {
namespace {

std::vector<OpCase> Cases(const Domain& domain) {
  std::vector<OpCase> cases = {
      {"scalar", {F32({})}, SamplingAttrs{1}},
      {"empty", {F32({0, 10})}, SamplingAttrs{1}},
      {"one", {F32({1})}, SamplingAttrs{2}},
      {"batch_1", {F32({1, 10})}, SamplingAttrs{3}},
      {"rows", {F32({6, 11})}, SamplingAttrs{4}},
      {"whole_blocks", {F32({4, 64})}, SamplingAttrs{~uint64_t{0}}},
      {"several_threads", {F32({17, 259})}, SamplingAttrs{6}},
      {"channels_1", {F32({2, 1, 5, 3})}, SamplingAttrs{5}},
      {"channels_7", {F32({2, 7, 3, 3})}, SamplingAttrs{5}},
      {"channels_20", {F32({2, 20, 3, 3})}, SamplingAttrs{5}},
      {"later", {F32({5, 7})}, SamplingAttrs{7}},
  };
  for (OpCase& row : cases) row.domains = {domain};
  cases.back().state = {7, 1000, 3};
  return cases;
}

std::vector<BadCase> Bad() {
  return {{"integers", {I32({2})}, SamplingAttrs{1}, "expected f32; got i32[2]"},
          {"bytes", {U8({2, 3})}, SamplingAttrs{1}, "expected f32; got u8[2, 3]"},
          {"opaque", {OpaqueType()}, SamplingAttrs{1}, "expected f32; got opaque"}};
}

REGISTER_OP_CASES(Bernoulli, Cases(Domain::Real(-0.2, 1.2)), Bad());
REGISTER_OP_CASES(GaussianNoise, Cases(Domain{}), Bad());

}  // namespace
}  // namespace gradus
