// The first convolution of a network: plain images with few channels to nChw8c, with any kernel, stride and padding.
// The weights are packed anew in each run (they are few), y's rows are products of the image where it lies. Work is
// split by rows of y, so that one image occupies all threads.
#ifndef GRADUS_OPS_KERNELS_IMAGE_CONV_H_
#define GRADUS_OPS_KERNELS_IMAGE_CONV_H_

#include <optional>

#include "core/shape.h"
#include "graph/kernel.h"
#include "ops/kernels/conv_runs.h"

namespace gradus {

inline constexpr char kImageConv[] = "gradus:image";

// Whether it is likely to beat oneDNN, which has no generated code for wide kernels.
bool ImageConvPays(const ConvRuns& runs);

// y, nChw8c, from x, w (filters last) and perhaps a bias. None unless x is a plain f32[N, C <= 8, H, W] and filters
// fill whole blocks.
std::optional<Candidate> ImageConvForward(const ConvRuns& runs, const Shape& x, const Shape& y, bool has_bias,
                                          int threads);

}  // namespace gradus

#endif  // GRADUS_OPS_KERNELS_IMAGE_CONV_H_
