// Tensors in a file that any tool reads: the safetensors format (train/safetensors_header.h says how it looks).
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
#include "train/safetensors_header.h"

namespace gradus {

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
  NamedType tensor;
  uint32_t crc32c = 0;  // of its bytes in the file
};

// Writes a file under a temporary name, fsyncs and renames it (AtomicFile). Types: f32, f64, i32, u8. The order, in the
// file and in the result, does not depend on that of `tensors`: larger elements first (so that all are aligned), then
// by name. Errors: two tensors of one name, a name that is empty, reserved or not UTF-8, the file system's.
absl::StatusOr<std::vector<WrittenTensor>> WriteSafetensors(absl::string_view path, std::vector<TensorToWrite> tensors);

// ---- Reading.

// An open file whose header has been checked. Movable; safe to read from several threads.
class SafetensorsFile {
 public:
  // DataLoss, naming file and tensor, for whatever is not a well-formed file.
  static absl::StatusOr<SafetensorsFile> Open(absl::string_view path);

  const std::string& path() const { return file_.path(); }

  // Sorted by name.
  absl::Span<const StoredTensor> tensors() const { return tensors_; }

  // Null when there is none of that name.
  const StoredTensor* Find(absl::string_view name) const;

  // Bytes of the tensor as the file has them, from its byte `first` on.
  absl::Status ReadBytes(const StoredTensor& tensor, int64_t first, absl::Span<uint8_t> bytes) const;

  // The tensor in a type of ours: F32, F64, I32, U8 as they are, BOOL as u8, F16 and BF16 as f32 (exact). Unimplemented
  // for others, which a file may contain as long as nobody reads them.
  absl::StatusOr<Tensor> Read(const StoredTensor& tensor) const;

 private:
  SafetensorsFile(InputFile file, int64_t data_start, std::vector<StoredTensor> tensors)
      : file_(std::move(file)), data_start_(data_start), tensors_(std::move(tensors)) {}

  InputFile file_;
  int64_t data_start_;  // in the file
  std::vector<StoredTensor> tensors_;
};

// OK when the file holds exactly the tensors of `expected`, of the same types. Otherwise FailedPrecondition that lists
// what is missing, extra, or of another type, with both types.
absl::Status CheckHolds(const SafetensorsFile& file, absl::Span<const NamedType> expected);

}  // namespace gradus

#endif  // GRADUS_TRAIN_SAFETENSORS_H_
