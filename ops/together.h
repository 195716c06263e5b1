// Several small nodes as one, which is one parallel region: each member runs on one thread. What a pass makes of the
// updates of small parameters, whatever their operation.
//
//   Together {members} (inputs of the first, of the second, ...) -> outputs of the first, of the second, ...
//
// Members need nothing of each other. An output may lie over the inputs that its member allows.
#ifndef GRADUS_OPS_TOGETHER_H_
#define GRADUS_OPS_TOGETHER_H_

#include <string>
#include <vector>

#include "graph/attrs.h"
#include "graph/graph.h"

namespace gradus {

struct TogetherAttrs {
  struct Member {
    std::string op;
    Attrs attrs;
    int inputs = 0, outputs = 0;
  };
  std::vector<Member> members;

  // "2 x SgdUpdate(4 -> 1) {momentum=0}": equal neighbours are counted.
  std::string ToString() const;
  template <typename F>
  void ForEach(F&& field) const {
    field("members", ToString());
  }
};

// A member as a node of its own, and where its inputs and outputs lie among those of all.
struct MemberNode {
  Node node;
  int first_input = 0, first_output = 0;
};

// Of a node of this operation.
std::vector<MemberNode> MembersOf(const Node& together);

}  // namespace gradus

#endif  // GRADUS_OPS_TOGETHER_H_
