#include "data/gzip_reader.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "core/status_macros.h"

namespace gradus {
namespace {

constexpr int kGzipOnly = 16 + MAX_WBITS;
constexpr const char kRemedy[] = "; download it again, or run `gzip -t` on it";

}  // namespace

absl::StatusOr<std::unique_ptr<GzipReader>> GzipReader::Make(const InputFile* file) {
  std::unique_ptr<GzipReader> reader(new GzipReader(file));
  if (inflateInit2(&reader->stream_, kGzipOnly) != Z_OK) return absl::ResourceExhaustedError("no memory for zlib");
  reader->initialized_ = true;
  return reader;
}

GzipReader::~GzipReader() {
  if (initialized_) inflateEnd(&stream_);
}

absl::StatusOr<int64_t> GzipReader::Read(absl::Span<uint8_t> out) {
  constexpr size_t kMostAtOnce = size_t{1} << 30;  // zlib counts in 32 bits
  size_t written = 0;
  while (written < out.size() && !done_) {
    if (stream_.avail_in == 0) GRADUS_RETURN_IF_ERROR(Refill());
    const size_t room = std::min(out.size() - written, kMostAtOnce);
    stream_.next_out = out.data() + written;
    stream_.avail_out = static_cast<uInt>(room);
    const int result = inflate(&stream_, Z_NO_FLUSH);
    written += room - stream_.avail_out;
    if (result == Z_STREAM_END) {
      GRADUS_RETURN_IF_ERROR(EndOfMember());
    } else if (result != Z_OK && result != Z_BUF_ERROR) {
      return absl::DataLossError(absl::StrCat(file_.path(), ": damaged gzip data before byte ",
                                              next_ - stream_.avail_in, " of ", file_.size(), " (",
                                              stream_.msg != nullptr ? stream_.msg : zError(result), ")", kRemedy));
    }
  }
  return static_cast<int64_t>(written);
}

absl::Status GzipReader::Refill() {
  const int64_t count = std::min<int64_t>(static_cast<int64_t>(input_.size()), file_.size() - next_);
  if (count == 0) {
    return absl::DataLossError(
        absl::StrCat(file_.path(), ": the gzip data breaks off at the end of the file, byte ", file_.size(), kRemedy));
  }
  GRADUS_RETURN_IF_ERROR(file_.ReadAt(next_, absl::MakeSpan(input_.data(), count)));
  next_ += count;
  stream_.next_in = input_.data();
  stream_.avail_in = static_cast<uInt>(count);
  return absl::OkStatus();
}

// A gzip file is one or more members, one after the other; anything else after a member is damage.
absl::Status GzipReader::EndOfMember() {
  const int64_t end = next_ - stream_.avail_in;
  if (end == file_.size()) {
    done_ = true;
    return absl::OkStatus();
  }
  uint8_t magic[2] = {0, 0};
  if (file_.size() - end >= 2) GRADUS_RETURN_IF_ERROR(file_.ReadAt(end, absl::MakeSpan(magic)));
  if (magic[0] != 0x1f || magic[1] != 0x8b) {
    return absl::DataLossError(absl::StrCat(file_.path(), ": ", file_.size() - end,
                                            " bytes follow the end of the gzip data at byte ", end, kRemedy));
  }
  inflateReset(&stream_);
  return absl::OkStatus();
}

}  // namespace gradus
