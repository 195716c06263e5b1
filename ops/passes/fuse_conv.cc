// A convolution does the addition of a residual and the relu behind it while its results are in registers.
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "graph/rewrite.h"
#include "ops/conv.h"
#include "ops/passes/patterns.h"

namespace gradus {
namespace {

absl::Status Fuse(Rewriter* rewriter, int conv, const Tail& tail) {
  const Node& old = rewriter->node(conv);
  const bool has_bias = old.inputs.size() > 2;
  std::vector<Value> inputs = {old.inputs[0], old.inputs[1]};
  std::string name = old.name;
  if (tail.add >= 0) {
    inputs.push_back(OtherTerm(*rewriter, tail.add, {conv, 0}));
    name = JoinedName(name, rewriter->node(tail.add).name);
  }
  if (tail.relu >= 0) name = JoinedName(name, rewriter->node(tail.relu).name);
  if (has_bias) inputs.push_back(old.inputs[2]);
  const FusedConvAttrs attrs{old.attrs.as<ConvAttrs>(), tail.add >= 0, has_bias, tail.relu >= 0};
  GRADUS_ASSIGN_OR_RETURN(
      const Value y,
      rewriter->Add({"FusedConv", std::move(name), std::move(inputs), attrs, old.where, old.stage}, tail.last()));
  rewriter->Replace({tail.last(), 0}, y);
  for (int taken : {tail.add, tail.relu}) {
    if (taken < 0) continue;
    rewriter->Did(absl::StrCat(Describe(rewriter->node(taken)), " joins ", Describe(old)));
    rewriter->Absorb({taken}, y.node);
  }
  rewriter->Absorb({conv}, y.node);
  return absl::OkStatus();
}

absl::Status FuseConvolutions(Program* program, PassLog* log) {
  Rewriter rewriter(program, log);
  for (int conv = 0; conv < rewriter.size(); ++conv) {
    if (!rewriter.Is(conv, "Conv") || rewriter.node(conv).forward >= 0) continue;
    const Tail tail = FindTail(&rewriter, conv, [&](int other) { return rewriter.Is(other, "Conv"); });
    if (tail.last() >= 0) GRADUS_RETURN_IF_ERROR(Fuse(&rewriter, conv, tail));
  }
  return rewriter.Finish();
}

REGISTER_PASS(fuse_conv, 60, FuseConvolutions);

}  // namespace
}  // namespace gradus
