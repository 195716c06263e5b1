#include "data/npy_file.h"

#include <algorithm>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "core/status_macros.h"

namespace gradus {
namespace {

constexpr absl::string_view kMagic = "\x93NUMPY";
constexpr int64_t kMostHeader = 1 << 16;  // bytes; NumPy itself refuses more than 10,000

// Reads the Python literals that a header is made of, one after the other.
class Literals {
 public:
  explicit Literals(absl::string_view text) : rest_(text) {}

  // Whether `token` comes next; takes it if so.
  bool Take(absl::string_view token) {
    rest_ = absl::StripLeadingAsciiWhitespace(rest_);
    return absl::ConsumePrefix(&rest_, token);
  }

  // 'text' or "text", without escapes.
  std::optional<absl::string_view> TakeString() {
    for (const absl::string_view quote : {"'", "\""}) {
      if (!Take(quote)) continue;
      const size_t end = rest_.find(quote);
      if (end == absl::string_view::npos) return std::nullopt;
      const absl::string_view text = rest_.substr(0, end);
      rest_.remove_prefix(end + 1);
      return text;
    }
    return std::nullopt;
  }

  // A number of digits, perhaps with Python 2's L.
  std::optional<int64_t> TakeNumber() {
    rest_ = absl::StripLeadingAsciiWhitespace(rest_);
    size_t end = 0;
    while (end < rest_.size() && absl::ascii_isdigit(rest_[end])) ++end;
    int64_t number;
    if (!absl::SimpleAtoi(rest_.substr(0, end), &number)) return std::nullopt;
    rest_.remove_prefix(end);
    Take("L");
    return number;
  }

  bool AtEnd() const { return absl::StripAsciiWhitespace(rest_).empty(); }

 private:
  absl::string_view rest_;
};

struct Header {
  std::optional<std::string> type;  // as written; "a structure" when it is no string
  std::optional<bool> fortran_order;
  std::optional<Dims> dims;
};

std::optional<Dims> TakeDims(Literals* text) {
  Dims dims;
  if (!text->Take("(")) return std::nullopt;
  while (!text->Take(")")) {
    const std::optional<int64_t> number = text->TakeNumber();
    if (!number) return std::nullopt;
    dims.push_back(*number);
    if (!text->Take(",")) {
      if (!text->Take(")")) return std::nullopt;
      break;
    }
  }
  return dims;
}

// Nothing when the text is no header.
std::optional<Header> ParseHeader(absl::string_view text) {
  Literals literals(text);
  Header header;
  if (!literals.Take("{")) return std::nullopt;
  while (!literals.Take("}")) {
    const std::optional<absl::string_view> key = literals.TakeString();
    if (!key || !literals.Take(":")) return std::nullopt;
    if (*key == "descr") {
      const std::optional<absl::string_view> type = literals.TakeString();
      header.type = type ? std::string(*type) : "a structure";
      if (!type) return header;  // a list of fields: no need to read on
    } else if (*key == "fortran_order") {
      header.fortran_order = literals.Take("True");
      if (!*header.fortran_order && !literals.Take("False")) return std::nullopt;
    } else if (*key == "shape") {
      if (!(header.dims = TakeDims(&literals))) return std::nullopt;
    } else {
      return std::nullopt;
    }
    if (!literals.Take(",")) {
      if (!literals.Take("}")) return std::nullopt;
      break;
    }
  }
  if (!literals.AtEnd()) return std::nullopt;
  return header;
}

std::optional<NpyType> TypeOf(absl::string_view written) {
  if (written == "|u1" || written == "<u1" || written == "u1") return NpyType::kU1;
  if (written == "<i4") return NpyType::kI4;
  if (written == "<i8") return NpyType::kI8;
  if (written == "<f4") return NpyType::kF4;
  if (written == "<f8") return NpyType::kF8;
  return std::nullopt;
}

// The bytes of the header, and how many there are before the elements.
absl::StatusOr<std::pair<std::string, int64_t>> ReadHeader(const InputFile& file) {
  const absl::Status no_npy =
      absl::InvalidArgumentError(absl::StrCat(file.path(), " is not a .npy file; numpy.save makes one of an array"));
  uint8_t start[12] = {};
  const int64_t available = std::min<int64_t>(file.size(), sizeof start);
  GRADUS_RETURN_IF_ERROR(file.ReadAt(0, absl::MakeSpan(start, available)));
  const absl::string_view text(reinterpret_cast<const char*>(start), available);
  if (absl::StartsWith(text, "PK\x03\x04")) {
    return absl::InvalidArgumentError(absl::StrCat(
        file.path(), " is an archive of arrays (.npz); save each with numpy.save(\"name.npy\", archive[\"name\"])"));
  }
  if (!absl::StartsWith(text, kMagic) || available < static_cast<int64_t>(sizeof start)) return no_npy;
  const int version = start[6];
  if (version < 1 || version > 3) {
    return absl::InvalidArgumentError(
        absl::StrCat(file.path(), " is a .npy file of version ", version, "; versions 1 to 3 can be read"));
  }
  const int64_t begin = version == 1 ? 10 : 12;
  int64_t length = start[8] | start[9] << 8;
  if (version > 1) length |= int64_t{start[10]} << 16 | int64_t{start[11]} << 24;
  if (length > kMostHeader || begin + length > file.size()) {
    return absl::DataLossError(absl::StrCat(file.path(), " is damaged: its header claims ", length, " bytes"));
  }
  std::string header(length, '\0');
  GRADUS_RETURN_IF_ERROR(file.ReadAt(begin, absl::MakeSpan(reinterpret_cast<uint8_t*>(header.data()), header.size())));
  return std::make_pair(std::move(header), begin + length);
}

}  // namespace

int64_t SizeOf(NpyType type) {
  switch (type) {
    case NpyType::kU1:
      return 1;
    case NpyType::kI4:
    case NpyType::kF4:
      return 4;
    case NpyType::kI8:
    case NpyType::kF8:
      return 8;
  }
  return 1;
}

absl::StatusOr<NpyFile> NpyFile::Open(const std::string& path) {
  GRADUS_ASSIGN_OR_RETURN(InputFile file, InputFile::Open(path));
  NpyFile npy(std::move(file));
  GRADUS_ASSIGN_OR_RETURN(const auto header_and_end, ReadHeader(npy.file_));
  npy.data_ = header_and_end.second;
  const std::optional<Header> header = ParseHeader(header_and_end.first);
  if (header && header->type && !TypeOf(*header->type)) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, " has elements of type ", *header->type,
                     "; u1, i4, i8, f4 and f8 can be read, little-endian: array.astype(\"<f4\") makes it one of them"));
  }
  if (!header || !header->type || !header->fortran_order || !header->dims) {
    return absl::DataLossError(absl::StrCat(path, " is damaged: its header cannot be understood"));
  }
  if (*header->fortran_order && header->dims->size() > 1) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, " has its elements in Fortran order; save numpy.ascontiguousarray(array) instead"));
  }
  npy.type_ = *TypeOf(*header->type);
  absl::StatusOr<Shape> shape = Shape::Make(*header->dims);
  if (!shape.ok()) return absl::Status(shape.status().code(), absl::StrCat(path, ": ", shape.status().message()));
  npy.shape_ = *std::move(shape);
  const int64_t expected = npy.data_ + npy.shape_.num_elements() * SizeOf(npy.type_);
  if (npy.file_.size() != expected) {
    return absl::DataLossError(absl::StrCat(path, " has ", npy.file_.size(), " bytes, but ", npy.shape_.ToString(),
                                            " of ", *header->type, " takes ", expected, "; is the file complete?"));
  }
  return npy;
}

}  // namespace gradus
