#include "train/safetensors_header.h"

#include <algorithm>
#include <exception>
#include <iterator>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/status_macros.h"

namespace gradus {
namespace {

using Json = nlohmann::json;

constexpr char kMetadata[] = "__metadata__";

// The element types of the format, and what they are read as.
struct StoredDType {
  const char* name;
  int64_t bytes;
  std::optional<DType> read_as;
};

constexpr StoredDType kStoredDTypes[] = {
    {"F64", 8, DType::kFloat64},  {"F32", 4, DType::kFloat32},  {"F16", 2, DType::kFloat32},  {"I32", 4, DType::kInt32},
    {"BF16", 2, DType::kFloat32}, {"BOOL", 1, DType::kUint8},   {"U8", 1, DType::kUint8},     {"I64", 8, std::nullopt},
    {"U64", 8, std::nullopt},     {"U32", 4, std::nullopt},     {"I16", 2, std::nullopt},     {"U16", 2, std::nullopt},
    {"I8", 1, std::nullopt},      {"F8_E4M3", 1, std::nullopt}, {"F8_E5M2", 1, std::nullopt},
};

const StoredDType* FindStoredDType(absl::string_view name) {
  for (const StoredDType& dtype : kStoredDTypes) {
    if (name == dtype.name) return &dtype;
  }
  return nullptr;
}

absl::StatusOr<absl::string_view> NameInFile(DType dtype) {
  switch (dtype) {
    case DType::kFloat64:
      return "F64";
    case DType::kFloat32:
      return "F32";
    case DType::kInt32:
      return "I32";
    case DType::kUint8:
      return "U8";
    case DType::kOpaque:
      break;
  }
  return absl::InvalidArgumentError(absl::StrCat("the type ", Name(dtype), " cannot be saved"));
}

// Takes the parser's events one by one and accepts the format's structure, nothing else: what is nested too deep, of
// the wrong kind, twice or unknown stops the parser at once.
class HeaderReader : public nlohmann::json_sax<Json> {
 public:
  explicit HeaderReader(int64_t data_bytes) : data_bytes_(data_bytes) {}

  absl::Status status() const { return status_; }
  std::vector<StoredTensor> TakeTensors() { return std::move(tensors_); }

  bool null() override { return Unexpected("null"); }
  bool boolean(bool) override { return Unexpected("boolean"); }
  bool number_integer(number_integer_t value) override { return Unexpected(absl::StrCat("number ", value)); }
  bool number_float(number_float_t, const string_t& text) override { return Unexpected(absl::StrCat("number ", text)); }
  bool binary(binary_t&) override { return Unexpected("binary data"); }

  bool number_unsigned(number_unsigned_t value) override {
    if (place_ != Place::kShape && place_ != Place::kOffsets) return Unexpected(absl::StrCat("number ", value));
    if (value > static_cast<number_unsigned_t>(std::numeric_limits<int64_t>::max())) {
      return Fail(absl::StrCat("the number ", value, " is out of range"));
    }
    (place_ == Place::kShape ? dims_ : offsets_).push_back(static_cast<int64_t>(value));
    return true;
  }

  bool string(string_t& text) override {
    if (place_ == Place::kMetadata) return true;
    if (place_ != Place::kTensor || field_ != "dtype") return Unexpected("string");
    dtype_ = text;
    return true;
  }

  bool key(string_t& text) override {
    if (place_ == Place::kMetadata) return true;
    if (place_ == Place::kTop) {
      name_ = text;
      field_.clear();
      fields_seen_.clear();
      dims_.clear();
      offsets_.clear();
      return names_.insert(text).second || Fail("it is there twice");
    }
    field_ = text;
    if (text != "dtype" && text != "shape" && text != "data_offsets") {
      return Fail(absl::StrCat("unknown field '", text, "'"));
    }
    return fields_seen_.insert(text).second || Fail(absl::StrCat("field '", text, "' is there twice"));
  }

  bool start_object(std::size_t) override {
    if (place_ == Place::kBefore) return Go(Place::kTop);
    if (place_ == Place::kTop) return Go(name_ == kMetadata ? Place::kMetadata : Place::kTensor);
    return Unexpected("object");
  }

  bool start_array(std::size_t) override {
    if (place_ == Place::kTensor && field_ == "shape") return Go(Place::kShape);
    if (place_ == Place::kTensor && field_ == "data_offsets") return Go(Place::kOffsets);
    return Unexpected("array");
  }

  bool end_array() override { return Go(Place::kTensor); }

  bool end_object() override {
    if (place_ == Place::kTop) return Go(Place::kAfter);
    if (place_ == Place::kTensor && !AddTensor()) return false;
    return Go(Place::kTop);
  }

  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception&) override {
    status_ = absl::DataLossError(absl::StrCat("the header is not JSON at byte ", position));
    return false;
  }

 private:
  enum class Place { kBefore, kTop, kMetadata, kTensor, kShape, kOffsets, kAfter };

  bool Go(Place place) {
    place_ = place;
    return true;
  }

  bool Fail(absl::string_view why) {
    status_ = absl::DataLossError(absl::StrCat("tensor '", name_, "': ", why));
    return false;
  }

  bool Unexpected(absl::string_view what) {
    if (place_ == Place::kBefore) {
      status_ = absl::DataLossError(absl::StrCat("the header must be an object; unexpected ", what));
      return false;
    }
    return Fail(absl::StrCat("unexpected ", what, field_.empty() ? "" : absl::StrCat(" at '", field_, "'")));
  }

  // The tensor whose fields have been read, checked against itself and the data's size.
  bool AddTensor() {
    for (const char* field : {"dtype", "shape", "data_offsets"}) {
      if (fields_seen_.count(field) == 0) return Fail(absl::StrCat("field '", field, "' is missing"));
    }
    const StoredDType* dtype = FindStoredDType(dtype_);
    if (dtype == nullptr) return Fail(absl::StrCat("unknown dtype '", dtype_, "'"));
    absl::StatusOr<Shape> shape = Shape::Make(dims_);
    if (!shape.ok()) return Fail(shape.status().message());
    if (offsets_.size() != 2 || offsets_[0] > offsets_[1] || offsets_[1] > data_bytes_) {
      return Fail(absl::StrCat("data_offsets [", absl::StrJoin(offsets_, ", "), "] do not lie in the ", data_bytes_,
                               " bytes of data"));
    }

    StoredTensor tensor{name_, dtype_, TensorType(), *shape, offsets_[0], offsets_[1] - offsets_[0]};
    if (tensor.bytes != shape->num_elements() * dtype->bytes) {
      return Fail(
          absl::StrCat(tensor.ToString(), " has ", shape->num_elements() * dtype->bytes, " bytes, not ", tensor.bytes));
    }
    if (dtype->read_as.has_value()) {
      tensor.type = {*dtype->read_as, *shape};
    } else {
      absl::StatusOr<Shape> opaque = Shape::Make({tensor.bytes});
      if (!opaque.ok()) return Fail(opaque.status().message());
      tensor.type = {DType::kOpaque, *opaque};
    }
    tensors_.push_back(std::move(tensor));
    return true;
  }

  const int64_t data_bytes_;
  absl::Status status_;
  std::vector<StoredTensor> tensors_;
  absl::flat_hash_set<std::string> names_;

  // Where the parser is, and what it has read of the current tensor.
  Place place_ = Place::kBefore;
  std::string name_;
  std::string field_;
  absl::flat_hash_set<std::string> fields_seen_;
  std::string dtype_;
  std::vector<int64_t> dims_;
  std::vector<int64_t> offsets_;
};

// Tensors in the order of their data must follow each other without gap or overlap, up to the end.
absl::Status CheckDataIsCovered(std::vector<StoredTensor>* tensors, int64_t data_bytes) {
  std::sort(tensors->begin(), tensors->end(), [](const StoredTensor& a, const StoredTensor& b) {
    return std::make_pair(a.offset, a.bytes) < std::make_pair(b.offset, b.bytes);
  });
  int64_t end = 0;
  for (const StoredTensor& tensor : *tensors) {
    if (tensor.offset != end) {
      return absl::DataLossError(absl::StrCat("tensor '", tensor.name, "' starts at byte ", tensor.offset,
                                              " of the data, the one before it ends at ", end));
    }
    end += tensor.bytes;
  }
  if (end == data_bytes) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat("the tensors have ", end, " bytes, the file has ", data_bytes, " for them"));
}

}  // namespace

std::string StoredTensor::ToString() const { return absl::StrCat(dtype, shape.ToString()); }

absl::StatusOr<std::string> PrintSafetensorsHeader(absl::Span<const NamedType> tensors) {
  absl::flat_hash_set<absl::string_view> names;
  std::string json = "{";
  int64_t offset = 0;
  for (const NamedType& tensor : tensors) {
    if (tensor.name.empty() || tensor.name == kMetadata) {
      return absl::InvalidArgumentError(absl::StrCat("a tensor cannot have the name '", tensor.name, "'"));
    }
    if (!names.insert(tensor.name).second) {
      return absl::InvalidArgumentError(absl::StrCat("two tensors have the name '", tensor.name, "'"));
    }
    std::string quoted;
    try {
      quoted = Json(tensor.name).dump();
    } catch (const Json::type_error&) {
      return absl::InvalidArgumentError(absl::StrCat("the name '", tensor.name, "' of a tensor is not UTF-8"));
    }
    GRADUS_ASSIGN_OR_RETURN(absl::string_view dtype, NameInFile(tensor.type.dtype));
    const int64_t end = offset + tensor.type.bytes();
    absl::StrAppend(&json, json.size() > 1 ? "," : "", quoted, ":{\"dtype\":\"", dtype, "\",\"shape\":[",
                    absl::StrJoin(tensor.type.shape.dims(), ","), "],\"data_offsets\":[", offset, ",", end, "]}");
    offset = end;
  }
  json += "}";
  json.append((8 - json.size() % 8) % 8, ' ');
  return json;
}

absl::StatusOr<std::vector<StoredTensor>> ParseSafetensorsHeader(absl::string_view json, int64_t data_bytes) {
  HeaderReader reader(data_bytes);
  try {
    Json::sax_parse(json.begin(), json.end(), &reader);
  } catch (const std::exception& error) {
    return absl::DataLossError(absl::StrCat("the header cannot be read: ", error.what()));
  }
  GRADUS_RETURN_IF_ERROR(reader.status());
  std::vector<StoredTensor> tensors = reader.TakeTensors();
  GRADUS_RETURN_IF_ERROR(CheckDataIsCovered(&tensors, data_bytes));
  std::sort(tensors.begin(), tensors.end(),
            [](const StoredTensor& a, const StoredTensor& b) { return a.name < b.name; });
  return tensors;
}

}  // namespace gradus
