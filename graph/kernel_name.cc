#include "graph/kernel_name.h"

#include <algorithm>
#include <array>
#include <functional>
#include <numeric>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace gradus {
namespace {

// A run of equally spaced elements of one dimension.
struct Axis {
  int dim;
  int64_t size, stride;
  bool inner = false;
};

// As Layout::ToString, but the same for equal layouts, however they are described: what has one element is left out,
// and a block that is all of its dimension is none.
std::string CanonicalName(const Layout& layout) {
  if (layout.any() || layout.opaque() || layout.plain() || layout.padded()) return layout.ToString();
  const dnnl_memory_desc_t& desc = layout.desc();
  if (desc.format_kind != dnnl_blocked) return layout.ToString();
  const dnnl_blocking_desc_t& blocking = desc.format_desc.blocking;
  std::vector<Axis> axes;  // from the fastest to the slowest
  std::array<int64_t, DNNL_MAX_NDIMS> blocks;
  blocks.fill(1);
  int64_t stride = 1;
  for (int b = blocking.inner_nblks - 1; b >= 0; --b) {
    const int dim = static_cast<int>(blocking.inner_idxs[b]);
    axes.push_back({dim, blocking.inner_blks[b], stride});
    blocks[dim] *= blocking.inner_blks[b];
    stride *= blocking.inner_blks[b];
  }
  for (int dim = 0; dim < desc.ndims; ++dim) axes.push_back({dim, desc.dims[dim] / blocks[dim], blocking.strides[dim]});
  axes.erase(std::remove_if(axes.begin(), axes.end(), [](const Axis& axis) { return axis.size == 1; }), axes.end());
  std::stable_sort(axes.begin(), axes.end(), [](const Axis& a, const Axis& b) { return a.stride < b.stride; });
  for (size_t i = 0; i + 1 < axes.size();) {  // neighbours of one dimension are one
    if (axes[i].dim == axes[i + 1].dim && axes[i + 1].stride == axes[i].size * axes[i].stride) {
      axes[i].size *= axes[i + 1].size;
      axes.erase(axes.begin() + static_cast<int64_t>(i) + 1);
    } else {
      ++i;
    }
  }
  for (size_t i = 0; i < axes.size(); ++i) {
    axes[i].inner = std::any_of(axes.begin() + static_cast<int64_t>(i) + 1, axes.end(),
                                [&](const Axis& slower) { return slower.dim == axes[i].dim; });
  }
  std::string name;
  for (size_t i = axes.size(); i-- > 0;) {
    const bool has_inner = std::any_of(axes.begin(), axes.begin() + static_cast<int64_t>(i),
                                       [&](const Axis& a) { return a.dim == axes[i].dim; });
    const char letter = static_cast<char>((has_inner && !axes[i].inner ? 'A' : 'a') + axes[i].dim);
    absl::StrAppend(&name, axes[i].inner ? absl::StrCat(axes[i].size) : "", std::string(1, letter));
  }
  const int64_t dense = std::accumulate(desc.dims, desc.dims + desc.ndims, int64_t{1}, std::multiplies<int64_t>());
  const int64_t stored = layout.stored_elements();
  return stored == dense ? name : absl::StrCat(name, " (", stored, " elements for ", dense, ")");
}

}  // namespace

std::string KernelName::ToString() const {
  return layouts.empty() ? implementation : absl::StrCat(implementation, " (", layouts, ")");
}

KernelName NameOf(const Candidate& candidate) {
  const auto print = [](std::string* out, const Layout& layout) { out->append(CanonicalName(layout)); };
  return {candidate.implementation, absl::StrCat(absl::StrJoin(candidate.inputs, ", ", print), " -> ",
                                                 absl::StrJoin(candidate.outputs, ", ", print))};
}

bool HasName(const Candidate& candidate, const KernelName& name) {
  if (candidate.implementation != name.implementation) return false;
  return name.layouts.empty() || NameOf(candidate).layouts == name.layouts;
}

}  // namespace gradus
