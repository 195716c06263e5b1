#include "core/layout.h"

#include <algorithm>
#include <array>
#include <oneapi/dnnl/dnnl.hpp>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "core/check.h"
#include "core/onednn.h"

namespace gradus {
namespace {

// A run of equally spaced elements.
struct Axis {
  int64_t size;
  int64_t stride;
};
using Axes = absl::InlinedVector<Axis, 8>;

bool Blocked(const dnnl_memory_desc_t& desc) { return desc.format_kind == dnnl_blocked; }

// The loops that visit a tensor's elements (padding included) in row-major order of its dimensions: outermost first,
// loops of one turn left out, neighbours joined where one stride serves both. Two layouts of one tensor are the same
// bytes if these are equal.
Axes CanonicalAxes(const dnnl_memory_desc_t& desc) {
  const dnnl_blocking_desc_t& blocking = desc.format_desc.blocking;
  std::array<Axes, DNNL_MAX_NDIMS> by_dim;
  std::array<int64_t, DNNL_MAX_NDIMS> block_of_dim;
  block_of_dim.fill(1);
  int64_t stride = 1;
  for (int b = blocking.inner_nblks - 1; b >= 0; --b) {
    const int64_t dim = blocking.inner_idxs[b];
    by_dim[dim].push_back({blocking.inner_blks[b], stride});
    block_of_dim[dim] *= blocking.inner_blks[b];
    stride *= blocking.inner_blks[b];
  }
  Axes axes;
  for (int dim = 0; dim < desc.ndims; ++dim) {
    by_dim[dim].push_back({desc.padded_dims[dim] / block_of_dim[dim], blocking.strides[dim]});
    for (auto axis = by_dim[dim].rbegin(); axis != by_dim[dim].rend(); ++axis) {
      if (axis->size == 1) continue;
      if (!axes.empty() && axes.back().stride == axis->size * axis->stride) {
        axes.back() = {axes.back().size * axis->size, axis->stride};
      } else {
        axes.push_back(*axis);
      }
    }
  }
  return axes;
}

bool IsPadded(const dnnl_memory_desc_t& desc) {
  return !std::equal(desc.dims, desc.dims + desc.ndims, desc.padded_dims);
}

bool IsEmpty(const dnnl_memory_desc_t& desc) {
  return std::any_of(desc.dims, desc.dims + desc.ndims, [](int64_t dim) { return dim == 0; });
}

bool IsPlain(const dnnl_memory_desc_t& desc) {
  if (!Blocked(desc) || IsPadded(desc) || desc.offset0 != 0) return false;
  if (IsEmpty(desc)) return true;
  const Axes axes = CanonicalAxes(desc);
  return axes.empty() || (axes.size() == 1 && axes[0].stride == 1);
}

dnnl_memory_desc_t RowMajorDesc(const dnnl_dim_t* dims, int rank, dnnl_data_type_t dtype) {
  dnnl_memory_desc_t desc;
  GRADUS_CHECK(dnnl_memory_desc_init_by_strides(&desc, rank, dims, dtype, nullptr) == dnnl_success);
  return desc;
}

// oneDNN's tag: dimensions as letters from the slowest to the fastest, upper case when blocked, then the blocks.
std::string Tag(const dnnl_memory_desc_t& desc) {
  const dnnl_blocking_desc_t& blocking = desc.format_desc.blocking;
  std::array<int, DNNL_MAX_NDIMS> order;
  for (int dim = 0; dim < desc.ndims; ++dim) order[dim] = dim;
  std::stable_sort(order.begin(), order.begin() + desc.ndims, [&](int a, int b) {
    if (blocking.strides[a] != blocking.strides[b]) return blocking.strides[a] > blocking.strides[b];
    return desc.padded_dims[a] > desc.padded_dims[b];
  });
  const int64_t* const blocked_end = blocking.inner_idxs + blocking.inner_nblks;
  std::string tag;
  for (int i = 0; i < desc.ndims; ++i) {
    const bool blocked = std::find(blocking.inner_idxs, blocked_end, order[i]) != blocked_end;
    tag.push_back(static_cast<char>((blocked ? 'A' : 'a') + order[i]));
  }
  for (int b = 0; b < blocking.inner_nblks; ++b) {
    absl::StrAppend(&tag, blocking.inner_blks[b], std::string(1, static_cast<char>('a' + blocking.inner_idxs[b])));
  }
  int64_t elements = 1;
  for (int dim = 0; dim < desc.ndims; ++dim) elements *= desc.padded_dims[dim];
  const auto bytes = static_cast<int64_t>(dnnl_memory_desc_get_size(&desc));
  const auto dense = elements * static_cast<int64_t>(dnnl_data_type_size(desc.data_type));
  if (bytes != dense) absl::StrAppend(&tag, " (", bytes, " bytes for ", dense, ")");
  return tag;
}

}  // namespace

Layout::Layout(const dnnl_memory_desc_t& desc)
    : kind_(Kind::kDesc), desc_(std::make_shared<const dnnl_memory_desc_t>(desc)) {
  GRADUS_CHECK(desc.format_kind != dnnl_format_kind_any && desc.format_kind != dnnl_format_kind_undef);
  plain_ = IsPlain(desc);
  padded_ = IsPadded(desc);
  bytes_ = static_cast<int64_t>(dnnl_memory_desc_get_size(&desc));
  element_size_ = static_cast<int64_t>(dnnl_data_type_size(desc.data_type));
}

Layout Layout::Plain(const TensorType& type) {
  if (type.dtype == DType::kFloat64 || type.dtype == DType::kOpaque) {
    Layout layout = Bytes(type.bytes());
    layout.plain_ = true;
    layout.element_size_ = static_cast<int64_t>(SizeOf(type.dtype));
    return layout;
  }
  const dnnl::memory::dims dims = ToDnnl(type.shape);
  return Layout(
      RowMajorDesc(dims.data(), static_cast<int>(dims.size()), dnnl::memory::convert_to_c(ToDnnl(type.dtype))));
}

Layout Layout::Bytes(int64_t bytes) {
  Layout layout;
  layout.kind_ = Kind::kBytes;
  layout.bytes_ = bytes;
  return layout;
}

std::string Layout::ToString() const {
  if (any()) return "any";
  if (opaque()) return absl::StrCat(bytes_, " bytes");
  if (!Blocked(*desc_)) return absl::StrCat("packed (", bytes_, " bytes)");
  if (plain_) return std::string("abcdefghijkl").substr(0, desc_->ndims);
  return Tag(*desc_);
}

bool operator==(const Layout& a, const Layout& b) {
  if (a.kind_ != b.kind_ || a.bytes_ != b.bytes_ || a.plain_ != b.plain_) return false;
  if (a.desc_ == b.desc_) return true;  // other kinds have none
  const dnnl_memory_desc_t &left = *a.desc_, &right = *b.desc_;
  if (left.data_type != right.data_type || left.offset0 != right.offset0) return false;
  if (a.plain_) return true;
  if (!Blocked(left) || !Blocked(right) || a.padded_ || b.padded_) {
    return dnnl_memory_desc_equal(&left, &right) != 0;
  }
  const Axes a_axes = CanonicalAxes(left), b_axes = CanonicalAxes(right);
  return std::equal(a_axes.begin(), a_axes.end(), b_axes.begin(), b_axes.end(),
                    [](const Axis& x, const Axis& y) { return x.size == y.size && x.stride == y.stride; });
}

Layout WithDType(const Layout& layout, DType dtype) {
  if (layout.any()) return layout;
  GRADUS_CHECK(!layout.opaque());
  dnnl_memory_desc_t desc = layout.desc();
  desc.data_type = dnnl::memory::convert_to_c(ToDnnl(dtype));
  return Layout(desc);
}

absl::Status Reorder(const Layout& from, const void* source, const Layout& to, void* target) {
  absl::StatusOr<dnnl::reorder::primitive_desc> direct = ReorderDesc(from, to);
  if (!direct.ok()) {
    if (from.any() || to.any() || from.opaque() || to.opaque() || from.plain() || to.plain()) return direct.status();
    const Layout middle(RowMajorDesc(from.desc().dims, from.desc().ndims, from.desc().data_type));
    std::vector<uint8_t> plain(middle.bytes());
    absl::Status status = Reorder(from, source, middle, plain.data());
    if (!status.ok()) return status;
    return Reorder(middle, plain.data(), to, target);
  }
  return TryOneDnn([&] {
    dnnl::memory input(direct->src_desc(), CpuEngine(), const_cast<void*>(source));
    dnnl::memory output(direct->dst_desc(), CpuEngine(), target);
    dnnl::memory scratchpad(direct->scratchpad_desc(), CpuEngine());
    dnnl::reorder(*direct).execute(CpuStream(),
                                   {{DNNL_ARG_FROM, input}, {DNNL_ARG_TO, output}, {DNNL_ARG_SCRATCHPAD, scratchpad}});
    CpuStream().wait();
  });
}

}  // namespace gradus
