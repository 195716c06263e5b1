#include "train/safetensors.h"

#include <algorithm>
#include <cstring>
#include <new>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/crc32c.h"
#include "core/new_tensor.h"
#include "core/status_macros.h"

namespace gradus {
namespace {

constexpr size_t kChunk = size_t{1} << 20;

absl::Status InFile(absl::string_view path, const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat("'", path, "': ", status.message()));
}

// Appends a tensor's bytes; returns their checksum, computed while they are in the cache.
absl::StatusOr<uint32_t> AppendTensor(const TensorToWrite& tensor, AtomicFile* file) {
  GRADUS_ASSIGN_OR_RETURN(absl::Span<const uint8_t> bytes, tensor.elements());
  GRADUS_CHECK(static_cast<int64_t>(bytes.size()) == tensor.type.bytes());
  uint32_t crc = 0;
  for (; !bytes.empty(); bytes.remove_prefix(std::min(bytes.size(), kChunk))) {
    const absl::Span<const uint8_t> chunk = bytes.subspan(0, kChunk);
    crc = ExtendCrc32c(crc, chunk);
    GRADUS_RETURN_IF_ERROR(file->Append(chunk));
  }
  return crc;
}

// The value of an IEEE 754 half (sign 1, exponent 5, fraction 10 bits).
float HalfToFloat(uint16_t half) {
  const uint32_t sign = uint32_t{half & 0x8000u} << 16;
  const uint32_t magnitude = half & 0x7fffu;
  float value;
  if (magnitude >= 0x7c00u) {  // infinite or NaN: the largest exponent stays the largest
    const uint32_t bits = sign | 0x7f800000u | (magnitude & 0x3ffu) << 13;
    std::memcpy(&value, &bits, sizeof(value));
    return value;
  }
  const uint32_t bits = magnitude << 13;  // as a float it is 2^112 times too small, subnormal ones included
  std::memcpy(&value, &bits, sizeof(value));
  value *= 0x1p112f;
  return sign != 0 ? -value : value;
}

float BrainFloatToFloat(uint16_t brain) {
  const uint32_t bits = uint32_t{brain} << 16;
  float value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

// Turns the 16-bit elements in the second half of `values` into floats in all of it: element i is read from bytes
// 2n + 2i before the floats, which end at 4i + 4, reach it.
void WidenInPlace(bool brain, absl::Span<float> values) {
  auto* floats = reinterpret_cast<uint8_t*>(values.data());
  const uint8_t* halves = floats + 2 * values.size();
  for (size_t i = 0; i < values.size(); ++i) {
    uint16_t bits;
    std::memcpy(&bits, halves + 2 * i, sizeof(bits));
    const float value = brain ? BrainFloatToFloat(bits) : HalfToFloat(bits);
    std::memcpy(floats + 4 * i, &value, sizeof(value));
  }
}

// "a, b and 7 more".
std::string JoinSome(const std::vector<std::string>& items) {
  constexpr size_t kMost = 8;
  const size_t shown = std::min(items.size(), kMost);
  return absl::StrCat(absl::StrJoin(items.begin(), items.begin() + shown, ", "),
                      items.size() > shown ? absl::StrCat(" and ", items.size() - shown, " more") : "");
}

}  // namespace

TensorToWrite ToWrite(absl::string_view name, const Tensor& tensor) {
  return {std::string(name), tensor.type(), [&tensor]() -> absl::StatusOr<absl::Span<const uint8_t>> {
            return absl::MakeConstSpan(tensor.data(), tensor.bytes());
          }};
}

absl::StatusOr<std::vector<WrittenTensor>> WriteSafetensors(absl::string_view path,
                                                            std::vector<TensorToWrite> tensors) {
  std::sort(tensors.begin(), tensors.end(), [](const TensorToWrite& a, const TensorToWrite& b) {
    return std::make_pair(SizeOf(b.type.dtype), absl::string_view(a.name)) <
           std::make_pair(SizeOf(a.type.dtype), absl::string_view(b.name));
  });
  std::vector<NamedType> types;
  types.reserve(tensors.size());
  for (const TensorToWrite& tensor : tensors) types.push_back({tensor.name, tensor.type});
  absl::StatusOr<std::string> header = PrintSafetensorsHeader(types);
  if (!header.ok()) return InFile(path, header.status());

  GRADUS_ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::Create(path));
  uint8_t length[8];
  for (int i = 0; i < 8; ++i) length[i] = static_cast<uint8_t>(uint64_t{header->size()} >> 8 * i);
  GRADUS_RETURN_IF_ERROR(file.Append(absl::MakeConstSpan(length)));
  GRADUS_RETURN_IF_ERROR(file.Append(*header));
  std::vector<WrittenTensor> written;
  for (size_t i = 0; i < tensors.size(); ++i) {
    GRADUS_ASSIGN_OR_RETURN(uint32_t crc, AppendTensor(tensors[i], &file));
    written.push_back({std::move(types[i]), crc});
  }
  GRADUS_RETURN_IF_ERROR(file.Commit());
  return written;
}

absl::StatusOr<SafetensorsFile> SafetensorsFile::Open(absl::string_view path) try {
  GRADUS_ASSIGN_OR_RETURN(InputFile file, InputFile::Open(path));
  uint8_t length[8];
  if (file.size() < 8) return InFile(path, absl::DataLossError("no safetensors file: it is shorter than 8 bytes"));
  GRADUS_RETURN_IF_ERROR(file.ReadAt(0, absl::MakeSpan(length)));
  uint64_t header_bytes = 0;
  for (int i = 0; i < 8; ++i) header_bytes |= uint64_t{length[i]} << 8 * i;
  const uint64_t most = std::min<uint64_t>(file.size() - 8, kMaxSafetensorsHeaderBytes);
  if (header_bytes > most) {
    return InFile(path, absl::DataLossError(absl::StrCat("no safetensors file: a header of ", header_bytes,
                                                         " bytes, where at most ", most, " are possible")));
  }

  std::string json(header_bytes, '\0');
  GRADUS_RETURN_IF_ERROR(file.ReadAt(8, absl::MakeSpan(reinterpret_cast<uint8_t*>(json.data()), json.size())));
  const int64_t data_start = 8 + static_cast<int64_t>(header_bytes);
  absl::StatusOr<std::vector<StoredTensor>> tensors = ParseSafetensorsHeader(json, file.size() - data_start);
  if (!tensors.ok()) return InFile(path, tensors.status());
  return SafetensorsFile(std::move(file), data_start, *std::move(tensors));
} catch (const std::bad_alloc&) {
  return InFile(path, absl::ResourceExhaustedError("no memory for its header"));
}

const StoredTensor* SafetensorsFile::Find(absl::string_view name) const {
  const auto it = std::lower_bound(tensors_.begin(), tensors_.end(), name,
                                   [](const StoredTensor& tensor, absl::string_view n) { return tensor.name < n; });
  return it != tensors_.end() && it->name == name ? &*it : nullptr;
}

absl::Status SafetensorsFile::ReadBytes(const StoredTensor& tensor, int64_t first, absl::Span<uint8_t> bytes) const {
  GRADUS_CHECK(first >= 0 && first + static_cast<int64_t>(bytes.size()) <= tensor.bytes);
  return file_.ReadAt(data_start_ + tensor.offset + first, bytes);
}

absl::StatusOr<Tensor> SafetensorsFile::Read(const StoredTensor& stored) const {
  if (stored.type.dtype == DType::kOpaque) {
    return absl::UnimplementedError(
        absl::StrCat("'", path(), "': tensor '", stored.name, "' is ", stored.ToString(), ", which cannot be read"));
  }
  absl::StatusOr<Tensor> tensor = NewTensor(stored.type);
  if (!tensor.ok()) return InFile(path(), tensor.status());
  uint8_t* place = tensor->data() + (tensor->bytes() - stored.bytes);
  GRADUS_RETURN_IF_ERROR(ReadBytes(stored, 0, absl::MakeSpan(place, stored.bytes)));
  if (stored.bytes != tensor->bytes()) WidenInPlace(stored.dtype == "BF16", tensor->values<float>());
  return tensor;
}

absl::Status CheckHolds(const SafetensorsFile& file, absl::Span<const NamedType> expected) {
  std::vector<std::string> names;
  std::vector<std::string> missing;
  std::vector<std::string> different;
  for (const NamedType& tensor : expected) {
    names.push_back(tensor.name);
    const StoredTensor* found = file.Find(tensor.name);
    if (found == nullptr) {
      missing.push_back(absl::StrCat("'", tensor.name, "' ", tensor.type.ToString()));
    } else if (found->type != tensor.type) {
      different.push_back(absl::StrCat("'", tensor.name, "' is ", found->type.ToString(), " in the file, ",
                                       tensor.type.ToString(), " in the model"));
    }
  }
  std::sort(names.begin(), names.end());
  std::vector<std::string> extra;
  for (const StoredTensor& tensor : file.tensors()) {
    if (!std::binary_search(names.begin(), names.end(), tensor.name)) {
      extra.push_back(absl::StrCat("'", tensor.name, "' ", tensor.type.ToString()));
    }
  }

  std::vector<std::string> problems;
  if (!missing.empty()) problems.push_back(absl::StrCat("missing: ", JoinSome(missing)));
  if (!extra.empty()) problems.push_back(absl::StrCat("not in the model: ", JoinSome(extra)));
  if (!different.empty()) problems.push_back(JoinSome(different));
  if (problems.empty()) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("'", file.path(), "' is of another model; ", absl::StrJoin(problems, "; ")));
}

}  // namespace gradus
