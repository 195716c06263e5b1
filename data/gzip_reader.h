// Reads a gzip file (RFC 1952) from front to back, in the pieces that the caller asks for, so that nobody allocates by
// what a damaged or hostile file claims. Checks every checksum. Errors name the file and say what is wrong with it.
// Borrows the file. Not thread-safe.
#ifndef GRADUS_DATA_GZIP_READER_H_
#define GRADUS_DATA_GZIP_READER_H_

#include <zlib.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/file.h"

namespace gradus {

class GzipReader {
 public:
  // DEFLATE makes at most 1032 bytes of one: an upper bound of what a file of this many bytes can hold.
  static int64_t MostBytes(int64_t file_bytes) { return file_bytes > INT64_MAX / 1032 ? INT64_MAX : file_bytes * 1032; }

  static absl::StatusOr<std::unique_ptr<GzipReader>> Make(const InputFile* file);
  ~GzipReader();
  GzipReader(const GzipReader&) = delete;
  GzipReader& operator=(const GzipReader&) = delete;

  // Fills `out`; returns how many bytes it wrote, fewer than asked for only at the end.
  absl::StatusOr<int64_t> Read(absl::Span<uint8_t> out);

 private:
  explicit GzipReader(const InputFile* file) : file_(*file), input_(1 << 16) {}
  absl::Status Refill();
  absl::Status EndOfMember();

  const InputFile& file_;
  int64_t next_ = 0;  // offset in the file of what is not in input_ yet
  std::vector<uint8_t> input_;
  z_stream stream_{};
  bool initialized_ = false;
  bool done_ = false;
};

}  // namespace gradus

#endif  // GRADUS_DATA_GZIP_READER_H_
