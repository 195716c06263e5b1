// How the channels of f32[N, C, spatial...] lie in memory. Every layout that convolutions give is one row-major array
// [N, blocks, positions, lanes], so one loop over lanes serves them all:
//
//   plain            C blocks of 1 lane
//   channels last    1 block of C lanes
//   aBcd8b, aBcd16b  ceil(C / 8) blocks of 8 lanes; those beyond C are padding, and zero
//
// f32[N, C] counts as channels last. Values.
#ifndef GRADUS_OPS_KERNELS_CHANNEL_LAYOUT_H_
#define GRADUS_OPS_KERNELS_CHANNEL_LAYOUT_H_

#include <cstdint>
#include <initializer_list>
#include <optional>

#include "absl/types/span.h"
#include "core/layout.h"
#include "core/shape.h"
#include "graph/kernel.h"

namespace gradus {

// The sizes of that array. The shape must have channels (rank 2 or more).
struct ChannelSizes {
  ChannelSizes(const Shape& shape, int64_t lanes);

  int64_t batch, channels, blocks, positions, lanes;
};

// The lanes of a tensor in `layout`, if it is one of these. Where several numbers fit (one position, one channel), the
// largest.
std::optional<int64_t> FindLanes(const Layout& layout, const TensorType& type);

// A tensor as it is at hand.
struct LaidOut {
  const Layout& layout;
  const TensorType& type;
};

// The lanes that all of these tensors had best have: those of the first blocked one, else of the first whose layout
// says (one that is any of several does not). They have the same number of channels.
int64_t ChooseLanes(absl::Span<const LaidOut> tensors);

// The same for inputs of a kernel.
int64_t ChooseLanes(const KernelContext& context, std::initializer_list<int> inputs);

// The layout of f32[N, C, spatial...] with `lanes`: 1, C, or (for 1 to 3 spatial dimensions) 8 or 16.
Layout ChannelLayout(const TensorType& type, int64_t lanes);

}  // namespace gradus

#endif  // GRADUS_OPS_KERNELS_CHANNEL_LAYOUT_H_
