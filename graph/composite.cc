#include "graph/composite.h"

#include "absl/strings/str_cat.h"

namespace gradus {

std::vector<LayerList*> BodiesOf(Layer* layer) {
  std::vector<LayerList*> bodies;
  if (layer->has_residual() && !layer->residual().layer().empty()) {
    bodies.push_back(layer->mutable_residual()->mutable_layer());
  }
  for (int i = 0; i < layer->concat().branch_size(); ++i) {
    bodies.push_back(layer->mutable_concat()->mutable_branch(i)->mutable_layer());
  }
  return bodies;
}

std::vector<Body> TakeBodies(Layer* layer) {
  std::vector<Body> bodies;
  for (LayerList* layers : BodiesOf(layer)) {
    const std::string path = layer->has_residual() ? "residual" : absl::StrCat("concat.branch[", bodies.size(), "]");
    bodies.emplace_back().path = path;
    bodies.back().layers.Swap(layers);
  }
  if (layer->has_concat()) layer->mutable_concat()->clear_branch();
  return bodies;
}

}  // namespace gradus
