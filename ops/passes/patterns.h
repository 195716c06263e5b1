// What several passes look for.
#ifndef GRADUS_OPS_PASSES_PATTERNS_H_
#define GRADUS_OPS_PASSES_PATTERNS_H_

#include <functional>

#include "graph/rewrite.h"

namespace gradus {

// y = relu(x) or dx = dy where y > 0.
bool IsRelu(const Rewriter& rewriter, int node);
bool IsReluBackward(const Rewriter& rewriter, int node);

// x + r of one type, neither broadcast, and not x + x.
bool IsPlainAdd(const Rewriter& rewriter, int node);
// What a plain add adds to `value`.
Value OtherTerm(const Rewriter& rewriter, int add, Value value);

// The add and the relu that may be done where output 0 of `node` is made; -1: there is none. What comes in the way is
// noted as missed.
struct Tail {
  int add = -1, relu = -1;
  int last() const { return relu >= 0 ? relu : add; }
};
// An add that takes two such values is the later one's: `is_head(node)` says whether the other is such a value, too.
Tail FindTail(Rewriter* rewriter, int node, const std::function<bool(int)>& is_head);

}  // namespace gradus

#endif  // GRADUS_OPS_PASSES_PATTERNS_H_
