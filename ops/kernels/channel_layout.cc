#include "ops/kernels/channel_layout.h"

#include <oneapi/dnnl/dnnl.h>

#include <algorithm>
#include <vector>

#include "core/check.h"
#include "core/onednn.h"

namespace gradus {
namespace {

// The strides of [N, C, spatial...] (of [N, blocks, spatial...] for a blocked layout) that the array gives.
Dims StridesOf(const TensorType& type, int64_t lanes) {
  const ChannelSizes sizes(type.shape, lanes);
  Dims strides(type.shape.rank());
  int64_t stride = lanes;
  for (int axis = type.shape.rank() - 1; axis >= 2; --axis) {
    strides[axis] = stride;
    stride *= type.shape[axis];
  }
  strides[1] = sizes.blocks == 1 ? 1 : sizes.positions * lanes;
  strides[0] = sizes.blocks * sizes.positions * lanes;
  return strides;
}

bool HasStrides(const dnnl_memory_desc_t& desc, const Dims& strides) {
  for (int axis = 0; axis < desc.ndims; ++axis) {
    if (desc.dims[axis] > 1 && desc.format_desc.blocking.strides[axis] != strides[axis]) return false;
  }
  return true;
}

bool IsBlocked(const TensorType& type, int64_t lanes) { return lanes != 1 && lanes != type.shape[1]; }

dnnl_format_tag_t BlockedTag(int rank, int64_t lanes) {
  static constexpr dnnl_format_tag_t kTags[3][2] = {
      {dnnl_aBc8b, dnnl_aBc16b}, {dnnl_aBcd8b, dnnl_aBcd16b}, {dnnl_aBcde8b, dnnl_aBcde16b}};
  GRADUS_CHECK(rank >= 3 && rank <= 5 && (lanes == 8 || lanes == 16));
  return kTags[rank - 3][lanes == 16 ? 1 : 0];
}

dnnl_memory_desc_t BlockedDesc(const TensorType& type, int64_t lanes) {
  const dnnl::memory::dims dims = ToDnnl(type.shape);
  dnnl_memory_desc_t desc;
  GRADUS_CHECK(dnnl_memory_desc_init_by_tag(&desc, type.shape.rank(), dims.data(),
                                            dnnl::memory::convert_to_c(ToDnnl(type.dtype)),
                                            BlockedTag(type.shape.rank(), lanes)) == dnnl_success);
  return desc;
}

}  // namespace

ChannelSizes::ChannelSizes(const Shape& shape, int64_t lanes)
    : batch(shape[0]),
      channels(shape[1]),
      blocks((shape[1] + lanes - 1) / lanes),
      positions(shape.ElementsBetween(2, shape.rank())),
      lanes(lanes) {}

std::optional<int64_t> FindLanes(const Layout& layout, const TensorType& type) {
  const int rank = type.shape.rank();
  if (layout.any() || layout.opaque() || rank < 2 || type.shape.num_elements() == 0) return std::nullopt;
  const dnnl_memory_desc_t& desc = layout.desc();
  if (desc.format_kind != dnnl_blocked || desc.offset0 != 0 || desc.ndims != rank ||
      !std::equal(desc.dims, desc.dims + rank, type.shape.dims().begin())) {
    return std::nullopt;
  }
  if (desc.format_desc.blocking.inner_nblks > 0) {
    for (int64_t lanes : {8, 16}) {
      if (rank < 3 || rank > 5) break;
      const dnnl_memory_desc_t wanted = BlockedDesc(type, lanes);
      if (dnnl_memory_desc_equal(&desc, &wanted) != 0) return lanes;
    }
    return std::nullopt;
  }
  if (HasStrides(desc, StridesOf(type, type.shape[1]))) return type.shape[1];
  if (HasStrides(desc, StridesOf(type, 1))) return 1;
  return std::nullopt;
}

int64_t ChooseLanes(absl::Span<const LaidOut> tensors) {
  std::optional<int64_t> chosen;
  for (const LaidOut& tensor : tensors) {
    const Shape& shape = tensor.type.shape;
    const std::optional<int64_t> lanes = FindLanes(tensor.layout, tensor.type);
    if (!lanes.has_value()) continue;
    if (IsBlocked(tensor.type, *lanes)) return *lanes;
    const bool says = shape.ElementsBetween(2, shape.rank()) > 1 && shape[1] > 1;
    if (says && !chosen.has_value()) chosen = lanes;
  }
  if (chosen.has_value()) return *chosen;
  const Shape& shape = tensors[0].type.shape;
  return shape.ElementsBetween(2, shape.rank()) == 1 ? shape[1] : 1;
}

int64_t ChooseLanes(const KernelContext& context, std::initializer_list<int> inputs) {
  std::vector<LaidOut> tensors;
  for (int i : inputs) tensors.push_back({context.inputs[i], context.input_type(i)});
  return ChooseLanes(tensors);
}

Layout ChannelLayout(const TensorType& type, int64_t lanes) {
  if (lanes == 1 && type.shape[1] != 1) return Layout::Plain(type);
  if (IsBlocked(type, lanes)) return Layout(BlockedDesc(type, lanes));
  const dnnl::memory::dims dims = ToDnnl(type.shape);
  const Dims strides = StridesOf(type, lanes);
  dnnl_memory_desc_t desc;
  GRADUS_CHECK(dnnl_memory_desc_init_by_strides(&desc, type.shape.rank(), dims.data(),
                                                dnnl::memory::convert_to_c(ToDnnl(type.dtype)),
                                                strides.data()) == dnnl_success);
  return Layout(desc);
}

}  // namespace gradus
