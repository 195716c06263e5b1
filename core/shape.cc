#include "core/shape.h"

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/check.h"
#include "core/status_macros.h"

namespace gradus {
namespace {

std::string Print(absl::Span<const int64_t> dims) { return absl::StrCat("[", absl::StrJoin(dims, ", "), "]"); }

}  // namespace

Shape::Shape(std::initializer_list<int64_t> dims) {
  absl::StatusOr<Shape> made = Make(absl::MakeConstSpan(dims.begin(), dims.size()));
  GRADUS_CHECK(made.ok());
  *this = *std::move(made);
}

absl::StatusOr<Shape> Shape::Make(absl::Span<const int64_t> dims) {
  if (dims.size() > kMaxRank) {
    return absl::InvalidArgumentError(
        absl::StrCat("a shape of rank ", dims.size(), "; the largest rank is ", kMaxRank));
  }
  int64_t nonzero = 1;  // product of the dimensions that are not zero: what strides are made of
  bool empty = false;
  for (int64_t dim : dims) {
    if (dim < 0) {
      return absl::InvalidArgumentError(absl::StrCat("shape ", Print(dims), " has a negative dimension"));
    }
    if (dim == 0) {
      empty = true;
      continue;
    }
    if (__builtin_mul_overflow(nonzero, dim, &nonzero) || nonzero >= kMaxElements) {
      return absl::OutOfRangeError(absl::StrCat("shape ", Print(dims), " has 2^56 elements or more"));
    }
  }
  Shape shape;
  shape.dims_.assign(dims.begin(), dims.end());
  shape.num_elements_ = empty ? 0 : nonzero;
  return shape;
}

int64_t Shape::ElementsBetween(int first, int last) const {
  int64_t product = 1;
  for (int axis = first; axis < last; ++axis) product *= dims_[axis];
  return product;
}

Dims Shape::Strides() const {
  Dims strides(dims_.size());
  int64_t stride = 1;
  for (int axis = rank() - 1; axis >= 0; --axis) {
    strides[axis] = stride;
    stride *= dims_[axis];
  }
  return strides;
}

std::string Shape::ToString() const { return Print(dims_); }

absl::StatusOr<Shape> BroadcastShapes(const Shape& a, const Shape& b) {
  const int rank = std::max(a.rank(), b.rank());
  Dims dims(rank);
  for (int i = 1; i <= rank; ++i) {
    const int64_t x = i <= a.rank() ? a[a.rank() - i] : 1;
    const int64_t y = i <= b.rank() ? b[b.rank() - i] : 1;
    if (x != y && x != 1 && y != 1) {
      return absl::InvalidArgumentError(
          absl::StrCat("shapes ", a.ToString(), " and ", b.ToString(), " do not broadcast to each other"));
    }
    dims[rank - i] = x == 1 ? y : x;
  }
  return Shape::Make(dims);
}

std::string TensorType::ToString() const {
  if (dtype == DType::kOpaque) return "opaque";
  return absl::StrCat(Name(dtype), shape.ToString());
}

absl::StatusOr<int64_t> CheckedMultiply(int64_t a, int64_t b) {
  int64_t product;
  if (__builtin_mul_overflow(a, b, &product)) {
    return absl::OutOfRangeError(absl::StrCat(a, " x ", b, " is out of range"));
  }
  return product;
}

absl::StatusOr<int64_t> CheckedAdd(int64_t a, int64_t b) {
  int64_t sum;
  if (__builtin_add_overflow(a, b, &sum)) {
    return absl::OutOfRangeError(absl::StrCat(a, " + ", b, " is out of range"));
  }
  return sum;
}

}  // namespace gradus
