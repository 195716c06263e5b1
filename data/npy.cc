// The data set gradus.Npy: one NumPy file for each column.
#include <algorithm>
#include <cstring>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "core/file.h"
#include "core/nearest_name.h"
#include "core/status_macros.h"
#include "data/dataset_registry.h"
#include "data/npy_file.h"
#include "proto/data.pb.h"

namespace gradus {
namespace {

// A file and the column that it becomes. The element number i of an example goes to place i % channels * pixels +
// i / channels: where it is, unless the channels are last in the file.
struct Source {
  NpyFile file;
  Column column;
  int64_t channels = 1;
  int64_t pixels = 1;
};

template <typename In, typename Out>
absl::Status Convert(const Source& source, absl::Span<const uint8_t> bytes, int64_t first, Out* out) {
  const int64_t count = static_cast<int64_t>(bytes.size() / sizeof(In));
  for (int64_t i = 0; i < count; ++i) {
    In value;
    std::memcpy(&value, bytes.data() + i * sizeof(In), sizeof value);
    if (std::is_same<In, int64_t>::value &&
        (value < std::numeric_limits<int32_t>::min() || value > std::numeric_limits<int32_t>::max())) {
      return absl::OutOfRangeError(absl::StrCat(source.file.path(), ": ", value, " does not fit into an i32"));
    }
    const int64_t at = first + i;
    Out result = static_cast<Out>(value);
    if (std::is_same<In, uint8_t>::value && std::is_same<Out, float>::value) result /= 255;
    out[at % source.channels * source.pixels + at / source.channels] = result;
  }
  return absl::OkStatus();
}

absl::Status ConvertAny(const Source& source, absl::Span<const uint8_t> bytes, int64_t first, uint8_t* out) {
  float* floats = reinterpret_cast<float*>(out);
  int32_t* integers = reinterpret_cast<int32_t*>(out);
  switch (source.file.type()) {
    case NpyType::kU1:
      return source.column.type.dtype == DType::kInt32 ? Convert<uint8_t>(source, bytes, first, integers)
                                                       : Convert<uint8_t>(source, bytes, first, floats);
    case NpyType::kI4:
      return Convert<int32_t>(source, bytes, first, integers);
    case NpyType::kI8:
      return Convert<int64_t>(source, bytes, first, integers);
    case NpyType::kF4:
      return Convert<float>(source, bytes, first, floats);
    case NpyType::kF8:
      return Convert<double>(source, bytes, first, floats);
  }
  return absl::OkStatus();
}

class NpyDataset : public Dataset {
 public:
  explicit NpyDataset(std::vector<Source> sources) : sources_(std::move(sources)) {
    for (const Source& source : sources_) columns_.push_back(source.column);
  }

  int64_t size() const override { return sources_[0].file.shape()[0]; }
  const std::vector<Column>& columns() const override { return columns_; }

  absl::Status Read(int64_t index, absl::Span<uint8_t* const> columns) const override {
    for (size_t c = 0; c < sources_.size(); ++c) GRADUS_RETURN_IF_ERROR(ReadColumn(sources_[c], index, columns[c]));
    return absl::OkStatus();
  }

 private:
  static absl::Status ReadColumn(const Source& source, int64_t index, uint8_t* out) {
    const int64_t elements = source.column.type.shape.num_elements(), size = SizeOf(source.file.type());
    uint8_t buffer[1 << 14];
    const int64_t most = static_cast<int64_t>(sizeof buffer) / size;
    for (int64_t first = 0; first < elements; first += most) {
      const absl::Span<uint8_t> bytes = absl::MakeSpan(buffer, std::min(most, elements - first) * size);
      GRADUS_RETURN_IF_ERROR(source.file.Read(index * elements + first, bytes));
      GRADUS_RETURN_IF_ERROR(ConvertAny(source, bytes, first, out));
    }
    return absl::OkStatus();
  }

  const std::vector<Source> sources_;
  std::vector<Column> columns_;
};

// The column's type: that of an example of the file, with the axes of an image.
absl::Status SetType(Npy::Column::Axes axes, Source* source) {
  const Shape& shape = source->file.shape();
  if (shape.rank() == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(source->file.path(), " is a single number; the examples are to lie along its first axis"));
  }
  Dims dims(shape.dims().begin() + 1, shape.dims().end());
  const int wanted = axes == Npy::Column::HWC ? 4 : 3;
  if (axes != Npy::Column::AS_THEY_ARE && shape.rank() != wanted) {
    return absl::InvalidArgumentError(absl::StrCat(source->file.path(), " is ", shape.ToString(),
                                                   ", but axes: ", Npy::Column::Axes_Name(axes), " wants ", wanted,
                                                   " axes, ", wanted == 4 ? "[N, H, W, C]" : "[N, H, W]"));
  }
  if (axes == Npy::Column::HWC) {
    dims = {shape[3], shape[1], shape[2]};
    source->channels = std::max<int64_t>(1, shape[3]);
    source->pixels = shape[1] * shape[2];
  } else if (axes == Npy::Column::HW) {
    dims.insert(dims.begin(), 1);
  }
  const NpyType type = source->file.type();
  const bool integers = type == NpyType::kI4 || type == NpyType::kI8 || (type == NpyType::kU1 && dims.empty());
  GRADUS_ASSIGN_OR_RETURN(Shape example, Shape::Make(dims));
  source->column.type = {integers ? DType::kInt32 : DType::kFloat32, std::move(example)};
  return absl::OkStatus();
}

absl::Status NoSuchFile(const std::string& folder, const std::string& path) {
  const absl::StatusOr<std::vector<std::string>> there = ListFolder(folder);
  return absl::NotFoundError(
      absl::StrCat(path, ": no such file", there.ok() ? Suggestion(path.substr(path.rfind('/') + 1), *there) : ""));
}

absl::StatusOr<std::unique_ptr<Dataset>> OpenNpy(const google::protobuf::Message& message,
                                                 const DatasetContext& context) {
  const Npy& config = static_cast<const Npy&>(message);
  if (config.column_size() == 0) {
    return absl::InvalidArgumentError("npy: needs at least one `column { name: \"...\" path: \"....npy\" }`");
  }
  std::string folder = config.path().empty() ? context.data_dir : JoinPath(context.data_dir, config.path());
  if (folder.empty()) folder = ".";
  std::vector<Source> sources;
  for (const Npy::Column& column : config.column()) {
    if (column.name().empty() || column.path().empty()) {
      return absl::InvalidArgumentError(absl::StrCat("npy: column ", sources.size(), " needs a name and a path"));
    }
    const std::string path = JoinPath(folder, column.path());
    GRADUS_ASSIGN_OR_RETURN(const PathKind kind, KindOfPath(path));
    if (kind == PathKind::kMissing) return NoSuchFile(folder, path);
    GRADUS_ASSIGN_OR_RETURN(NpyFile file, NpyFile::Open(path));
    sources.push_back({std::move(file), {column.name(), {}}});
    GRADUS_RETURN_IF_ERROR(SetType(column.axes(), &sources.back()));
    const NpyFile &first = sources[0].file, &last = sources.back().file;
    if (first.shape()[0] == last.shape()[0]) continue;
    return absl::InvalidArgumentError(absl::StrCat(last.path(), " has ", last.shape()[0], " examples, but ",
                                                   first.path(), " has ", first.shape()[0]));
  }
  return std::make_unique<NpyDataset>(std::move(sources));
}

REGISTER_DATASET("gradus.Npy", OpenNpy);

}  // namespace
}  // namespace gradus
