// The way back through relu where nothing else has taken it in:
//
//   mask_before_unpooling  of max pooling's input: the mask is applied to the smaller gradient of the output. The
//                          largest element of a window is above 0 where, and only where, the output is.
//   mask_sums              of a value that several read: the sum of their gradients and the mask are one operation
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "graph/rewrite.h"
#include "ops/passes/patterns.h"
#include "ops/pool.h"
#include "ops/unary.h"

namespace gradus {
namespace {

absl::Status MaskBeforeUnpooling(Program* program, PassLog* log) {
  Rewriter rewriter(program, log);
  for (int mask = 0; mask < rewriter.size(); ++mask) {
    if (!IsReluBackward(rewriter, mask)) continue;
    const Value y = rewriter.node(mask).inputs[0], dy = rewriter.node(mask).inputs[1];
    if (!rewriter.Is(dy.node, "MaxPoolBackward")) continue;
    const int unpool = dy.node;
    const int pool = rewriter.node(unpool).inputs[1].node;
    if (!rewriter.Is(pool, "MaxPool") || rewriter.node(pool).inputs[0] != y) continue;
    if (rewriter.OnlyReader(dy) != mask) {
      rewriter.Missed(absl::StrCat(Describe(rewriter.node(mask)), " stays behind ", Describe(rewriter.node(unpool)),
                                   ": ", rewriter.WhyNotOnlyReader(dy)));
      continue;
    }
    const Node& old = rewriter.node(unpool);
    GRADUS_ASSIGN_OR_RETURN(const Value masked,
                            rewriter.Add({"UnaryBackward",
                                          JoinedName(rewriter.node(mask).name, rewriter.node(pool).name),
                                          {Value{pool, 0}, old.inputs[0]},
                                          rewriter.node(mask).attrs,
                                          rewriter.node(mask).where,
                                          old.stage},
                                         unpool));
    GRADUS_ASSIGN_OR_RETURN(const Value dx, rewriter.Add({"MaxPoolBackward",
                                                          JoinedName(old.name, rewriter.node(mask).name),
                                                          {masked, old.inputs[1]},
                                                          old.attrs,
                                                          old.where,
                                                          old.stage,
                                                          old.forward},
                                                         mask));
    rewriter.Did(absl::StrCat(Describe(rewriter.node(mask)), " comes before ", Describe(old)));
    rewriter.Replace({mask, 0}, dx);
    rewriter.Absorb({unpool, mask}, dx.node);
  }
  return rewriter.Finish();
}

absl::Status MaskSums(Program* program, PassLog* log) {
  Rewriter rewriter(program, log);
  for (int mask = 0; mask < rewriter.size(); ++mask) {
    if (!IsReluBackward(rewriter, mask)) continue;
    const Value dy = rewriter.node(mask).inputs[1];
    if (!rewriter.Is(dy.node, "AddN")) continue;
    if (rewriter.OnlyReader(dy) != mask) {
      rewriter.Missed(absl::StrCat(Describe(rewriter.node(dy.node)), " does not join ", Describe(rewriter.node(mask)),
                                   ": ", rewriter.WhyNotOnlyReader(dy)));
      continue;
    }
    const Node& sum = rewriter.node(dy.node);
    const Node& old = rewriter.node(mask);
    std::vector<Value> inputs = {old.inputs[0]};
    inputs.insert(inputs.end(), sum.inputs.begin(), sum.inputs.end());
    GRADUS_ASSIGN_OR_RETURN(
        const Value dx,
        rewriter.Add({"SumReluBackward", JoinedName(old.name, sum.name), std::move(inputs), {}, old.where, old.stage},
                     mask));
    rewriter.Did(absl::StrCat(Describe(sum), " joins ", Describe(old)));
    rewriter.Replace({mask, 0}, dx);
    rewriter.Absorb({dy.node, mask}, dx.node);
  }
  return rewriter.Finish();
}

REGISTER_PASS(mask_before_unpooling, 50, MaskBeforeUnpooling);
REGISTER_PASS(mask_sums, 55, MaskSums);

}  // namespace
}  // namespace gradus
