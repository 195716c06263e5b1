// Tensors in a file that any tool reads: the safetensors format (https://github.com/huggingface/safetensors). A file is
//
//   8 bytes   length N of the header, little-endian
//   N bytes   JSON: {"name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, ..., "__metadata__": {...}}
//   the rest  row-major little-endian elements; offsets count from here; no gaps and no overlaps
//
// Writing is deterministic and holds one tensor at a time. Reading trusts nothing: a file that opens has a header whose
// every number was checked against the others and against the file's size.
#ifndef GRADUS_TRAIN_SAFETENSORS_H_
#define GRADUS_TRAIN_SAFETENSORS_H_

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "core/file.h"
#include "core/shape.h"
#include "core/tensor.h"

namespace gradus {

struct NamedType {
  std::string name;
  TensorType type;
};

// ---- Writing.

// A tensor to be written, wherever its elements are now. `elements` is called once; the bytes that it returns,
// row-major and type.bytes() of them, must stay as they are until the next tensor's is called (or the writer returns).
struct TensorToWrite {
  std::string name;
  TensorType type;
  std::function<absl::StatusOr<absl::Span<const uint8_t>>()> elements;
};

// A tensor on the host, which must outlive the writing.
TensorToWrite ToWrite(absl::string_view name, const Tensor& tensor);

struct WrittenTensor {
  std::string name;
  TensorType type;
  uint32_t crc32c = 0;  // of its bytes in the file
};

// Writes a file under a temporary name, fsyncs and renames it (AtomicFile). Types: f32, f64, i32, u8. The order, in the
// file and in the result, does not depend on that of `tensors`: larger elements first (so that all are aligned), then
// by name. Errors: two tensors of one name, a name that is empty, reserved or not UTF-8, the file system's.
absl::StatusOr<std::vector<WrittenTensor>> WriteSafetensors(absl::string_view path, std::vector<TensorToWrite> tensors);

// ---- Reading.

// A tensor as it lies in a file.
struct StoredTensor {
  std::string name;
  std::string dtype;  // the file's word for it: "F32", "BF16", ...
  TensorType type;    // as Read() gives it; kOpaque with a shape of bytes when it cannot
  Shape shape;
  int64_t offset = 0;  // in the file
  int64_t bytes = 0;   // in the file

  std::string ToString() const;  // "BF16[2, 3]"
};

// An open file whose header has been checked. Movable; safe to read from several threads.
class SafetensorsFile {
 public:
  static constexpr int64_t kMaxHeaderBytes = 100'000'000;  // as in the reference implementation

  // DataLoss, naming file and tensor, for whatever is not a well-formed file.
  static absl::StatusOr<SafetensorsFile> Open(absl::string_view path);

  const std::string& path() const { return file_.path(); }

  // Sorted by name.
  absl::Span<const StoredTensor> tensors() const { return tensors_; }

  // Null when there is none of that name.
  const StoredTensor* Find(absl::string_view name) const;

  // The elements as the file has them; `bytes` must be tensor.bytes long.
  absl::Status ReadBytes(const StoredTensor& tensor, absl::Span<uint8_t> bytes) const;

  // The tensor in a type of ours: F32, F64, I32, U8 as they are, BOOL as u8, F16 and BF16 as f32 (exact). Unimplemented
  // for others, which a file may contain as long as nobody reads them.
  absl::StatusOr<Tensor> Read(const StoredTensor& tensor) const;

 private:
  SafetensorsFile(InputFile file, std::vector<StoredTensor> tensors)
      : file_(std::move(file)), tensors_(std::move(tensors)) {}

  InputFile file_;
  std::vector<StoredTensor> tensors_;
};

// OK when the file holds exactly the tensors of `expected`, of the same types. Otherwise FailedPrecondition that lists
// what is missing, extra, or of another type, with both types.
absl::Status CheckHolds(const SafetensorsFile& file, absl::Span<const NamedType> expected);

}  // namespace gradus

#endif  // GRADUS_TRAIN_SAFETENSORS_H_
