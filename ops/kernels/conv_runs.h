// A convolution seen as taps and runs. A run is what lies under one row of the kernel as neighbours in memory: its last
// dimension, and the channels where they are innermost. A tap is a position in the kernel's other dimensions, the
// channels among them where the image is plain:
//
//   y[row, column, f] = sum over taps t, r < run of x[row_offset[row] + tap_offset[t] + column step + r] w[t, r, f]
//
// Offsets and sizes are in elements; those in x refer to the padded image when there is padding. A value, immutable
// once made.
#ifndef GRADUS_OPS_KERNELS_CONV_RUNS_H_
#define GRADUS_OPS_KERNELS_CONV_RUNS_H_

#include <oneapi/dnnl/dnnl_types.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

#include "core/layout.h"
#include "core/parallel.h"
#include "core/shape.h"
#include "ops/conv.h"

namespace gradus {

// f32[N, C, spatial...] with the channels innermost.
Layout ChannelsLast(const Shape& image);

struct ConvRuns {
  // None where the form does not fit: groups, a dilated last dimension, or images neither channels last nor plain.
  static std::optional<ConvRuns> Make(const ConvAttrs& conv, const Shape& x, const Shape& w, const Shape& y,
                                      const Layout& x_layout);

  bool channels_last = false;  // x; else it is plain
  int64_t images = 0, filters = 0;
  int64_t run = 0;
  int64_t columns = 0;                   // of y's last dimension
  int64_t step = 0;                      // in x, from one column of y to the next
  std::vector<int64_t> row_offset;       // in x, by row of y
  std::vector<int64_t> row_offset_in_y;  // y being channels last
  std::vector<int64_t> tap_offset;       // in x

  int64_t image_size = 0;   // of x without padding
  int64_t padded_size = 0;  // the same when there is none
  int64_t line = 0;         // length of the lines that padding leaves whole
  std::vector<int64_t> line_offset, padded_line_offset;

  Shape weights;                        // as the type has them
  std::vector<int> tap_axes, run_axes;  // axes of `weights` that taps and runs are made of, outermost first
  Layout filters_last;                  // w[t, r, f]

  int64_t taps() const { return static_cast<int64_t>(tap_offset.size()); }
  int64_t rows() const { return static_cast<int64_t>(row_offset.size()); }
  int64_t tap_weights() const { return run * filters; }
  int64_t y_image() const { return rows() * columns * filters; }
  bool padded() const { return padded_size != image_size; }

  // The image, by way of `copy` when there is padding: f32[padded_size], which holds zeros or an earlier image.
  const float* Pad(const float* image, float* copy) const;
};

// Floats in whole cache lines, so that threads' pieces of scratch memory have none in common.
inline int64_t WholeLines(int64_t floats) { return (floats + 15) / 16 * 16; }

// Images split into a part for each thread.
struct ImageParts {
  ImageParts(const ConvRuns& runs, int threads)
      : count(std::clamp<int64_t>(threads, 1, runs.images)), images(runs.images) {}
  int64_t begin(int64_t part) const { return images * part / count; }

  template <typename Body>  // body(part)
  void ForEach(const Body& body) const {
    ParallelFor(count, 1, [&](int64_t first, int64_t last) {
      for (int64_t part = first; part < last; ++part) body(part);
    });
  }

  int64_t count, images;
};

// Where an element lies, by axis: the sum of offsets[axis][index along axis] over all axes.
using AxisOffsets = std::vector<std::vector<int64_t>>;

// Of a layout with or without blocks.
AxisOffsets OffsetsIn(const dnnl_memory_desc_t& desc);

// Where the elements [axes[0] = i, axes[1] = j, ...] lie for all i, j, ..., in order.
std::vector<int64_t> Positions(const AxisOffsets& offsets, const std::vector<int>& axes);

}  // namespace gradus

#endif  // GRADUS_OPS_KERNELS_CONV_RUNS_H_
