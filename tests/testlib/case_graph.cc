#include "tests/testlib/case_graph.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/random.h"
#include "core/status_macros.h"
#include "graph/builtin_ops.h"
#include "graph/op.h"

namespace gradus {
namespace {

// Multiples of 2^-20: exact in float32 up to 16.
double Rounded(double value) { return static_cast<float>(std::nearbyint(value * 0x1p20) * 0x1p-20); }

bool Avoided(const Domain& domain, double value) {
  return std::any_of(domain.avoid.begin(), domain.avoid.end(),
                     [&](double point) { return std::abs(value - point) < domain.margin; });
}

double DrawReal(const Domain& domain, RandomSequence* random) {
  for (int attempt = 0; attempt < 1000; ++attempt) {
    const double value = Rounded(random->Uniform(domain.low, domain.high));
    if (!Avoided(domain, value)) return value;
  }
  return domain.high;
}

std::vector<double> DrawDistinct(const Domain& domain, int64_t n, RandomSequence* random) {
  std::vector<double> values(n);
  const double gap = (domain.high - domain.low) / static_cast<double>(std::max<int64_t>(n, 1));
  for (int64_t i = 0; i < n; ++i) values[i] = Rounded(domain.low + gap * (static_cast<double>(i) + 0.5));
  for (int64_t i = n - 1; i > 0; --i) std::swap(values[i], values[random->Below(i + 1)]);
  return values;
}

}  // namespace

std::vector<Value> CaseGraph::outputs() const {
  std::vector<Value> values;
  for (size_t i = 0; i < under_test().outputs.size(); ++i) {
    if (under_test().outputs[i].dtype != DType::kOpaque) values.push_back({node, static_cast<int>(i)});
  }
  return values;
}

absl::StatusOr<Value> AddInput(Graph* graph, std::string name, const TensorType& type) {
  Graph::NodeSpec spec;
  spec.op = "Input";
  spec.name = std::move(name);
  spec.attrs = InputAttrs{type};
  return graph->Add(std::move(spec));
}

absl::StatusOr<CaseGraph> BuildCase(const std::string& op, const OpCase& op_case) {
  CaseGraph result;
  result.state = op_case.state;
  for (size_t i = 0; i < op_case.inputs.size(); ++i) {
    const TensorType& type = op_case.inputs[i];
    if (type.dtype == DType::kOpaque) {
      return absl::InvalidArgumentError(
          absl::StrCat("input ", i, " is opaque: nothing can be fed for it; give the case a `build` that makes it"));
    }
    const std::string name = absl::StrCat("x", i);
    GRADUS_ASSIGN_OR_RETURN(const Value input, AddInput(&result.graph, name, type));
    result.inputs.push_back(input);
    result.feeds[name] = Draw(i < op_case.domains.size() ? op_case.domains[i] : Domain{}, type, name);
  }
  absl::StatusOr<Value> made;
  if (op_case.build) {
    made = op_case.build(result.graph, result.inputs);
  } else {
    Graph::NodeSpec spec;
    spec.op = op;
    spec.name = "y";
    spec.inputs = result.inputs;
    spec.attrs = op_case.attrs;
    made = result.graph.Add(std::move(spec));
  }
  GRADUS_RETURN_IF_ERROR(made.status());
  result.node = made->node;
  if (result.under_test().op->name() != op) {
    return absl::InvalidArgumentError(
        absl::StrCat("`build` ends in a ", result.under_test().op->name(), "; expected a ", op));
  }
  return result;
}

ReferenceTensor Draw(const Domain& domain, const TensorType& type, absl::string_view name) {
  const int64_t n = type.shape.num_elements();
  ReferenceTensor tensor{type.shape, {}};
  RandomSequence random(7, name);
  Domain::Kind kind = domain.kind;
  double low = domain.low, high = domain.high;
  if (kind == Domain::Kind::kDefault) {
    kind = type.dtype == DType::kFloat32 ? Domain::Kind::kReal : Domain::Kind::kWhole;
    if (kind == Domain::Kind::kWhole) low = 0, high = 1;
  }
  if (kind == Domain::Kind::kDistinct) {
    tensor.values = DrawDistinct(domain, n, &random);
    return tensor;
  }
  tensor.values.reserve(n);
  for (int64_t i = 0; i < n; ++i) {
    switch (kind) {
      case Domain::Kind::kWhole:
        tensor.values.push_back(low + static_cast<double>(random.Below(static_cast<uint64_t>(high - low) + 1)));
        break;
      case Domain::Kind::kValues:
        tensor.values.push_back(domain.values[i % domain.values.size()]);
        break;
      default:
        tensor.values.push_back(DrawReal(domain, &random));
    }
  }
  return tensor;
}

std::string Describe(const CaseGraph& graph) {
  const Node& node = graph.under_test();
  std::vector<TensorType> types;
  for (Value input : node.inputs) types.push_back(graph.graph.type(input));
  return absl::StrCat(Signature(*node.op, types), " {", node.attrs.text(), "}");
}

}  // namespace gradus
