// What becomes of the sums of a convolution before they are stored: y = relu(conv(x, w) + b + r). A kernel either does
// it itself, or leaves it to a pass over y that runs behind it. Bias is every kernel's own business.
#ifndef GRADUS_OPS_KERNELS_CONV_EPILOGUE_H_
#define GRADUS_OPS_KERNELS_CONV_EPILOGUE_H_

#include <oneapi/dnnl/dnnl.hpp>

#include "graph/kernel.h"
#include "ops/conv.h"

namespace gradus {

struct ConvEpilogue {
  int bias = -1, residual = -1;  // inputs of the node; -1: there is none
  bool relu = false;

  bool has_bias() const { return bias >= 0; }
  // Whether there is anything besides a bias.
  bool any() const { return residual >= 0 || relu; }
};

// Of a node of Conv or FusedConv, whose convolution is `conv`.
ConvEpilogue EpilogueOf(const Node& node);
const ConvAttrs& ConvOf(const Node& node);

// Attributes with which oneDNN does it, if r lies where y will be.
dnnl::primitive_attr WithPostOps(const ConvEpilogue& epilogue);

// `plain` takes (x, w[, b]) as a node of Conv does. The results take the inputs of a FusedConv.
// A kernel that does it itself: y may lie over r, and r is copied to y before each run where it does not.
Candidate DoesEpilogue(const ConvEpilogue& epilogue, Candidate plain);
// A kernel that does not; a pass over y follows.
Candidate AddEpilogue(const ConvEpilogue& epilogue, Candidate plain);

}  // namespace gradus

#endif  // GRADUS_OPS_KERNELS_CONV_EPILOGUE_H_
