// The header of a safetensors file (https://github.com/huggingface/safetensors), as text in and text out. A file is
//
//   8 bytes   length N of the header, little-endian
//   N bytes   JSON: {"name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, ..., "__metadata__": {...}}
//   the rest  data: row-major little-endian elements; offsets count from its first byte; no gaps and no overlaps
//
// Pure functions; thread-safe.
#ifndef GRADUS_TRAIN_SAFETENSORS_HEADER_H_
#define GRADUS_TRAIN_SAFETENSORS_HEADER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "core/shape.h"

namespace gradus {

struct NamedType {
  std::string name;
  TensorType type;
};

// A tensor as it lies in a file.
struct StoredTensor {
  std::string name;
  std::string dtype;  // the file's word for it: "F32", "BF16", ...
  TensorType type;    // as Read() gives it; kOpaque with a shape of bytes when it cannot
  Shape shape;
  int64_t offset = 0;  // of its first byte, in the data
  int64_t bytes = 0;

  std::string ToString() const;  // "BF16[2, 3]"
};

// As in the reference implementation.
constexpr int64_t kMaxSafetensorsHeaderBytes = 100'000'000;

// The JSON for tensors whose data follow each other in this order, padded with spaces to a multiple of 8 bytes.
// InvalidArgument: two tensors of one name, a name that is empty, reserved or not UTF-8, a type that the format lacks.
absl::StatusOr<std::string> PrintSafetensorsHeader(absl::Span<const NamedType> tensors);

// The tensors, sorted by name, of a header in front of `data_bytes` bytes of data. DataLoss, naming the tensor, when
// something is missing, twice or unknown, when a size does not fit its shape, or when the tensors leave gaps, overlap
// or do not end where the data end.
absl::StatusOr<std::vector<StoredTensor>> ParseSafetensorsHeader(absl::string_view json, int64_t data_bytes);

}  // namespace gradus

#endif  // GRADUS_TRAIN_SAFETENSORS_HEADER_H_
