#include "ops/passes/patterns.h"

#include "absl/strings/str_cat.h"
#include "ops/binary.h"
#include "ops/unary.h"

namespace gradus {

bool IsRelu(const Rewriter& rewriter, int node) {
  return rewriter.Is(node, "Unary") && rewriter.node(node).attrs.as<UnaryAttrs>().function == RELU;
}

bool IsReluBackward(const Rewriter& rewriter, int node) {
  return rewriter.Is(node, "UnaryBackward") && rewriter.node(node).attrs.as<UnaryAttrs>().function == RELU;
}

bool IsPlainAdd(const Rewriter& rewriter, int node) {
  if (!rewriter.Is(node, "Binary")) return false;
  const Node& add = rewriter.node(node);
  const Graph& graph = rewriter.graph();
  return add.attrs.as<BinaryAttrs>().function == Binary::ADD && add.inputs[0] != add.inputs[1] &&
         graph.type(add.inputs[0]) == graph.type(add.inputs[1]);
}

Value OtherTerm(const Rewriter& rewriter, int add, Value value) {
  const Node& node = rewriter.node(add);
  return node.inputs[node.inputs[0] == value ? 1 : 0];
}

Tail FindTail(Rewriter* rewriter, int node, const std::function<bool(int)>& is_head) {
  Tail tail;
  Value value = {node, 0};
  const auto note_others = [&] {
    for (int reader : rewriter->Readers(value)) {
      if (!IsRelu(*rewriter, reader) && !IsPlainAdd(*rewriter, reader)) continue;
      rewriter->Missed(absl::StrCat(Describe(rewriter->node(reader)), " does not join ", Describe(rewriter->node(node)),
                                    ": ", rewriter->WhyNotOnlyReader(value)));
    }
  };
  int reader = rewriter->OnlyReader(value);
  if (reader < 0) {
    note_others();
    return tail;
  }
  if (IsPlainAdd(*rewriter, reader)) {
    const Value other = OtherTerm(*rewriter, reader, value);
    if (rewriter->OthersReadBefore(value, reader)) {
      rewriter->Missed(absl::StrCat(Describe(rewriter->node(reader)), " does not join ", Describe(rewriter->node(node)),
                                    ": what it adds may depend on that"));
      return tail;
    }
    const bool later = other.output == 0 && other.node > node && is_head(other.node);
    if (later && rewriter->OnlyReader(other) == reader) return tail;
    tail.add = reader;
    value = {reader, 0};
    reader = rewriter->OnlyReader(value);
  }
  if (reader >= 0 && IsRelu(*rewriter, reader)) {
    tail.relu = reader;
  } else if (reader < 0) {
    note_others();
  }
  return tail;
}

}  // namespace gradus
