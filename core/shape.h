// The shape of a tensor, and a tensor's type. Shape is the only place that multiplies dimensions: every Shape that
// exists has a rank of at most 12, dimensions of at least 0 and fewer than 2^56 elements, so sizes in bytes never
// overflow. Values; safe to copy and share between threads.
#ifndef GRADUS_CORE_SHAPE_H_
#define GRADUS_CORE_SHAPE_H_

#include <cstdint>
#include <initializer_list>
#include <string>
#include <utility>

#include "absl/container/inlined_vector.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/dtype.h"

namespace gradus {

using Dims = absl::InlinedVector<int64_t, 6>;

class Shape {
 public:
  static constexpr int kMaxRank = 12;
  static constexpr int64_t kMaxElements = int64_t{1} << 56;

  Shape() = default;  // a scalar: rank 0, one element

  // Dimensions that are known to be right (those of other shapes, constants); a bug if they are not.
  Shape(std::initializer_list<int64_t> dims);

  // Dimensions that came from a user. Errors name the dimension or the product that is out of range.
  static absl::StatusOr<Shape> Make(absl::Span<const int64_t> dims);

  int rank() const { return static_cast<int>(dims_.size()); }
  int64_t operator[](int axis) const { return dims_[axis]; }
  int64_t dim(int axis) const { return dims_[axis]; }
  const Dims& dims() const { return dims_; }
  int64_t num_elements() const { return num_elements_; }

  // The product of the dimensions in [first, last).
  int64_t ElementsBetween(int first, int last) const;

  // Row-major strides, in elements.
  Dims Strides() const;

  std::string ToString() const;  // "[64, 20, 24, 24]"

  friend bool operator==(const Shape& a, const Shape& b) { return a.dims_ == b.dims_; }
  friend bool operator!=(const Shape& a, const Shape& b) { return !(a == b); }
  template <typename H>
  friend H AbslHashValue(H h, const Shape& shape) {
    return H::combine(std::move(h), shape.dims_);
  }

 private:
  Dims dims_;
  int64_t num_elements_ = 1;
};

// The shape that both broadcast to by NumPy's rules (aligned at the last axis; 1 stretches), or an error with both.
absl::StatusOr<Shape> BroadcastShapes(const Shape& a, const Shape& b);

struct TensorType {
  DType dtype = DType::kFloat32;
  Shape shape;

  int64_t bytes() const { return shape.num_elements() * static_cast<int64_t>(SizeOf(dtype)); }
  std::string ToString() const;  // "f32[64, 20, 24, 24]"

  friend bool operator==(const TensorType& a, const TensorType& b) { return a.dtype == b.dtype && a.shape == b.shape; }
  friend bool operator!=(const TensorType& a, const TensorType& b) { return !(a == b); }
  template <typename H>
  friend H AbslHashValue(H h, const TensorType& type) {
    return H::combine(std::move(h), type.dtype, type.shape);
  }
};

// a * b and a + b for sizes that a user can reach; an OutOfRange error instead of overflow.
absl::StatusOr<int64_t> CheckedMultiply(int64_t a, int64_t b);
absl::StatusOr<int64_t> CheckedAdd(int64_t a, int64_t b);

}  // namespace gradus

#endif  // GRADUS_CORE_SHAPE_H_
