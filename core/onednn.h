// The one place that touches oneDNN's engine and stream and that ends its exceptions.
//
// One CPU engine for the process; one stream per thread, because a stream is not thread-safe.
#ifndef GRADUS_CORE_ONEDNN_H_
#define GRADUS_CORE_ONEDNN_H_

#include <oneapi/dnnl/dnnl.hpp>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "core/layout.h"
#include "core/shape.h"

namespace gradus {

const dnnl::engine& CpuEngine();
dnnl::stream& CpuStream();  // the calling thread's

// "jit:avx2", without the thread's name of the ISA hidden: the implementation of a primitive descriptor.
std::string ImplementationName(const dnnl::primitive_desc_base& desc);

// Dimensions and data type as oneDNN wants them (a scalar is [1]).
dnnl::memory::dims ToDnnl(const Shape& shape);
dnnl::memory::dims ToDnnl(const Dims& dims);
dnnl::memory::data_type ToDnnl(DType dtype);

// A descriptor that leaves the layout to oneDNN, and one of a given layout.
dnnl::memory::desc AnyDesc(const TensorType& type);
dnnl::memory::desc ToDesc(const Layout& layout);

// The copy of a tensor from one layout to another, with a scratchpad of the user's. The layouts may group the tensor's
// dimensions differently as long as one of them is plain; else Unimplemented (go through a plain one).
absl::StatusOr<dnnl::reorder::primitive_desc> ReorderDesc(const Layout& from, const Layout& to);

// Runs `body` and turns oneDNN's exceptions into a Status.
template <typename Body>
absl::Status TryOneDnn(const Body& body) {
  try {
    body();
    return absl::OkStatus();
  } catch (const dnnl::error& error) {
    const char* what = error.what();
    if (error.status == dnnl_unimplemented) return absl::UnimplementedError(absl::StrCat("oneDNN: ", what));
    if (error.status == dnnl_out_of_memory) return absl::ResourceExhaustedError(absl::StrCat("oneDNN: ", what));
    return absl::InternalError(absl::StrCat("oneDNN: ", what));
  }
}

}  // namespace gradus

#endif  // GRADUS_CORE_ONEDNN_H_
