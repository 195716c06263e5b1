// A tensor on the host: plain row-major elements that it owns, aligned to 64 bytes. The currency between data sets,
// checkpoints, the user's code and a session; inside a plan values live in the arena instead.
// Movable; copying is explicit. Safe to read from several threads.
#ifndef GRADUS_CORE_TENSOR_H_
#define GRADUS_CORE_TENSOR_H_

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <utility>

#include "absl/types/span.h"
#include "core/check.h"
#include "core/dtype.h"
#include "core/shape.h"

namespace gradus {

struct FreeDeleter {
  void operator()(void* p) const { std::free(p); }
};
using AlignedBytes = std::unique_ptr<uint8_t[], FreeDeleter>;

// `bytes` bytes of zeros, aligned to 64 (to 2 MiB for large buffers, with huge pages advised). Null when the machine
// has no memory left.
AlignedBytes AllocateAligned(size_t bytes);

// The same, cleared by all compute threads: most of the time goes to pages that the system has to find and clear. Not
// for threads that load data (see core/parallel.h).
AlignedBytes AllocateAlignedInParallel(size_t bytes);

class Tensor {
 public:
  Tensor() = default;                       // f32, no shape, no elements: test with empty()
  explicit Tensor(const TensorType& type);  // zeros; aborts only when the machine has no memory left
  Tensor(const TensorType& type, AlignedBytes data) : type_(type), data_(std::move(data)) {  // of the type's size
    GRADUS_CHECK(data_ != nullptr);
  }

  template <typename T>
  static Tensor Of(const Shape& shape, absl::Span<const T> values) {
    Tensor tensor(TensorType{DTypeOf<T>, shape});
    GRADUS_CHECK(static_cast<int64_t>(values.size()) == shape.num_elements());
    std::copy(values.begin(), values.end(), tensor.values<T>().begin());
    return tensor;
  }

  Tensor(Tensor&&) = default;
  Tensor& operator=(Tensor&&) = default;
  Tensor Clone() const;

  bool empty() const { return data_ == nullptr; }
  const TensorType& type() const { return type_; }
  const Shape& shape() const { return type_.shape; }
  DType dtype() const { return type_.dtype; }
  int64_t bytes() const { return type_.bytes(); }

  uint8_t* data() { return data_.get(); }
  const uint8_t* data() const { return data_.get(); }

  // The elements in row-major order; T must be the tensor's own type.
  template <typename T>
  absl::Span<T> values() {
    GRADUS_CHECK(DTypeOf<T> == type_.dtype);
    return absl::MakeSpan(reinterpret_cast<T*>(data_.get()), type_.shape.num_elements());
  }
  template <typename T>
  absl::Span<const T> values() const {
    GRADUS_CHECK(DTypeOf<T> == type_.dtype);
    return absl::MakeConstSpan(reinterpret_cast<const T*>(data_.get()), type_.shape.num_elements());
  }

 private:
  TensorType type_;
  AlignedBytes data_;
};

}  // namespace gradus

#endif  // GRADUS_CORE_TENSOR_H_
