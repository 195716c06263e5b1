// An order in which each layer follows those that it takes: a pure puzzle over integers.
#ifndef GRADUS_GRAPH_LAYER_ORDER_H_
#define GRADUS_GRAPH_LAYER_ORDER_H_

#include <vector>

#include "absl/types/span.h"

namespace gradus {

struct LayerOrder {
  std::vector<int> order;  // every layer once; meaningless when there are cycles
  // Layers that feed each other, along the flow of data, beginning with the smallest: {0, 2} when 0 feeds 2 feeds 0.
  // Not every cycle, but at least one of each tangle.
  std::vector<std::vector<int>> cycles;
};

// `takes[i]`: the layers that layer i takes, not itself. Layers keep their places, but for those that others take
// before they come: they move to just before the first that takes them. Linear; an order that is right stays as it is.
LayerOrder OrderLayers(absl::Span<const std::vector<int>> takes);

}  // namespace gradus

#endif  // GRADUS_GRAPH_LAYER_ORDER_H_
