// Layers that hold layers: `residual { layer ... }` and `concat { branch { layer ... } }`.
#ifndef GRADUS_GRAPH_COMPOSITE_H_
#define GRADUS_GRAPH_COMPOSITE_H_

#include <google/protobuf/repeated_ptr_field.h>

#include <string>
#include <vector>

#include "proto/model.pb.h"

namespace gradus {

// A chain of layers inside another: its first takes what the other takes. It may be empty.
struct Body {
  google::protobuf::RepeatedPtrField<Layer> layers;
  std::string path;  // of the message that holds them, within the layer: "residual", "concat.branch[1]"
};

// Takes the bodies out of a layer, in the text's order; none out of a layer that holds no layers. What is left takes
// the outputs of the bodies.
std::vector<Body> TakeBodies(Layer* layer);

// The same while they stay where they are: the layers of each body. Views into `layer`.
using LayerList = google::protobuf::RepeatedPtrField<Layer>;
std::vector<LayerList*> BodiesOf(Layer* layer);

}  // namespace gradus

#endif  // GRADUS_GRAPH_COMPOSITE_H_
