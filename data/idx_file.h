// One file of unsigned bytes in the IDX format (of MNIST, http://yann.lecun.com/exdb/mnist): a magic number, the sizes
// of the dimensions as big-endian 32-bit numbers, then the bytes, row-major; raw or gzip, told apart by content.
//
// Opening checks the header against the size of the file before anything is allocated by it. A raw file stays on disk
// and is read item by item; a gzip file is inflated into memory. Errors name the file, the sizes expected and found,
// and what to do. Owns its file and bytes. Immutable; thread-safe.
#ifndef GRADUS_DATA_IDX_FILE_H_
#define GRADUS_DATA_IDX_FILE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/file.h"
#include "core/shape.h"
#include "core/tensor.h"

namespace gradus {

class IdxFile {
 public:
  // A file of `rank` dimensions (3 for images, 1 for labels), none of them 0.
  static absl::StatusOr<IdxFile> Open(const std::string& path, int rank);

  const std::string& path() const { return file_.path(); }
  const Shape& shape() const { return shape_; }

  // Items along the first dimension, and the bytes of one.
  int64_t size() const { return shape_[0]; }
  int64_t item_bytes() const { return shape_.ElementsBetween(1, shape_.rank()); }

  // Copies items [first, first + count) to `out`.
  absl::Status Read(int64_t first, int64_t count, uint8_t* out) const;

 private:
  explicit IdxFile(InputFile file) : file_(std::move(file)) {}
  absl::Status OpenRaw(int rank);
  absl::Status OpenGzip(int rank);

  InputFile file_;
  Shape shape_;
  int64_t header_bytes_ = 0;
  std::unique_ptr<uint8_t[], FreeDeleter> inflated_;  // the items of a gzip file; null for a raw one
};

}  // namespace gradus

#endif  // GRADUS_DATA_IDX_FILE_H_
