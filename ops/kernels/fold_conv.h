// The gradient of a convolution's image as one matrix product, of dy and all weights, whose columns are then added
// where the window had them ("fold", or col2im: the adjoint of unfolding an image). Nothing is computed for padding
// between blocks of channels, so it serves channel counts that fill no whole blocks, for which oneDNN has no good code.
//
// Images lie channels last or in blocks of 8 or 16 channels. Work is split by images: the
// same number of threads gives the same bytes.
#ifndef GRADUS_OPS_KERNELS_FOLD_CONV_H_
#define GRADUS_OPS_KERNELS_FOLD_CONV_H_

#include <cstdint>
#include <optional>

#include "core/layout.h"
#include "core/shape.h"
#include "graph/kernel.h"
#include "ops/kernels/conv_runs.h"

namespace gradus {

inline constexpr char kFoldConv[] = "gradus:fold";

// Whether it is likely to beat oneDNN: channels or filters fill no whole blocks, there is an image for each thread, and
// the weights stay in the cache. `runs` is that of dx channels last.
bool FoldConvPays(const ConvRuns& runs, int threads);

// dx from dy, which lies as `y_layout` says, and w (filters first, channels last). dx gets blocks where dy has them.
// None for other layouts, and where the sizes are too small to fill a vector.
std::optional<Candidate> FoldConvBackwardData(const ConvRuns& runs, const Shape& x, const Shape& y,
                                              const Layout& y_layout, int threads);

}  // namespace gradus

#endif  // GRADUS_OPS_KERNELS_FOLD_CONV_H_
