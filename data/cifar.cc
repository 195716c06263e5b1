// The data sets gradus.Cifar10 and gradus.Cifar100: the binary versions, records of a few label bytes and 3 x 32 x 32
// pixels, red, green and blue plane by plane.
#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/types/span.h"
#include "core/file.h"
#include "core/status_macros.h"
#include "data/dataset_registry.h"
#include "proto/data.pb.h"

namespace gradus {
namespace {

constexpr int64_t kPixels = 3 * 32 * 32;

struct LabelByte {
  const char* column;
  int classes;
};

// What tells the two data sets apart.
struct Format {
  const char* message;            // "cifar10"
  const char* folder;             // in which the archive puts its files
  const char* archive;            // to get
  std::vector<LabelByte> labels;  // in the order of the record's bytes
  size_t main_label;              // which of them is the class
  const char* names_file;         // the classes' names, a line each
};

const Format& Cifar10Format() {
  static const Format* const format =
      new Format{"cifar10", "cifar-10-batches-bin", "cifar-10-binary.tar.gz", {{"label", 10}}, 0, "batches.meta.txt"};
  return *format;
}

const Format& Cifar100Format() {
  static const Format* const format =
      new Format{"cifar100", "cifar-100-binary",    "cifar-100-binary.tar.gz", {{"coarse_label", 20}, {"label", 100}},
                 1,          "fine_label_names.txt"};
  return *format;
}

class CifarDataset : public Dataset {
 public:
  CifarDataset(const Format& format, std::vector<InputFile> files, std::vector<std::string> class_names)
      : labels_(format.labels), files_(std::move(files)), class_names_(std::move(class_names)) {
    columns_.push_back({"image", {DType::kFloat32, {3, 32, 32}}});
    for (const LabelByte& label : labels_) columns_.push_back({label.column, {DType::kInt32, {}}});
    for (const InputFile& file : files_) ends_.push_back(size() + file.size() / record_bytes());
    for (int i = 0; i < 256; ++i) scaled_[i] = static_cast<float>(i) / 255;
  }

  int64_t size() const override { return ends_.empty() ? 0 : ends_.back(); }
  const std::vector<Column>& columns() const override { return columns_; }
  std::vector<std::string> class_names() const override { return class_names_; }

  absl::Status Read(int64_t index, absl::Span<uint8_t* const> columns) const override {
    const size_t which = std::upper_bound(ends_.begin(), ends_.end(), index) - ends_.begin();
    const int64_t record = index - (which == 0 ? 0 : ends_[which - 1]);
    std::array<uint8_t, kPixels + 2> bytes;
    GRADUS_RETURN_IF_ERROR(files_[which].ReadAt(record * record_bytes(), absl::MakeSpan(bytes.data(), record_bytes())));
    for (size_t i = 0; i < labels_.size(); ++i) {
      if (bytes[i] >= labels_[i].classes) {
        return absl::DataLossError(absl::StrCat(files_[which].path(), ": record ", record, " has ", labels_[i].column,
                                                " ", bytes[i], ", but there are ", labels_[i].classes, " classes"));
      }
      *reinterpret_cast<int32_t*>(columns[1 + i]) = bytes[i];
    }
    float* image = reinterpret_cast<float*>(columns[0]);
    for (int64_t i = 0; i < kPixels; ++i) image[i] = scaled_[bytes[labels_.size() + i]];
    return absl::OkStatus();
  }

 private:
  int64_t record_bytes() const { return static_cast<int64_t>(labels_.size()) + kPixels; }

  const std::vector<LabelByte> labels_;
  const std::vector<InputFile> files_;
  const std::vector<std::string> class_names_;
  std::vector<int64_t> ends_;  // of each file's records among all
  std::vector<Column> columns_;
  float scaled_[256];
};

absl::StatusOr<InputFile> OpenRecords(const Format& format, const std::string& folder, const std::string& name) {
  const std::string path = JoinPath(folder, name);
  GRADUS_ASSIGN_OR_RETURN(const PathKind kind, KindOfPath(path));
  if (kind == PathKind::kMissing) {
    const std::string python(absl::StripSuffix(path, ".bin"));
    GRADUS_ASSIGN_OR_RETURN(const PathKind python_kind, KindOfPath(python));
    return absl::NotFoundError(absl::StrCat(
        path, ": no such file; ",
        python_kind == PathKind::kFile ? absl::StrCat(python, " is of the version for Python; ") : "", format.message,
        " reads the binary version, ", format.archive, " from https://www.cs.toronto.edu/~kriz/cifar.html"));
  }
  GRADUS_ASSIGN_OR_RETURN(InputFile file, InputFile::Open(path));
  const int64_t record = static_cast<int64_t>(format.labels.size()) + kPixels;
  if (file.size() > 0 && file.size() % record == 0) return file;
  return absl::DataLossError(absl::StrCat(path, " has ", file.size(), " bytes, which is no whole number of records of ",
                                          record, " bytes; is the file complete, and of the binary version?"));
}

// The names that the archive brings along; none when its file is missing or odd.
std::vector<std::string> ReadClassNames(const Format& format, const std::string& folder) {
  const absl::StatusOr<std::string> text = ReadFile(JoinPath(folder, format.names_file), 1 << 16);
  if (!text.ok()) return {};
  std::vector<std::string> names;
  for (absl::string_view line : absl::StrSplit(*text, absl::ByAnyChar("\r\n"), absl::SkipWhitespace())) {
    names.emplace_back(line);
  }
  return names.size() == static_cast<size_t>(format.labels[format.main_label].classes) ? names
                                                                                       : std::vector<std::string>();
}

absl::StatusOr<std::unique_ptr<Dataset>> Open(const Format& format, const std::string& path,
                                              const std::vector<std::string>& names, const DatasetContext& context) {
  std::string folder = path.empty() ? context.data_dir : JoinPath(context.data_dir, path);
  if (folder.empty()) folder = ".";
  GRADUS_ASSIGN_OR_RETURN(const PathKind inner, KindOfPath(JoinPath(folder, format.folder)));
  if (inner == PathKind::kFolder) folder = JoinPath(folder, format.folder);
  std::vector<InputFile> files;
  for (const std::string& name : names) {
    GRADUS_ASSIGN_OR_RETURN(InputFile file, OpenRecords(format, folder, name));
    files.push_back(std::move(file));
  }
  return std::make_unique<CifarDataset>(format, std::move(files), ReadClassNames(format, folder));
}

absl::StatusOr<std::unique_ptr<Dataset>> OpenCifar10(const google::protobuf::Message& message,
                                                     const DatasetContext& context) {
  const Cifar10& config = static_cast<const Cifar10&>(message);
  std::vector<std::string> names = {"test_batch.bin"};
  if (config.split() == DatasetSplit::TRAIN) {
    names.clear();
    for (int i = 1; i <= 5; ++i) names.push_back(absl::StrCat("data_batch_", i, ".bin"));
  }
  return Open(Cifar10Format(), config.path(), names, context);
}

absl::StatusOr<std::unique_ptr<Dataset>> OpenCifar100(const google::protobuf::Message& message,
                                                      const DatasetContext& context) {
  const Cifar100& config = static_cast<const Cifar100&>(message);
  return Open(Cifar100Format(), config.path(), {config.split() == DatasetSplit::TRAIN ? "train.bin" : "test.bin"},
              context);
}

REGISTER_DATASET("gradus.Cifar10", OpenCifar10);
REGISTER_DATASET("gradus.Cifar100", OpenCifar100);

}  // namespace
}  // namespace gradus
