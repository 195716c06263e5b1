#include "tests/testlib/op_checks.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "graph/gradient_check.h"
#include "graph/kernel.h"
#include "graph/reference.h"
#include "tests/testlib/case_graph.h"
#include "tests/testlib/crash_note.h"
#include "tests/testlib/kernel_check.h"

namespace gradus {
namespace {

constexpr size_t kLeastGood = 10, kLeastBad = 3;

template <typename Case>
void CheckNames(const OpDef& op, absl::Span<const Case> cases, Failures* failures) {
  std::set<std::string> names;
  for (const Case& one : cases) {
    if (one.name.empty()) failures->push_back(absl::StrCat(op.name(), " has a case without a name"));
    if (!names.insert(one.name).second) {
      failures->push_back(absl::StrCat(op.name(), " has two cases called '", one.name, "'"));
    }
  }
}

void CheckChannels(const OpDef& op, absl::Span<const OpCase> good, Failures* failures) {
  std::set<int64_t> channels;
  for (const OpCase& op_case : good) {
    for (const TensorType& input : op_case.inputs) {
      if (input.shape.rank() == 4) channels.insert(input.shape[1]);
    }
  }
  if (channels.empty()) return;
  for (int64_t wanted : {1, 7, 20}) {
    if (channels.count(wanted) == 0) {
      failures->push_back(absl::StrCat(op.name(), " has cases of rank 4 but none with ", wanted, " channels"));
    }
  }
}

absl::Status CompareWithDifferences(const CaseGraph& built, const OpCase& op_case, absl::Span<const Value> ys,
                                    int elements) {
  CaseGraph graph = built;
  std::vector<Value> dys, wrt;
  for (Value y : ys) {
    const TensorType type = graph.graph.type(y);
    const std::string name = absl::StrCat("dy", y.output);
    GRADUS_ASSIGN_OR_RETURN(const Value dy, AddInput(&graph.graph, name, type));
    dys.push_back(dy);
    graph.feeds[name] = Draw(Domain::Real(-1, 1), type, name);
  }
  for (size_t i = 0; i < graph.inputs.size(); ++i) {
    if (graph.graph.type(graph.inputs[i]).dtype != DType::kFloat32) continue;
    if (absl::c_linear_search(op_case.constant, static_cast<int>(i))) continue;
    wrt.push_back(graph.inputs[i]);
  }
  GradientCheckOptions options;
  options.elements = elements;
  options.state = graph.state;
  options.tolerance = op_case.gradient_tolerance;
  GRADUS_ASSIGN_OR_RETURN(const GradientReport report,
                          CheckGradients(&graph.graph, ys, dys, wrt, graph.feeds, options));
  if (!report.ok()) return absl::InternalError(absl::StrCat("the gradient is wrong:\n", report.ToString()));
  for (const TensorGradientCheck& check : report.tensors) {
    if (check.kinks > check.probes) {
      return absl::InternalError(absl::StrCat("the case draws numbers at kinks:\n", check.ToString()));
    }
  }
  return absl::OkStatus();
}

std::string Where(const OpDef& op, absl::string_view name) { return absl::StrCat(op.name(), " case '", name, "': "); }

}  // namespace

Failures CheckRegistration(const OpDef& op, absl::Span<const OpCase> good, absl::Span<const BadCase> bad) {
  Failures failures;
  if (op.has_gradient() == op.has_no_gradient()) {
    failures.push_back(absl::StrCat(op.name(), op.has_gradient() ? " has both a gradient and a reason for none"
                                                                 : " has neither a gradient nor a reason for none"));
  }
  if (!op.types()) failures.push_back(absl::StrCat(op.name(), " has no type function"));
  if (op.is_source() || op.is_sink()) return failures;

  if (Registry<ReferenceEntry>::Get().Find(op.name()) == nullptr) {
    failures.push_back(absl::StrCat(op.name(), " has no reference"));
  }
  if (Registry<KernelEntry>::Get().Find(op.name()) == nullptr && op.views().empty()) {
    failures.push_back(absl::StrCat(op.name(), " has no kernel"));
  }
  if (good.size() < kLeastGood) {
    failures.push_back(absl::StrCat(op.name(), " has ", good.size(), " good cases; expected ", kLeastGood, " or more"));
  }
  if (bad.size() < kLeastBad) {
    failures.push_back(absl::StrCat(op.name(), " has ", bad.size(), " bad cases; expected ", kLeastBad, " or more"));
  }
  CheckNames(op, good, &failures);
  CheckNames(op, bad, &failures);
  CheckChannels(op, good, &failures);
  return failures;
}

Failures CheckTypes(const OpDef& op, const OpCase& op_case) {
  SetCrashNote(absl::StrCat("types of ", Where(op, op_case.name)));
  const auto first = BuildCase(op.name(), op_case), second = BuildCase(op.name(), op_case);
  if (!first.ok()) return {absl::StrCat(Where(op, op_case.name), "refused: ", first.status().message())};
  if (!second.ok() || first->graph.ToString() != second->graph.ToString()) {
    return {absl::StrCat(Where(op, op_case.name), "another graph when built again")};
  }
  const auto outputs = EvaluateReference(first->graph, first->outputs(), first->feeds, first->state);
  if (!outputs.ok()) return {absl::StrCat(Where(op, op_case.name), outputs.status().message())};
  return {};
}

Failures CheckGradient(const OpDef& op, const OpCase& op_case) {
  if (!op.has_gradient()) return {};
  SetCrashNote(absl::StrCat("gradient of ", Where(op, op_case.name)));
  const auto graph = BuildCase(op.name(), op_case);
  if (!graph.ok()) return {absl::StrCat(Where(op, op_case.name), graph.status().message())};
  std::vector<Value> ys;
  for (Value y : graph->outputs()) {
    if (graph->graph.type(y).dtype != DType::kFloat32) continue;
    if (!absl::c_linear_search(op_case.undifferentiated, y.output)) ys.push_back(y);
  }
  Failures failures;
  auto check = [&](absl::Span<const Value> some, int elements, absl::string_view what) {
    const absl::Status status = CompareWithDifferences(*graph, op_case, some, elements);
    if (!status.ok()) {
      failures.push_back(absl::StrCat(Where(op, op_case.name), Describe(*graph), what, ": ", status.message()));
    }
  };
  check(ys, 20, "");
  for (size_t i = 0; ys.size() > 1 && i < ys.size(); ++i) {
    check({ys[i]}, 3, absl::StrCat(", only output ", ys[i].output, " differentiated"));
  }
  return failures;
}

Failures CheckKernel(const OpDef& op, const OpCase& op_case) {
  SetCrashNote(absl::StrCat("kernels of ", Where(op, op_case.name)));
  const auto graph = BuildCase(op.name(), op_case);
  if (!graph.ok()) return {absl::StrCat(Where(op, op_case.name), graph.status().message())};
  Failures failures = CheckKernels(*graph, AllKernelSettings(), {op_case.tolerance, op_case.magnitude});
  for (std::string& failure : failures) failure = absl::StrCat(Where(op, op_case.name), failure);
  return failures;
}

Failures CheckRefused(const OpDef& op, const BadCase& bad_case) {
  SetCrashNote(absl::StrCat("refusal of ", Where(op, bad_case.name)));
  Graph graph;
  Graph::NodeSpec spec;
  spec.op = op.name();
  spec.name = "y";
  spec.attrs = bad_case.attrs;
  for (size_t i = 0; i < bad_case.inputs.size(); ++i) {
    const auto input = AddInput(&graph, absl::StrCat("x", i), bad_case.inputs[i]);
    if (!input.ok()) return {absl::StrCat(Where(op, bad_case.name), input.status().message())};
    spec.inputs.push_back(*input);
  }
  const auto added = graph.Add(std::move(spec));
  if (added.ok()) {
    return {absl::StrCat(Where(op, bad_case.name), "accepted as\n", graph.ToString(), "expected: ", bad_case.message)};
  }
  if (bad_case.message.empty()) return {absl::StrCat(Where(op, bad_case.name), "expects no message")};
  if (!absl::StrContains(added.status().message(), bad_case.message)) {
    return {absl::StrCat(Where(op, bad_case.name), "the message is\n  ", added.status().message(), "\nexpected\n  ",
                         bad_case.message)};
  }
  return {};
}

}  // namespace gradus
