// Inference: a linear layer and the batch norm behind it are one linear layer with other weights and another bias.
// Those depend on variables alone, so that the pass hoist_constants has them made outside the steps.
#include "ops/fold_batch_norm.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "graph/op.h"
#include "graph/rewrite.h"

namespace gradus {
namespace {

// Operations of (x, w[, b]) that are linear in w and add b to each channel.
bool IsLinear(const Rewriter& rewriter, int node) { return rewriter.Is(node, "Conv") || rewriter.Is(node, "Dense"); }

absl::Status Fold(Rewriter* rewriter, int linear, int norm) {
  const Node& before = rewriter->node(linear);
  const Node& after = rewriter->node(norm);
  const auto& attrs = after.attrs.as<BatchNormAttrs>();
  const bool has_bias = before.inputs.size() > 2;
  // w, mean, variance, [scale], [shift], [b]
  std::vector<Value> inputs = {before.inputs[1]};
  inputs.insert(inputs.end(), after.inputs.begin() + 1, after.inputs.end());
  if (has_bias) inputs.push_back(before.inputs[2]);
  GRADUS_ASSIGN_OR_RETURN(const Value weights,
                          rewriter->Add({"FoldBatchNorm", absl::StrCat(before.name, "/folded"), std::move(inputs),
                                         FoldBatchNormAttrs{attrs, has_bias}, before.where},
                                        linear));
  GRADUS_ASSIGN_OR_RETURN(const Value y, rewriter->Add({before.op->name(),
                                                        JoinedName(before.name, after.name),
                                                        {before.inputs[0], weights, Value{weights.node, 1}},
                                                        before.attrs,
                                                        before.where},
                                                       norm));
  rewriter->Did(absl::StrCat(Describe(after), " is folded into the weights of ", Describe(before)));
  rewriter->Replace({norm, 0}, y);
  rewriter->Absorb({linear, norm}, y.node);
  return absl::OkStatus();
}

absl::Status FoldBatchNorms(Program* program, PassLog* log) {
  if (!program->inference) return absl::OkStatus();
  Rewriter rewriter(program, log);
  for (int norm = 0; norm < rewriter.size(); ++norm) {
    if (!rewriter.Is(norm, "BatchNormInference")) continue;
    const Value x = rewriter.node(norm).inputs[0];
    if (!IsLinear(rewriter, x.node)) {
      rewriter.Missed(absl::StrCat(Describe(rewriter.node(norm)), " is not folded: ", Describe(rewriter.node(x.node)),
                                   " before it has no weights"));
    } else if (rewriter.OnlyReader(x) != norm) {
      rewriter.Missed(absl::StrCat(Describe(rewriter.node(norm)), " is not folded into ",
                                   Describe(rewriter.node(x.node)), ": ", rewriter.WhyNotOnlyReader(x)));
    } else {
      GRADUS_RETURN_IF_ERROR(Fold(&rewriter, x.node, norm));
    }
  }
  return rewriter.Finish();
}

REGISTER_PASS(fold_batch_norm, 20, FoldBatchNorms);

}  // namespace
}  // namespace gradus
