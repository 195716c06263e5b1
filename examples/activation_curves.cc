#include "examples/activation_curves.h"

#include <memory>
#include <utility>

#include "core/status_macros.h"
#include "core/tensor.h"
#include "graph/builtin_ops.h"
#include "graph/gradient.h"
#include "graph/program.h"
#include "graph/session.h"
#include "ops/unary.h"

namespace gradus {
namespace {

std::vector<Point> Pairs(const Tensor& x, const Tensor& y) {
  std::vector<Point> points;
  for (size_t i = 0; i < x.values<float>().size(); ++i) points.push_back({x.values<float>()[i], y.values<float>()[i]});
  return points;
}

}  // namespace

absl::StatusOr<ActivationCurves> CurvesOf(UnaryFunction function, Range range, int count) {
  Tensor x(TensorType{DType::kFloat32, Shape{count}});
  for (int i = 0; i < count; ++i) {
    x.values<float>()[i] = static_cast<float>(range.low + (range.high - range.low) * i / (count - 1));
  }
  Program program;
  program.inference = true;
  Graph& graph = program.graph;
  GRADUS_ASSIGN_OR_RETURN(const Value input, graph.Add({"Input", "x", {}, InputAttrs{x.type()}, {}}));
  GRADUS_ASSIGN_OR_RETURN(const Value y, graph.Add({"Unary", "y", {input}, UnaryWithDefaults(function), {}}));
  GRADUS_ASSIGN_OR_RETURN(std::vector<Value> slopes, AddGradients(&graph, {y}, {Value{}}, {input}));
  if (!slopes[0].valid()) {  // no gradient flows: it is zero
    GRADUS_ASSIGN_OR_RETURN(slopes[0], graph.Add({"Fill", "zero", {}, FillAttrs{x.type(), 0}, {}}));
  }
  program.fetches = {{"value", y}, {"slope", slopes[0]}};
  SessionOptions options;
  options.threads = 1;
  Session session(std::make_shared<VariableStore>(), std::move(options));
  GRADUS_ASSIGN_OR_RETURN(Plan* const plan, session.Compile(std::move(program)));
  GRADUS_RETURN_IF_ERROR(session.Feed(plan, "x", x));
  GRADUS_RETURN_IF_ERROR(session.Run(plan, Stage::kCompute));
  GRADUS_ASSIGN_OR_RETURN(const Tensor value, session.Fetch(plan, "value"));
  GRADUS_ASSIGN_OR_RETURN(const Tensor slope, session.Fetch(plan, "slope"));
  return ActivationCurves{Pairs(x, value), Pairs(x, slope)};
}

}  // namespace gradus
