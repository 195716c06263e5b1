// How a tensor's elements lie in memory: oneDNN's memory descriptor, or a number of opaque bytes. Layouts are a side
// table of a compiled plan and no part of a tensor's type.
//
// A layout's own dimensions may group those of the type (a f32[500, 800] weight matrix stored as [500, 50, 4, 4]), as
// long as both read the same in row-major order. Elements that pad a blocked layout (20 channels in blocks of 16) are
// zero after every operation. Values; safe to copy and to share between threads.
#ifndef GRADUS_CORE_LAYOUT_H_
#define GRADUS_CORE_LAYOUT_H_

#include <oneapi/dnnl/dnnl_types.h>

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "core/shape.h"

namespace gradus {

class Layout {
 public:
  Layout() = default;  // any: whatever there is will do
  explicit Layout(const dnnl_memory_desc_t& desc);
  static Layout Plain(const TensorType& type);  // row-major; a scalar is [1]
  static Layout Bytes(int64_t bytes);           // opaque

  bool any() const { return kind_ == Kind::kAny; }
  bool opaque() const { return kind_ == Kind::kBytes; }
  // Row-major without padding: the bytes are those of a Tensor.
  bool plain() const { return plain_; }

  // Bytes of the buffer, padding included; 0 when any.
  int64_t bytes() const { return bytes_; }
  // Elements of the buffer, padding included: what an elementwise kernel runs over.
  int64_t stored_elements() const { return bytes_ / element_size_; }
  // Whether elements are padding (and must stay zero).
  bool padded() const { return padded_; }
  const dnnl_memory_desc_t& desc() const { return *desc_; }  // of a layout that is neither any nor opaque

  // "abcd" (row-major), "acdb" (channels last), "aBcd16b" (blocks of 16 channels), "any", "640 bytes".
  std::string ToString() const;

  friend bool operator==(const Layout& a, const Layout& b);
  friend bool operator!=(const Layout& a, const Layout& b) { return !(a == b); }

 private:
  enum class Kind : uint8_t { kAny, kDesc, kBytes };
  Kind kind_ = Kind::kAny;
  bool plain_ = false, padded_ = false;
  int64_t bytes_ = 0;
  int64_t element_size_ = 1;
  std::shared_ptr<const dnnl_memory_desc_t> desc_;  // of a few hundred bytes: shared, so that layouts are cheap to copy
};

// The layout of the same dimensions order and blocks for another tensor type with the same shape (f32 x -> u8 mask).
Layout WithDType(const Layout& layout, DType dtype);

// Copies a tensor from one layout to another (converting nothing); both must describe the same number of elements. For
// set-up and tests: kernels prebuild their reorders.
absl::Status Reorder(const Layout& from, const void* source, const Layout& to, void* target);

}  // namespace gradus

#endif  // GRADUS_CORE_LAYOUT_H_
