#include "data/idx_file.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/status_macros.h"
#include "data/gzip_reader.h"

namespace gradus {
namespace {

constexpr uint32_t kUnsignedBytes = 0x0800;  // upper part of the magic number; the rank is its last byte

int64_t HeaderBytes(int rank) { return 4 + 4 * int64_t{rank}; }

uint32_t BigEndian(const uint8_t* p) {
  return (uint32_t{p[0]} << 24) | (uint32_t{p[1]} << 16) | (uint32_t{p[2]} << 8) | uint32_t{p[3]};
}

absl::Status CheckMagic(const std::string& path, uint32_t magic, int rank) {
  if (magic == (kUnsignedBytes | static_cast<uint32_t>(rank))) return absl::OkStatus();
  const char* remedy = "is it an IDX file?";
  if (rank == 3 && magic == (kUnsignedBytes | 1)) remedy = "that is a file of labels: are images and labels swapped?";
  if (rank == 1 && magic == (kUnsignedBytes | 3)) remedy = "that is a file of images: are images and labels swapped?";
  return absl::InvalidArgumentError(
      absl::StrFormat("%s: magic number 0x%08x, expected 0x%08x (unsigned bytes of rank %d); %s", path, magic,
                      kUnsignedBytes | static_cast<uint32_t>(rank), rank, remedy));
}

// The shape that a header claims. `header` holds the file's first HeaderBytes(rank) bytes, or all if there are fewer.
absl::StatusOr<Shape> ParseHeader(const std::string& path, absl::Span<const uint8_t> header, int rank) {
  if (header.size() >= 4) GRADUS_RETURN_IF_ERROR(CheckMagic(path, BigEndian(header.data()), rank));
  if (static_cast<int64_t>(header.size()) < HeaderBytes(rank)) {
    return absl::DataLossError(absl::StrCat(path, ": ", header.size(), " bytes, but an IDX header of rank ", rank,
                                            " has ", HeaderBytes(rank), "; the file is cut off, download it again"));
  }
  Dims dims(rank);
  for (int i = 0; i < rank; ++i) dims[i] = BigEndian(header.data() + 4 + 4 * int64_t{i});
  absl::StatusOr<Shape> shape = Shape::Make(dims);
  if (!shape.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": the header claims ", shape.status().message()));
  }
  if (shape->num_elements() == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": the header claims ", shape->ToString(), ", which is nothing"));
  }
  return shape;
}

absl::Status SizeError(const std::string& path, const Shape& shape, int64_t expected, absl::string_view found,
                       absl::string_view remedy) {
  return absl::DataLossError(absl::StrCat(path, ": the header claims ", shape.ToString(), ", ", expected,
                                          " bytes with the header, but the file has ", found, "; ", remedy));
}

int64_t MachineBytes() { return static_cast<int64_t>(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGESIZE); }

}  // namespace

absl::StatusOr<IdxFile> IdxFile::Open(const std::string& path, int rank) {
  GRADUS_ASSIGN_OR_RETURN(InputFile input, InputFile::Open(path));
  IdxFile file(std::move(input));
  uint8_t magic[2] = {0, 0};
  if (file.file_.size() >= 2) GRADUS_RETURN_IF_ERROR(file.file_.ReadAt(0, absl::MakeSpan(magic)));
  const bool gzip = magic[0] == 0x1f && magic[1] == 0x8b;
  GRADUS_RETURN_IF_ERROR(gzip ? file.OpenGzip(rank) : file.OpenRaw(rank));
  return file;
}

absl::Status IdxFile::OpenRaw(int rank) {
  std::vector<uint8_t> header(std::min(HeaderBytes(rank), file_.size()));
  GRADUS_RETURN_IF_ERROR(file_.ReadAt(0, absl::MakeSpan(header)));
  GRADUS_ASSIGN_OR_RETURN(shape_, ParseHeader(path(), header, rank));
  header_bytes_ = HeaderBytes(rank);
  const int64_t expected = header_bytes_ + shape_.num_elements();
  if (file_.size() == expected) return absl::OkStatus();
  return SizeError(path(), shape_, expected, absl::StrCat(file_.size()),
                   file_.size() < expected ? "it is cut off, download it again" : "something was added to it");
}

absl::Status IdxFile::OpenGzip(int rank) {
  GRADUS_ASSIGN_OR_RETURN(const std::unique_ptr<GzipReader> reader, GzipReader::Make(&file_));
  std::vector<uint8_t> header(HeaderBytes(rank));
  GRADUS_ASSIGN_OR_RETURN(const int64_t header_found, reader->Read(absl::MakeSpan(header)));
  header.resize(header_found);
  GRADUS_ASSIGN_OR_RETURN(shape_, ParseHeader(path(), header, rank));
  const int64_t items = shape_.num_elements();
  const int64_t expected = header_found + items;
  if (expected > GzipReader::MostBytes(file_.size())) {
    return SizeError(
        path(), shape_, expected,
        absl::StrCat(file_.size(), " bytes of gzip, which cannot hold more than ", GzipReader::MostBytes(file_.size())),
        "it is damaged, download it again");
  }
  if (expected < MachineBytes()) inflated_.reset(static_cast<uint8_t*>(std::malloc(items)));
  if (inflated_ == nullptr) {
    return absl::ResourceExhaustedError(
        absl::StrCat(path(), ": no memory for ", items, " bytes; gunzip the file: a raw one is read from disk"));
  }
  GRADUS_ASSIGN_OR_RETURN(const int64_t found, reader->Read(absl::MakeSpan(inflated_.get(), items)));
  uint8_t extra;
  GRADUS_ASSIGN_OR_RETURN(const int64_t extra_found, reader->Read(absl::MakeSpan(&extra, 1)));
  if (found == items && extra_found == 0) return absl::OkStatus();
  if (extra_found > 0) {
    return SizeError(path(), shape_, expected, "more", "something was added to it");
  }
  return SizeError(path(), shape_, expected, absl::StrCat(header_found + found, " after inflating"),
                   "it is cut off, download it again");
}

absl::Status IdxFile::Read(int64_t first, int64_t count, uint8_t* out) const {
  const int64_t offset = first * item_bytes();
  const int64_t bytes = count * item_bytes();
  if (inflated_ == nullptr) return file_.ReadAt(header_bytes_ + offset, absl::MakeSpan(out, bytes));
  std::memcpy(out, inflated_.get() + offset, bytes);
  return absl::OkStatus();
}

}  // namespace gradus
