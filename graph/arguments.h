// What a use says about the params of its block.
#ifndef GRADUS_GRAPH_ARGUMENTS_H_
#define GRADUS_GRAPH_ARGUMENTS_H_

#include <string>
#include <vector>

#include "graph/blocks.h"
#include "graph/origin.h"
#include "proto/model.pb.h"

namespace gradus {

struct BoundArgument {
  int param = 0;  // of the block
  Use::Argument value;
  bool first_copy_alone = false;
  std::string path;  // of the argument, within the layer: "use.args[0]"
};

// The arguments of a use that is written at `where`, in the order in which they are to be set. Mistakes: too many,
// unknown names, two for one param.
std::vector<BoundArgument> ArgumentsOf(const Use& use, const BlockEntry& block, const Origin& where,
                                       MistakeList* mistakes);

// Sets the arguments in a copy of the block's layers; `copy` counts from 1. What they have set, with their places.
// Values that a field does not take are told with the first copy.
std::vector<BoundField> SetArguments(const std::vector<BoundArgument>& arguments, int copy, const BlockEntry& block,
                                     const Origin& where, LayerList* layers, MistakeList* mistakes);

}  // namespace gradus

#endif  // GRADUS_GRAPH_ARGUMENTS_H_
