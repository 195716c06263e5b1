// Batch norm, the residual that is added to it and the relu behind that are one operation: the pass over memory that
// normalises does them, too. Going back, batch norm's gradient finds out where relu was above 0 from x, which it reads
// anyway; where a residual came between, the mask needs y and stays an operation of its own.
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "graph/op.h"
#include "graph/rewrite.h"
#include "ops/batch_norm.h"
#include "ops/passes/patterns.h"

namespace gradus {
namespace {

bool IsBatchNorm(const Rewriter& rewriter, int node) {
  return rewriter.Is(node, "BatchNorm") || rewriter.Is(node, "BatchNormInference");
}

// dy of relu, then of batch norm: one operation.
absl::Status FuseGradient(Rewriter* rewriter, int norm, Value y, int fused) {
  for (int mask : rewriter->Readers(y)) {
    if (!IsReluBackward(*rewriter, mask) || rewriter->node(mask).inputs[0] != y) continue;
    const int backward = rewriter->OnlyReader({mask, 0});
    const bool fits = rewriter->Is(backward, "BatchNormBackward") &&
                      rewriter->node(backward).inputs[1] == Value{mask, 0} &&
                      rewriter->node(backward).inputs[2] == Value{norm, 1};
    if (!fits) {
      rewriter->Missed(absl::StrCat(Describe(rewriter->node(mask)), " stays: its result goes elsewhere than to ",
                                    "batch norm's gradient"));
      continue;
    }
    const Node& forward = rewriter->node(norm);
    const Node& old = rewriter->node(backward);
    const auto& attrs = old.attrs.as<BatchNormAttrs>();
    std::vector<Value> inputs = old.inputs;
    inputs[1] = rewriter->node(mask).inputs[1];
    if (attrs.has_shift) inputs.push_back(forward.inputs[1 + attrs.has_scale]);
    GRADUS_ASSIGN_OR_RETURN(const Value dx,
                            rewriter->Add({"BatchNormReluBackward", JoinedName(old.name, rewriter->node(mask).name),
                                           std::move(inputs), attrs, old.where, old.stage, fused},
                                          backward));
    for (int output = 0; output < static_cast<int>(old.outputs.size()); ++output) {
      rewriter->Replace({backward, output}, {dx.node, output});
    }
    rewriter->Did(absl::StrCat(Describe(rewriter->node(mask)), " joins ", Describe(old)));
    rewriter->Absorb({mask, backward}, dx.node);
  }
  return absl::OkStatus();
}

absl::Status Fuse(Rewriter* rewriter, int norm, const Tail& tail) {
  const Node& old = rewriter->node(norm);
  const auto& attrs = old.attrs.as<BatchNormAttrs>();
  std::vector<Value> inputs = old.inputs;
  Attrs fused_attrs = attrs;
  std::string name = old.name;
  if (tail.add >= 0) {
    inputs.insert(inputs.begin() + 1, OtherTerm(*rewriter, tail.add, {norm, 0}));
    fused_attrs = BatchNormAddAttrs{attrs, tail.relu >= 0};
    name = JoinedName(name, rewriter->node(tail.add).name);
  }
  if (tail.relu >= 0) name = JoinedName(name, rewriter->node(tail.relu).name);
  const std::string op = absl::StrCat(old.op->name(), tail.add >= 0 ? "Add" : "Relu");
  GRADUS_ASSIGN_OR_RETURN(const Value y,
                          rewriter->Add({op, std::move(name), std::move(inputs), fused_attrs, old.where}, tail.last()));
  if (tail.add < 0) GRADUS_RETURN_IF_ERROR(FuseGradient(rewriter, norm, {tail.relu, 0}, y.node));
  rewriter->Replace({tail.last(), 0}, y);
  for (int output = 1; output < static_cast<int>(old.outputs.size()); ++output) {
    rewriter->Replace({norm, output}, {y.node, output});
  }
  for (int taken : {tail.add, tail.relu}) {
    if (taken < 0) continue;
    rewriter->Did(absl::StrCat(Describe(rewriter->node(taken)), " joins ", Describe(old)));
    rewriter->Absorb({taken}, y.node);
  }
  rewriter->Absorb({norm}, y.node);
  return absl::OkStatus();
}

absl::Status FuseBatchNorms(Program* program, PassLog* log) {
  Rewriter rewriter(program, log);
  for (int norm = 0; norm < rewriter.size(); ++norm) {
    if (!IsBatchNorm(rewriter, norm)) continue;
    const Tail tail = FindTail(&rewriter, norm, [&](int other) { return IsBatchNorm(rewriter, other); });
    if (tail.last() >= 0) GRADUS_RETURN_IF_ERROR(Fuse(&rewriter, norm, tail));
  }
  return rewriter.Finish();
}

REGISTER_PASS(fuse_batch_norm, 40, FuseBatchNorms);

}  // namespace
}  // namespace gradus
