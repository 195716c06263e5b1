// Nested loops over the elements of several buffers at once, whatever their layouts: the common ground of broadcasting,
// reducing and moving elements.
//
// The loops run over a box of a tensor's indices, blocks and their padding included, in the order of the first buffer's
// memory. Buffers with size 1 along a dimension, or without it, broadcast along it. Neighbouring loops are joined where
// one stride serves all buffers, so equal layouts end as one loop. Values; safe to share between threads.
#ifndef GRADUS_OPS_KERNELS_STRIDED_LOOPS_H_
#define GRADUS_OPS_KERNELS_STRIDED_LOOPS_H_

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>

#include "absl/container/inlined_vector.h"
#include "absl/types/span.h"
#include "core/layout.h"
#include "core/parallel.h"
#include "core/shape.h"

namespace gradus {

constexpr int kMostOperands = 3;
using OperandStrides = std::array<int64_t, kMostOperands>;  // in elements

struct StridedOperand {
  const Layout& layout;
  const Shape& shape;  // aligned with the box at the last dimension
  Dims begin = {};     // where the box lies in it; empty: at 0
};

// `rows` times `cols` elements of each buffer: element (r, c) lies at offset + r * row_stride + c * col_stride.
struct StridedTile {
  OperandStrides offset;
  int64_t rows, cols;
  OperandStrides row_stride, col_stride;
};

class StridedLoops {
 public:
  struct Loop {
    int64_t size;
    OperandStrides stride;
  };

  // None when the layouts have no loops in common (different blocks, a box that cuts a block) or are no strides at all.
  static std::optional<StridedLoops> Make(const Dims& box, absl::Span<const StridedOperand> operands);

  // One loop over `elements` neighbours, for buffers of one layout whatever it is.
  static StridedLoops Flat(int64_t elements);

  // The loops over the padding that the blocks of dimension `dim` add; `layout` must be Loopable().
  static StridedLoops OverPadding(const Layout& layout, int dim);

  // Outermost first; at least two.
  absl::Span<const Loop> loops() const { return loops_; }
  const OperandStrides& offset() const { return offset_; }
  int64_t count() const { return count_; }

  // Calls body(const StridedTile&) for tiles that cover everything, from all threads.
  template <typename Body>
  void Run(const Body& body) const {
    constexpr int64_t kElementsWorthAThread = 16384, kFloatsOfACacheLine = 16;
    ParallelFor(
        count_, kElementsWorthAThread,
        [&](int64_t begin, int64_t end) {
          while (begin < end) {
            const StridedTile tile = TileAt(begin, end);
            body(tile);
            begin += tile.rows * tile.cols;
          }
        },
        kFloatsOfACacheLine);
  }

 private:
  StridedLoops(absl::InlinedVector<Loop, 8> loops, const OperandStrides& offset);

  // The largest tile that starts with element `begin` and ends before `end`.
  StridedTile TileAt(int64_t begin, int64_t end) const;

  absl::InlinedVector<Loop, 8> loops_;
  OperandStrides offset_;
  int64_t count_ = 1;
};

// Whether StridedLoops can walk a layout: strides, at most one block for each dimension.
bool Loopable(const Layout& layout);

// A layout for a tensor of another shape (aligned at the last dimension) with `like`'s order of dimensions and its
// blocks, but none along a dimension that has size 1 here alone. `like` is not plain and its dimensions are its
// tensor's own. StridedLoops always has loops for a tensor and one that broadcasts to it in such a layout.
Layout LayoutLike(const Layout& like, const Shape& shape);

}  // namespace gradus

#endif  // GRADUS_OPS_KERNELS_STRIDED_LOOPS_H_
