// Element types of tensors.
#ifndef GRADUS_CORE_DTYPE_H_
#define GRADUS_CORE_DTYPE_H_

#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"

namespace gradus {

enum class DType : uint8_t {
  kFloat32,
  kFloat64,
  kInt32,
  kUint8,
  kOpaque,  // a kernel's own bytes (pool indices, masks); size and meaning are fixed when its kernel is chosen
};

// Bytes of one element; 1 for kOpaque.
constexpr size_t SizeOf(DType dtype) {
  switch (dtype) {
    case DType::kFloat64:
      return 8;
    case DType::kFloat32:
    case DType::kInt32:
      return 4;
    case DType::kUint8:
    case DType::kOpaque:
      return 1;
  }
  return 1;
}

// "f32", "f64", "i32", "u8", "opaque".
absl::string_view Name(DType dtype);

template <typename T>
struct DTypeOfImpl;
template <>
struct DTypeOfImpl<float> {
  static constexpr DType value = DType::kFloat32;
};
template <>
struct DTypeOfImpl<double> {
  static constexpr DType value = DType::kFloat64;
};
template <>
struct DTypeOfImpl<int32_t> {
  static constexpr DType value = DType::kInt32;
};
template <>
struct DTypeOfImpl<uint8_t> {
  static constexpr DType value = DType::kUint8;
};
template <typename T>
constexpr DType DTypeOf = DTypeOfImpl<T>::value;

}  // namespace gradus

#endif  // GRADUS_CORE_DTYPE_H_
