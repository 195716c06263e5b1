#include "graph/step_ops.h"
#include "ops/optimizers.h"
#include "tests/ops/op_cases.h"

namespace gradus {
namespace {

// The shapes that every update is tried on: parameters of all ranks, none of them a round number of vectors.
const std::vector<std::pair<std::string, TensorType>>& Parameters() {
  static const auto* const parameters = new std::vector<std::pair<std::string, TensorType>>{
      {"scalar", F32({})},
      {"empty", F32({0})},
      {"one", F32({1})},
      {"bias", F32({7})},
      {"vector", F32({20})},
      {"matrix", F32({10, 33})},
      {"channels_1", F32({4, 1, 3, 3})},
      {"channels_7", F32({4, 7, 3, 3})},
      {"channels_20", F32({5, 20, 3, 3})},
      {"volume", F32({3, 4, 2, 3, 2})},
  };
  return *parameters;
}

// `tensors` of one type, the learning rate and the scale; drawn from `domains`.
std::vector<OpCase> UpdateCases(int tensors, const std::vector<Attrs>& attrs, const std::vector<Domain>& domains) {
  std::vector<OpCase> cases;
  for (const auto& [name, type] : Parameters()) {
    OpCase row;
    row.name = name;
    row.inputs = std::vector<TensorType>(tensors, type);
    row.inputs.push_back(F32({}));
    row.inputs.push_back(F32({}));
    row.attrs = attrs[cases.size() % attrs.size()];
    row.domains = domains;
    cases.push_back(row);
  }
  return cases;
}

std::vector<BadCase> BadUpdates(int tensors, const Attrs& attrs) {
  std::vector<TensorType> good(tensors, F32({2, 3}));
  good.push_back(F32({}));
  good.push_back(F32({}));
  std::vector<TensorType> gradient = good, rate = good, scale = good, dtype = good;
  gradient[1] = F32({3, 2});
  rate[tensors] = F32({1});
  scale[tensors + 1] = F32({2, 3});
  dtype[0] = I32({2, 3});
  return {{"gradient_of_another_shape", gradient, attrs, "expected f32[2, 3]; got f32[3, 2]"},
          {"rate_no_scalar", rate, attrs, "expected f32[]; got f32[1]"},
          {"scale_no_scalar", scale, attrs, "expected f32[]; got f32[2, 3]"},
          {"integers", dtype, attrs, "i32[2, 3]"}};
}

const Attrs kSgd = SgdAttrs{{0.5, 0.01, 0.001}, 0, false};
const std::vector<Attrs> kMomentum = {SgdAttrs{{1, 0, 0}, 0.9, false}, SgdAttrs{{2, 0.01, 0}, 0.9, true},
                                      SgdAttrs{{1, 0.1, 0.01}, 0.5, false}};
const std::vector<Attrs> kAdam = {AdamAttrs{{1, 0, 0}, 0.9, 0.999, 1e-8}, AdamAttrs{{2, 0.01, 0.001}, 0.5, 0.9, 1e-3},
                                  AdamAttrs{{2, 0.1, 0.001}, 0.5, 0.9, 1e-3, true}};

const std::vector<Attrs> kAdaGrad = {AdaGradAttrs{{1, 0, 0}, 1e-3}, AdaGradAttrs{{2, 0.01, 0.001}, 0.1}};
const std::vector<Attrs> kAdaDelta = {AdaDeltaAttrs{{1, 0, 0}, 0.9, 1e-2}, AdaDeltaAttrs{{2, 0.01, 0.001}, 0.5, 0.1}};

// w, g, the learning rate, the scale, then slots that are above 0.
std::vector<OpCase> SlotsLastCases(int slots, const std::string& suffix, const std::vector<Attrs>& attrs) {
  std::vector<OpCase> cases;
  for (const auto& [name, type] : Parameters()) {
    OpCase row;
    row.name = name + suffix;
    row.inputs = {type, type, F32({}), F32({})};
    row.inputs.resize(4 + slots, type);
    row.attrs = attrs[cases.size() % attrs.size()];
    row.domains = {{}, {}, Domain::Positive(), {}, Domain::Real(2, 4), Domain::Real(0.25, 1), Domain::Positive()};
    row.domains.resize(4 + slots);
    cases.push_back(row);
  }
  return cases;
}

std::vector<OpCase> RmsPropCases() {
  std::vector<OpCase> cases;
  for (bool centered : {false, true}) {
    for (double momentum : {0.0, 0.9}) {
      const std::vector<Attrs> attrs = {RmsPropAttrs{{1, 0, 0}, 0.9, 1e-3, momentum, centered},
                                        RmsPropAttrs{{2, 0.01, 0.001}, 0.5, 0.1, momentum, centered}};
      const std::string suffix = std::string(centered ? "_centered" : "") + (momentum > 0 ? "_momentum" : "");
      for (OpCase& row : SlotsLastCases(1 + centered + (momentum > 0), suffix, attrs)) cases.push_back(std::move(row));
    }
  }
  return cases;
}

std::vector<BadCase> BadSlotsLast(int slots, const Attrs& attrs) {
  std::vector<TensorType> good = {F32({2, 3}), F32({2, 3}), F32({}), F32({})};
  good.resize(4 + slots, F32({2, 3}));
  std::vector<TensorType> rate = good, slot = good, whole = good;
  rate[2] = F32({1});
  slot[4] = F32({3, 2});
  whole[1] = I32({2, 3});
  return {{"rate_no_scalar", rate, attrs, "expected f32[]; got f32[1]"},
          {"slot_of_another_shape", slot, attrs, "expected f32[2, 3]; got f32[3, 2]"},
          {"integers", whole, attrs, "i32[2, 3]"}};
}

std::vector<OpCase> NormCases() {
  std::vector<OpCase> cases;
  for (const auto& [name, type] : Parameters()) cases.push_back({name, {type, type}});
  return cases;
}

std::vector<OpCase> AccumulateCases() {
  std::vector<OpCase> cases;
  for (const auto& [name, type] : Parameters()) cases.push_back({name, {type, type}});
  return cases;
}

std::vector<OpCase> ClipCases() {
  std::vector<OpCase> cases;
  for (double count : {1.0, 2.0, 7.0, 64.0}) {
    for (double clip : {0.0, 0.5, 100.0}) {
      cases.push_back(
          {"count_" + std::to_string(static_cast<int>(count)) + "_clip_" + std::to_string(static_cast<int>(clip * 10)),
           {F32({})},
           ClipScaleAttrs{count, clip},
           {Domain::Positive()}});
    }
  }
  return cases;
}

}  // namespace

REGISTER_OP_CASES(SgdUpdate, UpdateCases(2, {kSgd}, {}), BadUpdates(2, kSgd));
REGISTER_OP_CASES(MomentumUpdate, UpdateCases(3, kMomentum, {}), BadUpdates(3, kMomentum[0]));
REGISTER_OP_CASES(AdamUpdate, UpdateCases(4, kAdam, {{}, {}, {}, Domain::Positive(), Domain::Positive(), {}}),
                  BadUpdates(4, kAdam[0]));
REGISTER_OP_CASES(AdaGradUpdate, SlotsLastCases(1, "", kAdaGrad), BadSlotsLast(1, kAdaGrad[0]));
REGISTER_OP_CASES(RmsPropUpdate, RmsPropCases(), BadSlotsLast(1, RmsPropAttrs{{1, 0, 0}, 0.9, 1e-3, 0, false}));
REGISTER_OP_CASES(AdaDeltaUpdate, SlotsLastCases(2, "", kAdaDelta), BadSlotsLast(2, kAdaDelta[0]));
REGISTER_OP_CASES(SquaredNorm, NormCases(),
                  std::vector<BadCase>{{"integers", {I32({2})}, {}, "i32[2]"},
                                       {"second_integer", {F32({2}), I32({2})}, {}, "i32[2]"},
                                       {"bytes", {U8({2})}, {}, "u8[2]"}});
REGISTER_OP_CASES(ClipScale, ClipCases(),
                  std::vector<BadCase>{{"vector", {F32({1})}, ClipScaleAttrs{}, "expected f32[]; got f32[1]"},
                                       {"integer", {I32({})}, ClipScaleAttrs{}, "i32[]"},
                                       {"matrix", {F32({2, 2})}, ClipScaleAttrs{}, "expected f32[]; got f32[2, 2]"}});
REGISTER_OP_CASES(Accumulate, AccumulateCases(),
                  std::vector<BadCase>{{"shapes", {F32({2}), F32({3})}, {}, "got f32[2] and f32[3]"},
                                       {"integers", {I32({2}), I32({2})}, {}, "got i32[2] and i32[2]"},
                                       {"ranks", {F32({2}), F32({2, 1})}, {}, "got f32[2] and f32[2, 1]"}});

}  // namespace gradus
