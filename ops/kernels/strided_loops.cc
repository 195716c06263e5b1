#include "ops/kernels/strided_loops.h"

#include <numeric>
#include <utility>
#include <vector>

#include "core/check.h"

namespace gradus {
namespace {

// A buffer along one dimension: element i lies at (i / block) * stride + (i % block) * inner_stride.
struct View {
  int64_t size = 1;
  int64_t block = 1;
  int64_t stride = 0;
  int64_t inner_stride = 0;
};
using Views = absl::InlinedVector<View, 6>;

std::optional<Views> ViewsOfDesc(const dnnl_memory_desc_t& desc) {
  if (desc.format_kind != dnnl_blocked) return std::nullopt;
  const dnnl_blocking_desc_t& blocking = desc.format_desc.blocking;
  Views views(desc.ndims);
  for (int dim = 0; dim < desc.ndims; ++dim) views[dim] = {desc.dims[dim], 1, blocking.strides[dim], 0};
  int64_t stride = 1;
  for (int b = blocking.inner_nblks - 1; b >= 0; --b) {
    View& view = views[blocking.inner_idxs[b]];
    if (view.block != 1) return std::nullopt;
    view.block = blocking.inner_blks[b];
    view.inner_stride = stride;
    stride *= view.block;
  }
  return views;
}

// Whether a description's dimensions are those of a shape but for ones before them.
bool Describes(const dnnl_memory_desc_t& desc, const Shape& shape) {
  const dnnl_dim_t* const dims = desc.dims + desc.ndims - shape.rank();
  return desc.ndims >= shape.rank() && std::equal(dims, desc.dims + desc.ndims, shape.dims().begin()) &&
         std::all_of(desc.dims, dims, [](int64_t dim) { return dim == 1; });
}

// One view for each of the box's `rank` dimensions; those that the operand lacks have size 1. Plain bytes are seen
// under any shape.
std::optional<Views> ViewsOf(const Layout& layout, const Shape& shape, int rank) {
  Views own;
  if (layout.plain()) {
    const Dims strides = shape.Strides();
    for (int dim = 0; dim < shape.rank(); ++dim) own.push_back({shape[dim], 1, strides[dim], 0});
  } else {
    if (layout.any() || layout.opaque() || !Describes(layout.desc(), shape)) return std::nullopt;
    const std::optional<Views> of_desc = ViewsOfDesc(layout.desc());
    if (!of_desc) return std::nullopt;
    own = *of_desc;
  }
  const int more = static_cast<int>(own.size()) - rank;  // ones that the layout has before the box's dimensions
  if (more > 0) own.erase(own.begin(), own.begin() + more);
  Views views(std::max(-more, 0));
  views.insert(views.end(), own.begin(), own.end());
  return views;
}

using Loops = absl::InlinedVector<StridedLoops::Loop, 8>;

// Adds the loops over [begin, begin + size) of one dimension, for each operand from its own beginning.
bool AddLoops(int64_t size, absl::Span<const View> views, absl::Span<const int64_t> begin, Loops* loops,
              OperandStrides* offset) {
  // Of a single element in a block, the padding is walked only if that of the first operand, which may need it, is.
  const auto broadcasts = [&](const View& view) {
    return view.size == 1 && (view.block == 1 || size != 1 || views[0].block == 1);
  };
  int64_t block = 1;
  for (const View& view : views) {
    if (broadcasts(view) || view.block == 1) continue;
    if (block != 1 && block != view.block) return false;
    block = view.block;
  }
  const int64_t blocks = (size + block - 1) / block;
  const bool whole_blocks = blocks * block == size;
  StridedLoops::Loop outer{blocks, {}}, inner{block, {}};
  for (size_t i = 0; i < views.size(); ++i) {
    const View& view = views[i];
    if (broadcasts(view)) continue;
    if (view.block == 1) {
      if (!whole_blocks) return false;
      outer.stride[i] = block * view.stride;
      inner.stride[i] = view.stride;
      (*offset)[i] += begin[i] * view.stride;
    } else {
      if (begin[i] % block != 0 || (!whole_blocks && begin[i] + size != view.size)) return false;
      outer.stride[i] = view.stride;
      inner.stride[i] = view.inner_stride;
      (*offset)[i] += begin[i] / block * view.stride;
    }
  }
  loops->push_back(outer);
  loops->push_back(inner);
  return true;
}

// In the order of the first operand's memory, without loops of one turn, neighbours joined; at least two.
Loops Simplify(Loops loops) {
  std::stable_sort(loops.begin(), loops.end(), [](const auto& a, const auto& b) { return a.stride[0] > b.stride[0]; });
  Loops joined;
  for (const StridedLoops::Loop& loop : loops) {
    if (loop.size == 1) continue;
    const auto continues = [&](const StridedLoops::Loop& outer) {
      for (int i = 0; i < kMostOperands; ++i) {
        if (outer.stride[i] != loop.size * loop.stride[i]) return false;
      }
      return true;
    };
    if (!joined.empty() && continues(joined.back())) {
      joined.back() = {joined.back().size * loop.size, loop.stride};
    } else {
      joined.push_back(loop);
    }
  }
  while (joined.size() < 2) joined.insert(joined.begin(), {1, {}});
  return joined;
}

}  // namespace

StridedLoops::StridedLoops(absl::InlinedVector<Loop, 8> loops, const OperandStrides& offset)
    : loops_(Simplify(std::move(loops))), offset_(offset) {
  for (const Loop& loop : loops_) count_ *= loop.size;
}

std::optional<StridedLoops> StridedLoops::Make(const Dims& box, absl::Span<const StridedOperand> operands) {
  GRADUS_CHECK(operands.size() <= kMostOperands);
  const int rank = static_cast<int>(box.size());
  OperandStrides offset{};
  std::vector<Views> views;
  for (size_t i = 0; i < operands.size(); ++i) {
    const StridedOperand& operand = operands[i];
    std::optional<Views> of_operand = ViewsOf(operand.layout, operand.shape, rank);
    if (!of_operand) return std::nullopt;
    views.push_back(*std::move(of_operand));
    if (!operand.layout.plain()) offset[i] = operand.layout.desc().offset0;
  }
  Loops loops;
  for (int dim = 0; dim < rank; ++dim) {
    absl::InlinedVector<View, kMostOperands> along;
    absl::InlinedVector<int64_t, kMostOperands> begin;
    for (size_t i = 0; i < operands.size(); ++i) {
      along.push_back(views[i][dim]);
      begin.push_back(operands[i].begin.empty() ? 0 : operands[i].begin[dim]);
    }
    if (!AddLoops(box[dim], along, begin, &loops, &offset)) return std::nullopt;
  }
  return StridedLoops(std::move(loops), offset);
}

StridedLoops StridedLoops::Flat(int64_t elements) {
  Loop loop{elements, {}};
  loop.stride.fill(1);
  return StridedLoops({loop}, OperandStrides{});
}

StridedLoops StridedLoops::OverPadding(const Layout& layout, int dim) {
  const dnnl_memory_desc_t& desc = layout.desc();
  const std::optional<Views> views = ViewsOfDesc(desc);
  GRADUS_CHECK(views.has_value());
  OperandStrides offset{};
  Loops loops;
  for (int i = 0; i < desc.ndims; ++i) {
    const View& view = (*views)[i];
    const int64_t blocks = desc.padded_dims[i] / view.block;
    if (i != dim) {
      loops.push_back({blocks, {view.stride}});
      loops.push_back({view.block, {view.inner_stride}});
      continue;
    }
    const int64_t padding = desc.padded_dims[i] - desc.dims[i];
    GRADUS_CHECK(padding < view.block);
    offset[0] = (blocks - 1) * view.stride + (view.block - padding) * view.inner_stride;
    loops.push_back({padding, {view.inner_stride}});
  }
  return StridedLoops(std::move(loops), offset);
}

StridedTile StridedLoops::TileAt(int64_t begin, int64_t end) const {
  const Loop& row_loop = loops_[loops_.size() - 2];
  const Loop& col_loop = loops_.back();
  const int64_t col = begin % col_loop.size;
  int64_t rest = begin / col_loop.size;
  const int64_t row = rest % row_loop.size;

  StridedTile tile{offset_, 1, 1, row_loop.stride, col_loop.stride};
  if (col != 0 || end - begin < col_loop.size) {
    tile.cols = std::min(end - begin, col_loop.size - col);
  } else {
    tile.cols = col_loop.size;
    tile.rows = std::min((end - begin) / col_loop.size, row_loop.size - row);
  }
  const auto advance = [&tile](const Loop& loop, int64_t turns) {
    for (int i = 0; i < kMostOperands; ++i) tile.offset[i] += turns * loop.stride[i];
  };
  advance(col_loop, col);
  for (int i = static_cast<int>(loops_.size()) - 2; i >= 0; --i) {
    advance(loops_[i], rest % loops_[i].size);
    rest /= loops_[i].size;
  }
  return tile;
}

bool Loopable(const Layout& layout) {
  if (layout.plain()) return true;
  return !layout.any() && !layout.opaque() && ViewsOfDesc(layout.desc()).has_value();
}

Layout LayoutLike(const Layout& like, const Shape& shape) {
  dnnl_memory_desc_t desc = like.desc();
  dnnl_blocking_desc_t& blocking = desc.format_desc.blocking;
  const int missing = desc.ndims - shape.rank();
  GRADUS_CHECK(missing >= 0);
  Dims dims(missing, 1);
  dims.insert(dims.end(), shape.dims().begin(), shape.dims().end());

  Dims blocks(desc.ndims, 1);
  int kept = 0;
  int64_t stride = 1;
  for (int b = 0; b < blocking.inner_nblks; ++b) {
    const int64_t dim = blocking.inner_idxs[b], block = blocking.inner_blks[b];
    if (dims[dim] == 1 && desc.dims[dim] != 1) continue;
    blocking.inner_idxs[kept] = dim;
    blocking.inner_blks[kept++] = block;
    blocks[dim] *= block;
    stride *= block;
  }
  blocking.inner_nblks = kept;

  std::vector<int> order(desc.ndims);  // of dimensions, from the fastest
  std::iota(order.rbegin(), order.rend(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return blocking.strides[a] < blocking.strides[b]; });
  for (int dim : order) {
    const int64_t count = (dims[dim] + blocks[dim] - 1) / blocks[dim];
    desc.dims[dim] = dims[dim];
    desc.padded_dims[dim] = count * blocks[dim];
    blocking.strides[dim] = stride;
    stride *= std::max<int64_t>(count, 1);
  }
  desc.offset0 = 0;
  return Layout(desc);
}

}  // namespace gradus
