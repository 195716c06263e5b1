// Candidates of convolution nodes that run by Winograd's minimal filtering (winograd.h): two spatial dimensions, 3x3 or
// 5x5 taps, stride 1, no dilation, groups of whole blocks. Images are nChw8c and weights OIhw8i8o, as oneDNN likes them
// on AVX2.
#ifndef GRADUS_OPS_KERNELS_WINOGRAD_CONV_H_
#define GRADUS_OPS_KERNELS_WINOGRAD_CONV_H_

#include <optional>

#include "core/shape.h"
#include "graph/kernel.h"
#include "ops/conv.h"
#include "ops/kernels/conv_epilogue.h"

namespace gradus {

inline constexpr char kWinogradConv[] = "gradus:winograd";

// The shapes of a convolution.
struct ConvShapes {
  const ConvAttrs& conv;
  const Shape &x, &w, &y;
};

// Whether these are likely to beat direct convolutions: forward and backward weights, backward data.
bool WinogradPays(const ConvShapes& shapes);
bool WinogradBackwardDataPays(const ConvShapes& shapes);

// None where the form does not fit, or the machine has no AVX2.
std::optional<Candidate> WinogradForward(const ConvShapes& shapes, const ConvEpilogue& epilogue, int threads);
std::optional<Candidate> WinogradBackwardData(const ConvShapes& shapes, int threads);
std::optional<Candidate> WinogradBackwardWeights(const ConvShapes& shapes, bool has_bias, int threads);

}  // namespace gradus

#endif  // GRADUS_OPS_KERNELS_WINOGRAD_CONV_H_
