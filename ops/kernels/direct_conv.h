// Our own convolutions, for what oneDNN runs on padding or slowly: channel counts that fill no whole blocks, and weight
// gradients of images with few channels. Images lie channels last, or plain when there are few channels; no channel is
// padded, nothing is unfolded (see conv_runs.h). Work is split by images: the same number of threads gives the same
// bytes.
#ifndef GRADUS_OPS_KERNELS_DIRECT_CONV_H_
#define GRADUS_OPS_KERNELS_DIRECT_CONV_H_

#include <optional>

#include "core/layout.h"
#include "graph/kernel.h"
#include "ops/kernels/conv_runs.h"

namespace gradus {

inline constexpr char kDirectConv[] = "gradus:direct";

// Where these are likely to beat oneDNN. There has to be an image for each thread, and the weights of a tap must stay
// in the cache; then what was measured decides: with AVX2 the weight gradients of images with few channels, with
// AVX-512 what oneDNN would pad.
struct DirectConvGains {
  bool forward = false, backward_weights = false;
};
DirectConvGains DirectConvPays(const ConvRuns& runs, int threads);

// y, channels last, from x, w (filters last) and perhaps a bias. None for fewer than four filters.
std::optional<Candidate> DirectConvForward(const ConvRuns& runs, const Shape& x, const Shape& y, bool has_bias,
                                           int threads);

// dw, and db if wanted, from x and dy, which is channels last or in blocks of 8. dw lies as `wanted` says, else filters
// last. None for other layouts, where both filters and runs are fewer than four, and for blocks where vectors would lie
// along runs.
std::optional<Candidate> DirectConvBackwardWeights(const ConvRuns& runs, const Shape& x, const Shape& y,
                                                   const Layout& y_layout, bool has_bias, const Layout& wanted,
                                                   int threads);

}  // namespace gradus

#endif  // GRADUS_OPS_KERNELS_DIRECT_CONV_H_
