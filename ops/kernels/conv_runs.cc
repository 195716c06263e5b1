#include "ops/kernels/conv_runs.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/onednn.h"

namespace gradus {
namespace {

// The layout whose axes follow each other in this order, outermost first.
Layout InOrder(const Shape& shape, const std::vector<int>& order) {
  dnnl::memory::dims strides(shape.rank());
  int64_t stride = 1;
  for (auto axis = order.rbegin(); axis != order.rend(); ++axis) {
    strides[*axis] = stride;
    stride *= shape[*axis];
  }
  return Layout(dnnl::memory::desc(ToDnnl(shape), dnnl::memory::data_type::f32, strides).data);
}

// Of these axes of `shape` with these strides.
AxisOffsets Strided(const Shape& shape, const std::vector<int>& axes, const Dims& strides) {
  AxisOffsets offsets(shape.rank());
  for (int axis : axes) {
    for (int64_t i = 0; i < shape[axis]; ++i) offsets[axis].push_back(i * strides[axis]);
  }
  return offsets;
}

std::vector<int> Joined(std::vector<int> a, const std::vector<int>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

}  // namespace

Layout ChannelsLast(const Shape& image) {
  std::vector<int> order = {0};
  for (int axis = 2; axis < image.rank(); ++axis) order.push_back(axis);
  order.push_back(1);
  return InOrder(image, order);
}

AxisOffsets OffsetsIn(const dnnl_memory_desc_t& desc) {
  const dnnl_blocking_desc_t& blocking = desc.format_desc.blocking;
  AxisOffsets offsets(desc.ndims);
  for (int axis = 0; axis < desc.ndims; ++axis) {
    for (int64_t i = 0; i < desc.dims[axis]; ++i) {
      int64_t offset = 0, rest = i, stride = 1;
      for (int block = blocking.inner_nblks - 1; block >= 0; --block) {
        if (blocking.inner_idxs[block] == axis) {
          offset += rest % blocking.inner_blks[block] * stride;
          rest /= blocking.inner_blks[block];
        }
        stride *= blocking.inner_blks[block];
      }
      offsets[axis].push_back(offset + rest * blocking.strides[axis]);
    }
  }
  return offsets;
}

std::vector<int64_t> Positions(const AxisOffsets& offsets, const std::vector<int>& axes) {
  std::vector<int64_t> positions = {0};
  for (int axis : axes) {
    std::vector<int64_t> next;
    next.reserve(positions.size() * offsets[axis].size());
    for (int64_t position : positions) {
      for (int64_t offset : offsets[axis]) next.push_back(position + offset);
    }
    positions = std::move(next);
  }
  return positions;
}

std::optional<ConvRuns> ConvRuns::Make(const ConvAttrs& conv, const Shape& x, const Shape& w, const Shape& y,
                                       const Layout& x_layout) {
  const Window& window = conv.window;
  const int rank = x.rank(), last = rank - 1;
  const bool channels_last = x_layout == ChannelsLast(x);
  const bool plain = x_layout.plain();
  if (conv.groups != 1 || (window.dilation.back() != 1 && window.kernel.back() != 1) || (!channels_last && !plain)) {
    return std::nullopt;
  }
  ConvRuns runs;
  runs.channels_last = channels_last;
  runs.images = x[0];
  runs.filters = w[0];
  runs.weights = w;
  runs.columns = y[last];

  // Strides of the padded image's axes, in its order of axes, and of the image's own.
  std::vector<int> outer;
  for (int axis = 2; axis < last; ++axis) outer.push_back(axis);
  std::vector<int> order = channels_last ? Joined(outer, {last, 1}) : Joined(Joined({1}, outer), {last});
  Dims padded = x.dims(), padded_strides(rank, 0), own_strides(rank, 0);
  for (int axis = 2; axis < rank; ++axis) padded[axis] += window.pad_begin[axis - 2] + window.pad_end[axis - 2];
  runs.padded_size = runs.image_size = 1;
  for (auto axis = order.rbegin(); axis != order.rend(); ++axis) {
    padded_strides[*axis] = runs.padded_size;
    own_strides[*axis] = runs.image_size;
    runs.padded_size *= padded[*axis];
    runs.image_size *= x[*axis];
  }

  runs.tap_axes = channels_last ? outer : Joined({1}, outer);
  runs.run_axes = channels_last ? std::vector<int>{last, 1} : std::vector<int>{last};
  runs.filters_last = InOrder(w, Joined(Joined(runs.tap_axes, runs.run_axes), {0}));
  runs.run = window.kernel.back() * (channels_last ? x[1] : 1);
  runs.step = window.stride.back() * padded_strides[last];

  Dims row_strides = padded_strides, tap_strides = padded_strides;
  for (int axis : outer) {
    row_strides[axis] *= window.stride[axis - 2];
    tap_strides[axis] *= window.dilation[axis - 2];
  }
  runs.row_offset = Positions(Strided(y, outer, row_strides), outer);
  runs.tap_offset = Positions(Strided(w, runs.tap_axes, tap_strides), runs.tap_axes);
  for (int64_t row = 0; row < runs.rows(); ++row) runs.row_offset_in_y.push_back(row * runs.columns * runs.filters);

  runs.line = x[last] * (channels_last ? x[1] : 1);
  const std::vector<int> line_axes = channels_last ? outer : Joined({1}, outer);
  int64_t first = window.pad_begin.back() * padded_strides[last];
  for (int axis : outer) first += window.pad_begin[axis - 2] * padded_strides[axis];
  runs.line_offset = Positions(Strided(x, line_axes, own_strides), line_axes);
  runs.padded_line_offset = Positions(Strided(x, line_axes, padded_strides), line_axes);
  for (int64_t& offset : runs.padded_line_offset) offset += first;
  return runs;
}

const float* ConvRuns::Pad(const float* image, float* copy) const {
  if (!padded()) return image;
  for (size_t i = 0; i < line_offset.size(); ++i) {
    std::memcpy(copy + padded_line_offset[i], image + line_offset[i], line * sizeof(float));
  }
  return copy;
}

}  // namespace gradus
