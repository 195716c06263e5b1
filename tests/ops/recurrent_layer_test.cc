// Recurrent layers of every make (stacked, reversed, in both directions, masked, with states to begin from) over
// sequences of 1 to 50 steps. What they compute is written down once more here, step by step in float64. The
// reference gives the same numbers, its gradients those that differences of these loops promise, and a compiled plan
// values and gradients that are the reference's up to rounding.
#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/status_macros.h"
#include "core/tensor.h"
#include "graph/gradient.h"
#include "graph/load_model.h"
#include "graph/lower.h"
#include "graph/program.h"
#include "graph/reference.h"
#include "graph/session.h"
#include "gtest/gtest.h"
#include "tests/ops/op_cases.h"
#include "tests/testlib/case_graph.h"

namespace gradus {
namespace {

using Numbers = std::vector<double>;

constexpr int64_t kBatch = 3, kFeatures = 3, kLongest = 50;
constexpr double kForgetBias = 0.5;

enum class Cell { kTanh, kRelu, kGru, kLstm };
enum class Way { kForward, kReverse, kBoth };

struct Make {
  Cell cell;
  int64_t layers;
  Way way;

  int64_t gates() const { return cell == Cell::kLstm ? 4 : cell == Cell::kGru ? 3 : 1; }
  int64_t directions() const { return way == Way::kBoth ? 2 : 1; }
  bool has_cells() const { return cell == Cell::kLstm; }
  std::string Name() const {
    static const char* const kCells[] = {"Tanh", "Relu", "Gru", "Lstm"};
    static const char* const kWays[] = {"Forward", "Reverse", "Both"};
    return absl::StrCat(kCells[static_cast<int>(cell)], layers, kWays[static_cast<int>(way)]);
  }
};

// One layer over sequences of `steps`.
struct Setting {
  Make make;
  int64_t steps = 1, units = 1;
  bool lengths = false, states = false;  // whether it takes them
  bool sum = false;                      // of both directions

  std::string Name() const {
    return absl::StrCat(make.Name(), " steps ", steps, " units ", units, lengths ? " lengths" : "",
                        states ? " states" : "", sum ? " sum" : "");
  }
  std::string Model() const;
};

std::string Setting::Model() const {
  const std::string state_dims = absl::StrCat("[", make.layers * make.directions(), ", ", units, "]");
  std::string text = absl::StrCat("input { name: 'x' dims: [", steps, ", ", kFeatures, "] }\n");
  std::vector<std::string> inputs = {"'x'"}, takes;
  const auto take = [&](const char* name, const std::string& type, const char* kind) {
    absl::StrAppend(&text, "input { name: '", name, "' ", type, " }\n");
    inputs.push_back(absl::StrCat("'", name, "'"));
    takes.emplace_back(kind);
  };
  if (lengths) take("lengths", "dtype: INT32", "LENGTHS");
  if (states) take("h", absl::StrCat("dims: ", state_dims), "INITIAL_STATE");
  if (states && make.has_cells()) take("c", absl::StrCat("dims: ", state_dims), "INITIAL_CELL");
  static const char* const kCells[] = {"rnn", "rnn", "gru", "lstm"};
  static const char* const kWays[] = {"FORWARD", "REVERSE", "BIDIRECTIONAL"};
  absl::StrAppend(
      &text, "layer { name: 'r' input: [", absl::StrJoin(inputs, ", "), "] ", kCells[static_cast<int>(make.cell)],
      " { units: ", units, " layers: ", make.layers, " direction: ", kWays[static_cast<int>(make.way)],
      sum ? " merge: SUM_DIRECTIONS" : "", make.cell == Cell::kRelu ? " activation: RELU" : "",
      make.has_cells() ? absl::StrCat(" forget_bias: ", kForgetBias) : "", " takes: [", absl::StrJoin(takes, ", "),
      "] } }\noutput: 'r' output: 'r.final_state'", make.has_cells() ? " output: 'r.final_cell'" : "");
  return text;
}

double Sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

// m v, for a matrix of rows as long as v.
Numbers Times(const Numbers& m, const Numbers& v) {
  Numbers product(m.size() / v.size());
  for (size_t i = 0; i < m.size(); ++i) product[i / v.size()] += m[i] * v[i % v.size()];
  return product;
}

// What a step makes of the state h and, for an LSTM, of its cells c. x: the products of the step's input, with bias;
// p: those of the state; b: the GRU's bias beside p.
void Step(Cell cell, const Numbers& x, const Numbers& p, const Numbers& b, Numbers* h, Numbers* c) {
  const size_t units = h->size();
  for (size_t j = 0; j < units; ++j) {
    const auto sum = [&](size_t gate) { return x[gate * units + j] + p[gate * units + j]; };
    switch (cell) {
      case Cell::kTanh:
        (*h)[j] = std::tanh(sum(0));
        break;
      case Cell::kRelu:
        (*h)[j] = std::max(0.0, sum(0));
        break;
      case Cell::kGru: {
        const double reset = Sigmoid(sum(0)), keep = Sigmoid(sum(1));
        const double fresh = std::tanh(x[2 * units + j] + reset * (p[2 * units + j] + b[j]));
        (*h)[j] = keep * (*h)[j] + (1 - keep) * fresh;
        break;
      }
      case Cell::kLstm:
        (*c)[j] = Sigmoid(sum(1) + kForgetBias) * (*c)[j] + Sigmoid(sum(0)) * std::tanh(sum(2));
        (*h)[j] = Sigmoid(sum(3)) * std::tanh((*c)[j]);
        break;
    }
  }
}

// The outputs y, final_state and, for an LSTM, final_cell.
std::vector<Numbers> RunByHand(const Setting& setting, const ReferenceFeeds& feeds) {
  const Make& make = setting.make;
  const int64_t units = setting.units, directions = make.directions(), states = make.layers * directions;
  const auto row = [](const Numbers& all, int64_t i, int64_t size) {
    return Numbers(all.begin() + i * size, all.begin() + (i + 1) * size);
  };
  Numbers x = feeds.at("x").values, hidden(kBatch * states * units), cells = hidden;
  if (setting.states) hidden = feeds.at("h").values;
  if (setting.states && make.has_cells()) cells = feeds.at("c").values;
  for (int64_t layer = 0; layer < make.layers; ++layer) {
    const int64_t features = static_cast<int64_t>(x.size()) / (kBatch * setting.steps);
    const int64_t outputs = setting.sum ? units : directions * units;
    Numbers y(kBatch * setting.steps * outputs);
    for (int64_t direction = 0; direction < directions; ++direction) {
      const bool reverse = make.way == Way::kReverse || direction == 1;
      const std::string prefix =
          absl::StrCat("r/", make.layers == 1 ? "" : absl::StrCat(layer + 1, "/"), reverse ? "reverse/" : "");
      const Numbers &weights = feeds.at(prefix + "weights").values, &bias = feeds.at(prefix + "bias").values,
                    &recurrent = feeds.at(prefix + "recurrent_weights").values;
      const Numbers extra = make.cell == Cell::kGru ? feeds.at(prefix + "recurrent_bias").values : Numbers();
      for (int64_t n = 0; n < kBatch; ++n) {
        const int64_t state = n * states + layer * directions + direction;
        Numbers h = row(hidden, state, units), c = row(cells, state, units);
        const auto length = setting.lengths ? static_cast<int64_t>(feeds.at("lengths").values[n]) : setting.steps;
        for (int64_t s = 0; s < length; ++s) {
          const int64_t step = n * setting.steps + (reverse ? length - 1 - s : s);
          Numbers products = Times(weights, row(x, step, features));
          for (size_t i = 0; i < products.size(); ++i) products[i] += bias[i];
          Step(make.cell, products, Times(recurrent, h), extra, &h, &c);
          for (int64_t j = 0; j < units; ++j) y[step * outputs + (setting.sum ? 0 : direction * units) + j] += h[j];
        }
        std::copy(h.begin(), h.end(), hidden.begin() + state * units);
        std::copy(c.begin(), c.end(), cells.begin() + state * units);
      }
    }
    x = y;
  }
  std::vector<Numbers> outputs = {x, hidden};
  if (make.has_cells()) outputs.push_back(cells);
  return outputs;
}

// A layer's graph with the gradients of sum <dy, output> by all that is fed as real numbers, and numbers for it.
struct Built {
  Graph graph;
  std::vector<NamedValue> outputs, gradients, dys;  // gradients: by name of what they are by
  ReferenceFeeds feeds;
};

absl::StatusOr<Built> Build(const Setting& setting) {
  GRADUS_ASSIGN_OR_RETURN(const LoadedModel model, LoadModelText(setting.Model(), "r"));
  LowerOptions options;
  options.batch = kBatch;
  GRADUS_ASSIGN_OR_RETURN(Network network, Lower(model.model, options));
  Built built{std::move(network.graph), network.outputs, {}, {}, {}};
  Graph& graph = built.graph;
  std::vector<Value> ys, dys, wanted;
  for (int i = 0; i < graph.size(); ++i) {
    const Node& node = graph.node(i);
    if (node.op->name() != "Input" && node.op->name() != "Variable") continue;
    const TensorType& type = node.outputs[0];
    // States that stay within bounds over 50 steps of relu.
    const bool weights = node.name.find("recurrent_weights") != std::string::npos;
    const double bound = weights ? 1 / std::sqrt(static_cast<double>(setting.units)) : 1;
    const Domain domain = type.dtype == DType::kInt32 ? Domain::Whole(0, setting.steps) : Domain::Real(-bound, bound);
    built.feeds[node.name] = Draw(domain, type, absl::StrCat(setting.Name(), node.name));
    if (type.dtype == DType::kInt32) {
      built.feeds[node.name].values.front() = static_cast<double>(setting.steps);
      continue;
    }
    wanted.push_back({i, 0});
    built.gradients.push_back({node.name, {}});
  }
  for (const NamedValue& output : built.outputs) {
    const TensorType type = graph.type(output.value);
    const std::string name = absl::StrCat("dy/", output.name);
    GRADUS_ASSIGN_OR_RETURN(const Value dy, AddInput(&graph, name, type));
    built.feeds[name] = Draw(Domain{}, type, absl::StrCat(setting.Name(), name));
    built.dys.push_back({name, dy});
    ys.push_back(output.value);
    dys.push_back(dy);
  }
  GRADUS_ASSIGN_OR_RETURN(const std::vector<Value> gradients, AddGradients(&graph, ys, dys, wanted));
  for (size_t i = 0; i < gradients.size(); ++i) {
    if (!gradients[i].valid()) return absl::InternalError(absl::StrCat("no gradient by ", built.gradients[i].name));
    built.gradients[i].value = gradients[i];
  }
  return built;
}

std::vector<NamedValue> Results(const Built& built) {
  std::vector<NamedValue> results;
  for (const NamedValue& value : built.outputs) results.push_back({absl::StrCat("output/", value.name), value.value});
  for (const NamedValue& value : built.gradients) results.push_back({absl::StrCat("by/", value.name), value.value});
  return results;
}

absl::StatusOr<std::vector<ReferenceTensor>> RunReference(const Built& built) {
  std::vector<Value> wanted;
  for (const NamedValue& result : Results(built)) wanted.push_back(result.value);
  return EvaluateReference(built.graph, wanted, built.feeds);
}

absl::StatusOr<std::vector<Tensor>> RunPlan(const Built& built, int threads) {
  const auto tensor = [&](const std::string& name, DType dtype) {
    const ReferenceTensor& values = built.feeds.at(name);
    Tensor tensor(TensorType{dtype, values.shape});
    if (dtype == DType::kInt32) {
      std::copy(values.values.begin(), values.values.end(), tensor.values<int32_t>().begin());
    } else {
      std::copy(values.values.begin(), values.values.end(), tensor.values<float>().begin());
    }
    return tensor;
  };
  Program program;
  program.graph = built.graph;
  program.fetches = Results(built);
  SessionOptions options;
  options.threads = threads;
  options.debug_arena = true;
  Session session(std::make_shared<VariableStore>(), options);
  GRADUS_ASSIGN_OR_RETURN(Plan* const plan, session.Compile(std::move(program)));
  for (const Variable& variable : built.graph.variables()) {
    GRADUS_RETURN_IF_ERROR(
        session.variables().Set(session.variables().Find(variable.name), tensor(variable.name, DType::kFloat32)));
  }
  for (const Node& node : built.graph.nodes()) {
    if (node.op->name() != "Input") continue;
    GRADUS_RETURN_IF_ERROR(session.Feed(plan, node.name, tensor(node.name, node.outputs[0].dtype)));
  }
  GRADUS_RETURN_IF_ERROR(session.Run(plan, Stage::kCompute));
  std::vector<Tensor> results;
  for (const NamedValue& result : Results(built)) {
    GRADUS_ASSIGN_OR_RETURN(results.emplace_back(), session.Fetch(plan, result.name));
  }
  return results;
}

// The largest difference by the largest value.
template <typename Values>
double Difference(const Values& values, const Numbers& expected) {
  if (values.size() != expected.size()) return INFINITY;
  double largest = 1e-3, difference = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    largest = std::max(largest, std::fabs(expected[i]));
    const double d = std::fabs(values[i] - expected[i]);
    difference = std::max(difference, std::isnan(d) ? INFINITY : d);
  }
  return difference / largest;
}

// d/dt sum <dy, outputs> where everything real that is fed moves by t times a random direction; and the same by the
// gradients.
void ExpectSlope(const Setting& setting, const Built& built, const std::vector<ReferenceTensor>& results) {
  ReferenceFeeds direction;
  double promised = 0;
  for (size_t i = 0; i < built.gradients.size(); ++i) {
    const std::string& name = built.gradients[i].name;
    const Numbers& gradient = results[built.outputs.size() + i].values;
    const Numbers& move =
        (direction[name] = Draw(Domain{}, {DType::kFloat32, built.feeds.at(name).shape}, absl::StrCat("move", name)))
            .values;
    for (size_t k = 0; k < move.size(); ++k) promised += gradient[k] * move[k];
  }
  const auto moved = [&](double t) {
    ReferenceFeeds feeds = built.feeds;
    for (const auto& [name, move] : direction) {
      for (size_t k = 0; k < move.values.size(); ++k) feeds[name].values[k] += t * move.values[k];
    }
    const std::vector<Numbers> outputs = RunByHand(setting, feeds);
    double sum = 0;
    for (size_t i = 0; i < outputs.size(); ++i) {
      const Numbers& dy = built.feeds.at(built.dys[i].name).values;
      for (size_t k = 0; k < dy.size(); ++k) sum += dy[k] * outputs[i][k];
    }
    return sum;
  };
  // Without relu's kinks a larger step is the more exact one.
  const double step = setting.make.cell == Cell::kRelu ? 1e-7 : 1e-5;
  const double slope = (moved(step) - moved(-step)) / (2 * step);
  EXPECT_NEAR(promised, slope, 1e-6 * std::max(1.0, std::fabs(slope)));
}

void Check(const Setting& setting) {
  SCOPED_TRACE(setting.Name());
  const absl::StatusOr<Built> built = Build(setting);
  ASSERT_TRUE(built.ok()) << built.status();
  const absl::StatusOr<std::vector<ReferenceTensor>> expected = RunReference(*built);
  ASSERT_TRUE(expected.ok()) << expected.status();
  const std::vector<Numbers> by_hand = RunByHand(setting, built->feeds);
  ASSERT_EQ(by_hand.size(), built->outputs.size());
  for (size_t i = 0; i < by_hand.size(); ++i) EXPECT_LT(Difference((*expected)[i].values, by_hand[i]), 1e-12) << i;
  ExpectSlope(setting, *built, *expected);

  const absl::StatusOr<std::vector<Tensor>> values = RunPlan(*built, setting.steps % 5 < 2 ? 2 : 1);
  ASSERT_TRUE(values.ok()) << values.status();
  const std::vector<NamedValue> results = Results(*built);
  for (size_t i = 0; i < results.size(); ++i) {
    EXPECT_LT(Difference((*values)[i].values<float>(), (*expected)[i].values), 1e-5) << results[i].name;
  }
}

class RecurrentLayerTest : public testing::TestWithParam<Make> {};

TEST_P(RecurrentLayerTest, AgreesWithTheLoopsAndTheReference) {
  const Make& make = GetParam();
  for (int64_t steps = 1; steps <= kLongest; ++steps) {
    Setting setting{make, steps};
    setting.units = steps % 5 == 0 ? 9 : 3;  // more than a kernel takes at a time, and fewer
    setting.lengths = steps % 4 < 2;
    setting.states = steps % 2 == 0;
    setting.sum = make.way == Way::kBoth && steps % 8 < 4;
    Check(setting);
    if (HasFailure()) return;
  }
}

std::vector<Make> AllMakes() {
  std::vector<Make> makes;
  for (Cell cell : {Cell::kTanh, Cell::kRelu, Cell::kGru, Cell::kLstm}) {
    for (int64_t layers = 1; layers <= 3; ++layers) {
      for (Way way : {Way::kForward, Way::kReverse, Way::kBoth}) makes.push_back({cell, layers, way});
    }
  }
  return makes;
}

INSTANTIATE_TEST_SUITE_P(All, RecurrentLayerTest, testing::ValuesIn(AllMakes()),
                         [](const auto& info) { return info.param.Name(); });

}  // namespace
}  // namespace gradus
