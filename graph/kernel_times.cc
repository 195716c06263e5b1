#include "graph/kernel_times.h"

#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/status_macros.h"
#include "graph/kernel_name.h"
#include "graph/op.h"

namespace gradus {
namespace {

std::string Print(const dnnl_memory_desc_t& desc) {
  return absl::StrJoin(absl::MakeConstSpan(desc.dims, desc.ndims), "x");
}

}  // namespace

absl::StatusOr<double> KernelTimes::Of(absl::string_view operation, const NodeChoice& choice, double enough) {
  const std::string kernel = absl::StrCat(operation, " | ", NameOf(choice.candidate).ToString());
  if (const std::optional<TuningCache::Entry> known = cache_->Find(kernel); known.has_value()) {
    if (!known->at_least || known->milliseconds > enough) return known->milliseconds;
  }
  GRADUS_ASSIGN_OR_RETURN(const KernelTimer::Result result, timer_.Time(choice.candidate, choice.at_hand, enough));
  cache_->Add(kernel, {result.milliseconds, result.stopped});
  return result.milliseconds;
}

absl::StatusOr<double> KernelTimes::OfReorder(const NodeChoice& reorder) {
  return Of(absl::StrCat("reorder ", Print(reorder.candidate.inputs[0].desc())), reorder);
}

std::string OperationKey(const Graph& graph, const Node& node, bool inference) {
  std::string key = absl::StrCat(node.op->name(), inference ? " inference" : "", " {", node.attrs.text(), "}");
  for (Value input : node.inputs) absl::StrAppend(&key, " ", graph.type(input).ToString());
  absl::StrAppend(&key, " ->");
  for (const TensorType& output : node.outputs) absl::StrAppend(&key, " ", output.ToString());
  return key;
}

}  // namespace gradus
