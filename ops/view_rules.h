// Gradient rules that differ from the registered ones, to be handed to AddGradients: what comes back then is no
// derivative but a picture of what a network looks at. Rules fall back to the registered ones for all that they do not
// change. Functions; thread-safe.
#ifndef GRADUS_OPS_VIEW_RULES_H_
#define GRADUS_OPS_VIEW_RULES_H_

#include "graph/gradient.h"

namespace gradus {

// The deconvolution view (Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014,
// section 2.1). Convolutions go back by their transposed filters and max pooling by its switches, as in any gradient;
// a ReLU rectifies what comes back, whatever its input was: dx = max(dy, 0).
GradientOptions DeconvolutionRules();

// Guided back-propagation (Springenberg et al., "Striving for Simplicity: The All Convolutional Net", ICLR 2015
// workshop, section 3.4): a ReLU lets pass what is positive and where its input was: dx = max(dy, 0) [x > 0].
GradientOptions GuidedRules();

// Where an input can reach a value at all: elementwise functions pass everything, max pooling passes to all of its
// window. The gradient is 0 outside the receptive field and, unless weights are 0 or happen to cancel out, nowhere
// else.
GradientOptions ReceptiveFieldRules();

}  // namespace gradus

#endif  // GRADUS_OPS_VIEW_RULES_H_
