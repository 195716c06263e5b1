#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "ops/recurrent.h"
#include "tests/ops/op_cases.h"

namespace gradus {
namespace {

struct Sizes {
  const char* name;
  int64_t batch, steps, units;
  bool lengths = false, reverse = false;
};

std::vector<Sizes> AllSizes() {
  return {
      {"one", 1, 1, 1},
      {"few_steps", 3, 2, 5},
      {"few_steps_lengths", 3, 3, 4, true},
      {"steps_7", 2, 7, 3},
      {"steps_7_reverse", 2, 7, 3, false, true},
      {"lengths", 4, 6, 3, true},
      {"lengths_reverse", 4, 6, 3, true, true},
      {"steps_50", 2, 50, 2},
      {"steps_50_lengths_reverse", 2, 50, 2, true, true},
      {"panel", 2, 4, 8},
      {"more_than_a_panel", 1, 4, 9},
      {"rows_13", 13, 4, 3, true},
      {"empty_batch", 0, 3, 4},
      {"no_steps", 2, 0, 4},
  };
}

struct Cell {
  const char* name;
  RecurrentCell cell;
};

std::vector<Cell> AllCells() {
  return {{"tanh", RecurrentCell::kTanh},
          {"relu", RecurrentCell::kRelu},
          {"gru", RecurrentCell::kGru},
          {"lstm", RecurrentCell::kLstm}};
}

// x, w, h0 [, b] [, c0] [, lengths], in the order of Recurrent's inputs.
OpCase ForwardCase(const Cell& cell, const Sizes& s) {
  const RecurrentAttrs attrs{cell.cell, s.reverse, s.lengths, cell.cell == RecurrentCell::kLstm ? 0.5 : 0.0};
  const CellFacts facts = FactsOf(cell.cell);
  OpCase result{absl::StrCat(cell.name, "_", s.name), {}, attrs};
  result.inputs = {F32({s.batch, s.steps, facts.gates * s.units}), F32({facts.gates * s.units, s.units}),
                   F32({s.batch, s.units})};
  if (facts.has_bias) result.inputs.push_back(F32({s.units}));
  if (facts.has_cell) result.inputs.push_back(F32({s.batch, s.units}));
  result.domains.resize(result.inputs.size());
  // Long products of large weights leave float32.
  result.domains[1] = Domain::Real(-0.7, 0.7);
  if (s.lengths) {
    result.inputs.push_back(I32({s.batch}));
    result.domains.push_back(Domain::Whole(0, s.steps));
  }
  if (facts.saves) result.undifferentiated = {2, 3};
  return result;
}

std::vector<OpCase> ForwardCases() {
  std::vector<OpCase> cases;
  for (const Cell& cell : AllCells()) {
    for (const Sizes& sizes : AllSizes()) cases.push_back(ForwardCase(cell, sizes));
  }
  return cases;
}

// What Recurrent takes, then dy and dh [and dc]: the layer, then its gradient.
OpCase BackwardCase(const Cell& cell, const Sizes& sizes) {
  OpCase result = ForwardCase(cell, sizes);
  const auto attrs = result.attrs.as<RecurrentAttrs>();
  const RecurrentOperands at(attrs);
  result.inputs.push_back(F32({sizes.batch, sizes.steps, sizes.units}));
  result.inputs.push_back(F32({sizes.batch, sizes.units}));
  if (at.c >= 0) result.inputs.push_back(F32({sizes.batch, sizes.units}));
  result.build = [attrs, at](Graph& graph, const std::vector<Value>& in) -> absl::StatusOr<Value> {
    const std::vector<Value> operands(in.begin(), in.begin() + at.inputs);
    GRADUS_ASSIGN_OR_RETURN(const Value y, graph.Add({"Recurrent", "y", operands, attrs, {}, Stage::kCompute, -1}));
    std::vector<Value> inputs = {in[1], in[2], y, in[at.inputs], in[at.inputs + 1]};
    if (at.gates >= 0) inputs.insert(inputs.end(), {Value{y.node, at.gates}, Value{y.node, at.inner}});
    if (at.c >= 0) inputs.insert(inputs.end(), {in[at.c0], in[at.inputs + 2]});
    if (at.lengths >= 0) inputs.push_back(in[at.lengths]);
    return graph.Add({"RecurrentBackward", "backward", std::move(inputs), attrs, {}, Stage::kCompute, y.node});
  };
  return result;
}

std::vector<OpCase> BackwardCases() {
  std::vector<OpCase> cases;
  for (const Cell& cell : AllCells()) {
    for (const Sizes& sizes : AllSizes()) cases.push_back(BackwardCase(cell, sizes));
  }
  return cases;
}

constexpr RecurrentAttrs kPlain{RecurrentCell::kTanh};
constexpr RecurrentAttrs kLstm{RecurrentCell::kLstm};

REGISTER_OP_CASES(
    Recurrent, ForwardCases(),
    std::vector<BadCase>{
        {"rank", {F32({2, 3}), F32({3, 3}), F32({2, 3})}, kPlain, "expected x f32[N, T, gates x units]; got f32[2, 3]"},
        {"weights",
         {F32({2, 5, 12}), F32({12, 4}), F32({2, 4}), F32({2, 4})},
         kLstm,
         "expected weights f32[4 x units, units]; got f32[12, 4]"},
        {"x_of_other_units",
         {F32({2, 5, 12}), F32({16, 4}), F32({2, 4}), F32({2, 4})},
         kLstm,
         "expected f32[2, 5, 16] as input 0; got f32[2, 5, 12]"},
        {"state", {F32({2, 5, 3}), F32({3, 3}), F32({1, 3})}, kPlain, "expected f32[2, 3] as input 2; got f32[1, 3]"},
        {"no_cell", {F32({2, 5, 4}), F32({4, 1}), F32({2, 1})}, kLstm, "expected 4 inputs for these attributes; got 3"},
        {"lengths",
         {F32({2, 5, 3}), F32({3, 3}), F32({2, 3}), I32({3})},
         RecurrentAttrs{RecurrentCell::kTanh, false, true},
         "expected i32[2] as input 3; got i32[3]"},
    });

REGISTER_OP_CASES(RecurrentBackward, BackwardCases(),
                  std::vector<BadCase>{
                      {"rank",
                       {F32({3, 3}), F32({2, 3}), F32({2, 3}), F32({2, 3}), F32({2, 3})},
                       kPlain,
                       "expected y f32[N, T, units]; got f32[2, 3]"},
                      {"dy",
                       {F32({3, 3}), F32({2, 3}), F32({2, 5, 3}), F32({2, 4, 3}), F32({2, 3})},
                       kPlain,
                       "expected f32[2, 5, 3] as input 3; got f32[2, 4, 3]"},
                      {"count",
                       {F32({4, 1}), F32({2, 1}), F32({2, 5, 1}), F32({2, 5, 1}), F32({2, 1})},
                       kLstm,
                       "expected 9 inputs for these attributes; got 5"},
                  });

}  // namespace
}  // namespace gradus
