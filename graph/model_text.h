// What can be wrong with a model's text outside its layers, whatever these are.
#ifndef GRADUS_GRAPH_MODEL_TEXT_H_
#define GRADUS_GRAPH_MODEL_TEXT_H_

#include "graph/origin.h"
#include "proto/model.pb.h"

namespace gradus {

// Names of losses and metrics, dimensions of inputs and variables, defaults that cannot be.
void CheckText(const Model& model, MistakeList* mistakes);

}  // namespace gradus

#endif  // GRADUS_GRAPH_MODEL_TEXT_H_
