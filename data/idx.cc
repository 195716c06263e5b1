// The data set gradus.Idx: images and labels in two IDX files, found by MNIST's usual names.
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/file.h"
#include "core/status_macros.h"
#include "data/dataset_registry.h"
#include "data/idx_file.h"
#include "proto/data.pb.h"

namespace gradus {
namespace {

class IdxDataset : public Dataset {
 public:
  // `images`: [N, H, W]; `labels`: N.
  IdxDataset(IdxFile images, std::vector<uint8_t> labels)
      : images_(std::move(images)),
        labels_(std::move(labels)),
        columns_{{"image", {DType::kFloat32, {1, images_.shape()[1], images_.shape()[2]}}},
                 {"label", {DType::kInt32, {}}}} {
    for (int i = 0; i < 256; ++i) scaled_[i] = static_cast<float>(i) / 255;
  }

  int64_t size() const override { return images_.size(); }
  const std::vector<Column>& columns() const override { return columns_; }

  // The bytes of the image are read into the end of its row and turned into floats from front to back: the float at i
  // ends before the byte at i + 1 starts.
  absl::Status Read(int64_t index, absl::Span<uint8_t* const> columns) const override {
    const int64_t pixels = images_.item_bytes();
    float* image = reinterpret_cast<float*>(columns[0]);
    const uint8_t* bytes = columns[0] + 3 * pixels;
    GRADUS_RETURN_IF_ERROR(images_.Read(index, 1, columns[0] + 3 * pixels));
    for (int64_t i = 0; i < pixels; ++i) image[i] = scaled_[bytes[i]];
    *reinterpret_cast<int32_t*>(columns[1]) = labels_[index];
    return absl::OkStatus();
  }

 private:
  const IdxFile images_;
  const std::vector<uint8_t> labels_;
  const std::vector<Column> columns_;
  float scaled_[256];
};

// The first of the usual names that is a file of `folder`.
absl::StatusOr<std::string> FindUsual(const std::string& folder, const std::string& part, const std::string& what) {
  std::vector<std::string> names;
  for (const char* dot : {"-", "."}) {
    for (const char* ending : {"", ".gz"}) {
      names.push_back(absl::StrCat(part, "-", what, dot, what == "images" ? "idx3" : "idx1", "-ubyte", ending));
    }
  }
  for (const std::string& name : names) {
    std::string path = JoinPath(folder, name);
    GRADUS_ASSIGN_OR_RETURN(const PathKind kind, KindOfPath(path));
    if (kind == PathKind::kFile) return path;
  }
  GRADUS_ASSIGN_OR_RETURN(const PathKind kind, KindOfPath(folder));
  return absl::NotFoundError(absl::StrCat(
      folder, kind == PathKind::kFolder ? absl::StrCat(": none of ", absl::StrJoin(names, ", ")) : ": no such folder",
      "; put MNIST's four files there or name yours (idx { path: images: labels: }), or use synthetic_digits {}, which "
      "needs no files"));
}

absl::StatusOr<std::vector<uint8_t>> ReadLabels(const IdxFile& file, const Idx& config) {
  std::vector<uint8_t> labels(file.size());
  GRADUS_RETURN_IF_ERROR(file.Read(0, file.size(), labels.data()));
  for (size_t i = 0; config.has_classes() && i < labels.size(); ++i) {
    if (labels[i] < config.classes()) continue;
    return absl::InvalidArgumentError(absl::StrCat(file.path(), ": example ", i, " has label ", labels[i],
                                                   ", but `classes: ", config.classes(), "` allows 0 to ",
                                                   config.classes() - 1));
  }
  return labels;
}

absl::StatusOr<std::unique_ptr<Dataset>> OpenIdx(const google::protobuf::Message& message,
                                                 const DatasetContext& context) {
  const Idx& config = static_cast<const Idx&>(message);
  if (config.has_images() != config.has_labels()) {
    return absl::InvalidArgumentError("idx: give both `images` and `labels`, or neither for MNIST's usual names");
  }
  if (config.has_classes() && config.classes() < 1) {
    return absl::InvalidArgumentError(absl::StrCat("idx: classes ", config.classes(), " is not positive"));
  }
  std::string folder = config.path().empty() ? context.data_dir : JoinPath(context.data_dir, config.path());
  if (folder.empty()) folder = ".";
  std::string images_path = JoinPath(folder, config.images());
  std::string labels_path = JoinPath(folder, config.labels());
  if (!config.has_images()) {
    const std::string part = config.split() == DatasetSplit::TEST ? "t10k" : "train";
    GRADUS_ASSIGN_OR_RETURN(images_path, FindUsual(folder, part, "images"));
    GRADUS_ASSIGN_OR_RETURN(labels_path, FindUsual(folder, part, "labels"));
  }
  GRADUS_ASSIGN_OR_RETURN(IdxFile labels_file, IdxFile::Open(labels_path, 1));
  GRADUS_ASSIGN_OR_RETURN(IdxFile images, IdxFile::Open(images_path, 3));
  if (images.size() != labels_file.size()) {
    return absl::InvalidArgumentError(absl::StrCat(images_path, " has ", images.size(), " images, but ", labels_path,
                                                   " has ", labels_file.size(),
                                                   " labels; do both belong to the same data set?"));
  }
  GRADUS_ASSIGN_OR_RETURN(std::vector<uint8_t> labels, ReadLabels(labels_file, config));
  return std::make_unique<IdxDataset>(std::move(images), std::move(labels));
}

REGISTER_DATASET("gradus.Idx", OpenIdx);

}  // namespace
}  // namespace gradus
