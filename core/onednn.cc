#include "core/onednn.h"

#include <algorithm>
#include <functional>
#include <numeric>
#include <string>

#include "core/check.h"

namespace gradus {
namespace {

bool SameDims(const dnnl_memory_desc_t& a, const dnnl_memory_desc_t& b) {
  return std::equal(a.dims, a.dims + a.ndims, b.dims, b.dims + b.ndims);
}

int64_t Elements(const dnnl_memory_desc_t& desc) {
  return std::accumulate(desc.dims, desc.dims + desc.ndims, int64_t{1}, std::multiplies<int64_t>());
}

// Row-major, with the dimensions of another description of the same elements.
dnnl::memory::desc RowMajor(const dnnl_memory_desc_t& dims, dnnl_data_type_t dtype) {
  dnnl_memory_desc_t desc;
  GRADUS_CHECK(dnnl_memory_desc_init_by_strides(&desc, dims.ndims, dims.dims, dtype, nullptr) == dnnl_success);
  return dnnl::memory::desc(desc);
}

}  // namespace

const dnnl::engine& CpuEngine() {
  static const auto* const engine = new dnnl::engine(dnnl::engine::kind::cpu, 0);
  return *engine;
}

dnnl::stream& CpuStream() {
  static thread_local dnnl::stream stream(CpuEngine());
  return stream;
}

std::string ImplementationName(const dnnl::primitive_desc_base& desc) { return desc.impl_info_str(); }

dnnl::memory::dims ToDnnl(const Shape& shape) { return ToDnnl(shape.dims()); }

dnnl::memory::dims ToDnnl(const Dims& dims) {
  if (dims.empty()) return {1};
  return dnnl::memory::dims(dims.begin(), dims.end());
}

dnnl::memory::data_type ToDnnl(DType dtype) {
  switch (dtype) {
    case DType::kFloat32:
      return dnnl::memory::data_type::f32;
    case DType::kInt32:
      return dnnl::memory::data_type::s32;
    case DType::kUint8:
    case DType::kOpaque:
      return dnnl::memory::data_type::u8;
    case DType::kFloat64:
      break;  // oneDNN 2.6 has none
  }
  GRADUS_CHECK(dtype != DType::kFloat64);
  return dnnl::memory::data_type::undef;
}

dnnl::memory::desc AnyDesc(const TensorType& type) {
  return dnnl::memory::desc(ToDnnl(type.shape), ToDnnl(type.dtype), dnnl::memory::format_tag::any);
}

dnnl::memory::desc ToDesc(const Layout& layout) {
  GRADUS_CHECK(!layout.any() && !layout.opaque());
  return dnnl::memory::desc(layout.desc());
}

absl::StatusOr<dnnl::reorder::primitive_desc> ReorderDesc(const Layout& from, const Layout& to) {
  if (from.any() || to.any() || from.opaque() || to.opaque() || Elements(from.desc()) != Elements(to.desc())) {
    return absl::InvalidArgumentError(
        absl::StrCat("no copy from layout ", from.ToString(), " to layout ", to.ToString()));
  }
  dnnl::reorder::primitive_desc desc;
  absl::Status status = TryOneDnn([&] {
    dnnl::memory::desc source = ToDesc(from), target = ToDesc(to);
    if (!SameDims(from.desc(), to.desc())) {
      if (from.plain()) {
        source = RowMajor(to.desc(), from.desc().data_type);
      } else if (to.plain()) {
        target = RowMajor(from.desc(), to.desc().data_type);
      }
    }
    dnnl::primitive_attr attr;
    attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    desc = dnnl::reorder::primitive_desc(CpuEngine(), source, CpuEngine(), target, attr, /*allow_empty=*/true);
  });
  if (!status.ok()) return status;
  if (!desc) {
    return absl::UnimplementedError(
        absl::StrCat("oneDNN: no reorder from layout ", from.ToString(), " to layout ", to.ToString()));
  }
  return desc;
}

}  // namespace gradus
