#include "core/dtype.h"

namespace gradus {

absl::string_view Name(DType dtype) {
  switch (dtype) {
    case DType::kFloat32:
      return "f32";
    case DType::kFloat64:
      return "f64";
    case DType::kInt32:
      return "i32";
    case DType::kUint8:
      return "u8";
    case DType::kOpaque:
      return "opaque";
  }
  return "?";
}

}  // namespace gradus
