// Recurrent layers, all steps with the products of their inputs, against oneDNN's primitives, which do both: the layers
// of a language model, of images read row by row, of the adding problem.
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "core/onednn.h"
#include "core/status_macros.h"
#include "ops/dense.h"
#include "ops/recurrent.h"
#include "ops/reshape.h"
#include "tests/benchmarks/op_benchmark.h"

namespace gradus {
namespace {

using dnnl::memory;
using Tag = memory::format_tag;

constexpr auto kLeftToRight = dnnl::rnn_direction::unidirectional_left2right;

struct Row {
  const char* name;
  int64_t batch, steps, features, units;
};

const Row kRows[] = {{"words", 32, 35, 512, 512}, {"rows", 64, 28, 28, 128}, {"adding", 50, 100, 2, 64}};

struct Cell {
  const char* name;
  RecurrentCell cell;
};

const Cell kCells[] = {{"rnn", RecurrentCell::kTanh}, {"gru", RecurrentCell::kGru}, {"lstm", RecurrentCell::kLstm}};

// What oneDNN's primitives work on. Its GRU that resets behind the product, as ours does, has a fourth bias.
struct Descs {
  Descs(const Row& row, RecurrentCell cell)
      : x(Make({row.steps, row.batch, row.features}, Tag::tnc)),
        y(Make({row.steps, row.batch, row.units}, Tag::tnc)),
        state(Make({1, 1, row.batch, row.units}, Tag::ldnc)),
        w_x(Make({1, 1, row.features, FactsOf(cell).gates, row.units}, Tag::any)),
        w_h(Make({1, 1, row.units, FactsOf(cell).gates, row.units}, Tag::any)),
        bias(Make({1, 1, FactsOf(cell).gates + (cell == RecurrentCell::kGru ? 1 : 0), row.units}, Tag::ldgo)) {}

  static memory::desc Make(const memory::dims& dims, Tag tag) { return {dims, memory::data_type::f32, tag}; }

  memory::desc x, y, state, w_x, w_h, bias;
};

dnnl::vanilla_rnn_forward::primitive_desc RnnForward(const Descs& d) {
  return {dnnl::vanilla_rnn_forward::desc(dnnl::prop_kind::forward_training, dnnl::algorithm::eltwise_tanh,
                                          kLeftToRight, d.x, d.state, d.w_x, d.w_h, d.bias, d.y, d.state),
          CpuEngine()};
}
dnnl::lbr_gru_forward::primitive_desc GruForward(const Descs& d) {
  return {dnnl::lbr_gru_forward::desc(dnnl::prop_kind::forward_training, kLeftToRight, d.x, d.state, d.w_x, d.w_h,
                                      d.bias, d.y, d.state),
          CpuEngine()};
}
dnnl::lstm_forward::primitive_desc LstmForward(const Descs& d) {
  return {dnnl::lstm_forward::desc(dnnl::prop_kind::forward_training, kLeftToRight, d.x, d.state, d.state, d.w_x, d.w_h,
                                   d.bias, d.y, d.state, d.state),
          CpuEngine()};
}

const std::vector<int>& ForwardArguments(RecurrentCell cell) {
  static const auto* const kPlain =
      new std::vector<int>{DNNL_ARG_SRC_LAYER, DNNL_ARG_SRC_ITER,  DNNL_ARG_WEIGHTS_LAYER, DNNL_ARG_WEIGHTS_ITER,
                           DNNL_ARG_BIAS,      DNNL_ARG_DST_LAYER, DNNL_ARG_DST_ITER,      DNNL_ARG_WORKSPACE};
  static const auto* const kWithCells = [] {
    auto* const all = new std::vector<int>(*kPlain);
    all->insert(all->end(), {DNNL_ARG_SRC_ITER_C, DNNL_ARG_DST_ITER_C});
    return all;
  }();
  return FactsOf(cell).has_cell ? *kWithCells : *kPlain;
}

std::unique_ptr<Timed> Forward(const Row& row, RecurrentCell cell) {
  const Descs d(row, cell);
  const std::vector<int>& arguments = ForwardArguments(cell);
  if (cell == RecurrentCell::kGru) return BarePrimitive(GruForward(d), arguments);
  if (cell == RecurrentCell::kLstm) return BarePrimitive(LstmForward(d), arguments);
  return BarePrimitive(RnnForward(d), arguments);
}

std::unique_ptr<Timed> Backward(const Row& row, RecurrentCell cell) {
  const Descs d(row, cell);
  std::vector<int> arguments = ForwardArguments(cell);
  arguments.insert(arguments.end(),
                   {DNNL_ARG_DIFF_SRC_LAYER, DNNL_ARG_DIFF_SRC_ITER, DNNL_ARG_DIFF_WEIGHTS_LAYER,
                    DNNL_ARG_DIFF_WEIGHTS_ITER, DNNL_ARG_DIFF_BIAS, DNNL_ARG_DIFF_DST_LAYER, DNNL_ARG_DIFF_DST_ITER});
  if (cell == RecurrentCell::kGru) {
    return BarePrimitive(
        dnnl::lbr_gru_backward::primitive_desc(
            dnnl::lbr_gru_backward::desc(dnnl::prop_kind::backward, kLeftToRight, d.x, d.state, d.w_x, d.w_h, d.bias,
                                         d.y, d.state, d.x, d.state, d.w_x, d.w_h, d.bias, d.y, d.state),
            CpuEngine(), GruForward(d)),
        arguments);
  }
  if (cell == RecurrentCell::kLstm) {
    arguments.insert(arguments.end(), {DNNL_ARG_DIFF_SRC_ITER_C, DNNL_ARG_DIFF_DST_ITER_C});
    return BarePrimitive(dnnl::lstm_backward::primitive_desc(
                             dnnl::lstm_backward::desc(dnnl::prop_kind::backward, kLeftToRight, d.x, d.state, d.state,
                                                       d.w_x, d.w_h, d.bias, d.y, d.state, d.state, d.x, d.state,
                                                       d.state, d.w_x, d.w_h, d.bias, d.y, d.state, d.state),
                             CpuEngine(), LstmForward(d)),
                         arguments);
  }
  return BarePrimitive(dnnl::vanilla_rnn_backward::primitive_desc(
                           dnnl::vanilla_rnn_backward::desc(dnnl::prop_kind::backward, dnnl::algorithm::eltwise_tanh,
                                                            kLeftToRight, d.x, d.state, d.w_x, d.w_h, d.bias, d.y,
                                                            d.state, d.x, d.state, d.w_x, d.w_h, d.bias, d.y, d.state),
                           CpuEngine(), RnnForward(d)),
                       arguments);
}

BenchInput Plain(const TensorType& type) { return {type, Layout::Plain(type)}; }

// Inputs: the rows of all examples and steps, their weights and bias; then those of Recurrent after x.
void AddForward(const Row& row, const Cell& cell) {
  const RecurrentAttrs attrs{cell.cell};
  const RecurrentOperands at(attrs);
  const int64_t rows = FactsOf(cell.cell).gates * row.units;
  const TensorType w_x = Floats({rows, row.features});
  OpBenchmark op;
  op.inputs = {Plain(Floats({row.batch * row.steps, row.features})),
               {w_x, Layout()},
               Plain(Floats({rows})),
               Plain(Floats({rows, row.units})),
               Plain(Floats({row.batch, row.units}))};
  if (at.bias >= 0) op.inputs.push_back(Plain(Floats({row.units})));
  if (at.c0 >= 0) op.inputs.push_back(Plain(Floats({row.batch, row.units})));
  op.build = [row, rows, attrs](Graph& graph, const std::vector<Value>& in) -> absl::StatusOr<Value> {
    GRADUS_ASSIGN_OR_RETURN(
        const Value products,
        graph.Add({"Dense", "products", {in[0], in[1], in[2]}, DenseAttrs{}, {}, Stage::kCompute, -1}));
    std::vector<Value> operands(in.begin() + 2, in.end());
    GRADUS_ASSIGN_OR_RETURN(operands[0], graph.Add({"Reshape",
                                                    "steps",
                                                    {products},
                                                    ReshapeAttrs{Shape{row.batch, row.steps, rows}},
                                                    {},
                                                    Stage::kCompute,
                                                    -1}));
    return graph.Add({"Recurrent", "y", operands, attrs, {}, Stage::kCompute, -1});
  };
  op.flops = 2.0 * static_cast<double>(row.batch * row.steps * rows * (row.features + row.units));
  op.timed_nodes = 3;
  AddOpBenchmark(absl::StrCat("Recurrent/forward/", cell.name, "/", row.name), op,
                 [row, cell] { return Forward(row, cell.cell); });
}

// Inputs: x and w_x of the products, the products, those of Recurrent after x, then dy, dh and dc.
void AddBackward(const Row& row, const Cell& cell) {
  const RecurrentAttrs attrs{cell.cell};
  const RecurrentOperands at(attrs);
  const int64_t rows = FactsOf(cell.cell).gates * row.units;
  const BenchInput state = Plain(Floats({row.batch, row.units}));
  OpBenchmark op;
  op.inputs = {Plain(Floats({row.batch * row.steps, row.features})), Plain(Floats({rows, row.features})),
               Plain(Floats({row.batch, row.steps, rows})), Plain(Floats({rows, row.units})), state};
  if (at.bias >= 0) op.inputs.push_back(Plain(Floats({row.units})));
  if (at.c0 >= 0) op.inputs.push_back(state);
  op.inputs.push_back(Plain(Floats({row.batch, row.steps, row.units})));
  op.inputs.push_back(state);
  if (at.c0 >= 0) op.inputs.push_back(state);
  op.build = [row, rows, attrs, at](Graph& graph, const std::vector<Value>& all) -> absl::StatusOr<Value> {
    const std::vector<Value> in(all.begin() + 2, all.end());  // as in tests/ops/recurrent_cases.cc
    GRADUS_ASSIGN_OR_RETURN(
        const Value y,
        graph.Add({"Recurrent", "y", {in.begin(), in.begin() + at.inputs}, attrs, {}, Stage::kCompute, -1}));
    std::vector<Value> operands = {in[1], in[2], y, in[at.inputs], in[at.inputs + 1]};
    if (at.gates >= 0) operands.insert(operands.end(), {Value{y.node, at.gates}, Value{y.node, at.inner}});
    if (at.c >= 0) operands.insert(operands.end(), {in[at.c0], in[at.inputs + 2]});
    GRADUS_ASSIGN_OR_RETURN(const Value dx,
                            graph.Add({"RecurrentBackward", "dx", operands, attrs, {}, Stage::kCompute, y.node}));
    GRADUS_ASSIGN_OR_RETURN(
        const Value flat,
        graph.Add(
            {"Reshape", "rows", {dx}, ReshapeAttrs{Shape{row.batch * row.steps, rows}}, {}, Stage::kCompute, -1}));
    GRADUS_ASSIGN_OR_RETURN(const Value unused, graph.Add({"DenseBackwardData",
                                                           "data",
                                                           {flat, all[1]},
                                                           DenseBackwardDataAttrs{{row.features}},
                                                           {},
                                                           Stage::kCompute,
                                                           -1}));
    static_cast<void>(unused);
    return graph.Add(
        {"DenseBackwardWeights", "weights", {all[0], flat}, DenseBackwardWeightsAttrs{true}, {}, Stage::kCompute, -1});
  };
  op.flops = 4.0 * static_cast<double>(row.batch * row.steps * rows * (row.features + row.units));
  op.timed_nodes = 4;
  AddOpBenchmark(absl::StrCat("Recurrent/backward/", cell.name, "/", row.name), op,
                 [row, cell] { return Backward(row, cell.cell); });
}

REGISTER_OP_BENCHMARKS(Recurrent, [] {
  for (const Row& row : kRows) {
    for (const Cell& cell : kCells) {
      AddForward(row, cell);
      AddBackward(row, cell);
    }
  }
});

}  // namespace
}  // namespace gradus
