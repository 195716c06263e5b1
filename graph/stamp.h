// Stamps out blocks and takes composite layers apart: from layers as they were written to a flat list, in the order of
// the text, each with its full name. What the layers take is not looked up yet: names may be of layers that come later.
//
//   layer { name: "s" use { block: "b" repeat: 2 } }           s/1/res/a  s/1/res  s/2/res/a  s/2/res
//   layer { name: "c" concat { branch { layer { name: "1x1" ... } } branch {} } }    c/1x1  c
//
// A composite layer follows the layers inside it, and takes their outputs: a residual what goes around it and what its
// layers made, a concat one input for each branch. So a flat list is a model, too.
#ifndef GRADUS_GRAPH_STAMP_H_
#define GRADUS_GRAPH_STAMP_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "graph/blocks.h"
#include "graph/composite.h"
#include "graph/names.h"
#include "graph/origin.h"
#include "proto/model.pb.h"

namespace gradus {

// Limits of an expanded model: its layers, their size in bytes, and blocks and composite layers inside each other.
inline constexpr int64_t kMostLayers = 200'000;
inline constexpr int64_t kMostLayerBytes = int64_t{256} << 20;
inline constexpr int kDeepestNesting = 64;

// A layer of the flat list.
struct FlatLayer {
  Layer layer;  // with its full name; without inputs and shares
  Origin origin;
  std::vector<int> inputs;  // references
  struct Share {
    std::string variable;  // of this layer; "": all
    std::string with;      // as it is named in `scope`
    int scope = Names::kModel;
    Origin where;
  };
  std::vector<Share> shares;
};

struct StampedModel {
  std::vector<FlatLayer> layers;
  Names names;
  std::vector<int> block_outputs;  // references that blocks make to their outputs
  // References to the last layer of the text, and to the last one that always runs; -1: there is none.
  int last = -1;
  int last_always = -1;
  bool too_large = false;  // a mistake: layers are missing
};

// `models[0]` is the model; its inputs and variables are named as well.
StampedModel StampLayers(absl::Span<const Model* const> models, const BlockTable& blocks, MistakeList* mistakes);

}  // namespace gradus

#endif  // GRADUS_GRAPH_STAMP_H_
