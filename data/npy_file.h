// One array in NumPy's .npy format, versions 1 to 3 (https://numpy.org/doc/stable/reference/generated/
// numpy.lib.format.html): a magic string, the length of a header, the header (a Python dictionary with the elements'
// type, their order and the shape), then the elements.
//
// Opening checks the header against the file's size; nothing is allocated by what it says. Elements stay on disk.
// Errors name the file and say what NumPy could do about it. Immutable; thread-safe.
#ifndef GRADUS_DATA_NPY_FILE_H_
#define GRADUS_DATA_NPY_FILE_H_

#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/file.h"
#include "core/shape.h"

namespace gradus {

// The element types that are read: unsigned bytes, signed integers and floats, little-endian.
enum class NpyType { kU1, kI4, kI8, kF4, kF8 };

int64_t SizeOf(NpyType type);

class NpyFile {
 public:
  static absl::StatusOr<NpyFile> Open(const std::string& path);

  const std::string& path() const { return file_.path(); }
  NpyType type() const { return type_; }
  const Shape& shape() const { return shape_; }

  // Elements [first, first + bytes.size() / SizeOf(type())) as they are in the file, row-major.
  absl::Status Read(int64_t first, absl::Span<uint8_t> bytes) const {
    return file_.ReadAt(data_ + first * SizeOf(type_), bytes);
  }

 private:
  explicit NpyFile(InputFile file) : file_(std::move(file)) {}

  InputFile file_;
  NpyType type_ = NpyType::kU1;
  Shape shape_;
  int64_t data_ = 0;  // offset of the first element
};

}  // namespace gradus

#endif  // GRADUS_DATA_NPY_FILE_H_
