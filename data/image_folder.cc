// The data set gradus.ImageFolder: one folder of JPEG and PNG files for each class.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/types/span.h"
#include "core/file.h"
#include "core/nearest_name.h"
#include "core/status_macros.h"
#include "data/class_folders.h"
#include "data/dataset_registry.h"
#include "proto/data.pb.h"

namespace gradus {
namespace {

constexpr int64_t kMostFileBytes = int64_t{1} << 28;

class ImageFolderDataset : public Dataset {
 public:
  // `labels`: of each class of `files`, in `class_names`.
  ImageFolderDataset(std::string folder, ClassFolders files, int channels, std::vector<std::string> class_names,
                     std::vector<int32_t> labels)
      : folder_(std::move(folder)),
        files_(std::move(files)),
        class_names_(std::move(class_names)),
        labels_(std::move(labels)),
        columns_{{"image", {DType::kFloat32, {channels, 0, 0}}, /*image_files=*/true}, {"label", {DType::kInt32, {}}}} {
  }

  int64_t size() const override { return files_.size(); }
  const std::vector<Column>& columns() const override { return columns_; }
  std::vector<std::string> class_names() const override { return class_names_; }
  std::vector<std::string> notes() const override { return files_.notes(); }

  absl::Status Read(int64_t index, absl::Span<uint8_t* const> columns) const override {
    *reinterpret_cast<int32_t*>(columns[1]) = labels_[files_.ClassOf(index)];
    return absl::OkStatus();
  }

  absl::Status ReadImageFile(int64_t index, size_t, std::string* bytes, std::string* name) const override {
    *name = files_.PathOf(index);
    GRADUS_ASSIGN_OR_RETURN(const InputFile file, InputFile::Open(JoinPath(folder_, *name)));
    if (file.size() > kMostFileBytes) {
      return absl::InvalidArgumentError(absl::StrCat(*name, ": ", file.size(), " bytes, more than any image file has"));
    }
    bytes->resize(file.size());
    return file.ReadAt(0, absl::MakeSpan(reinterpret_cast<uint8_t*>(bytes->data()), bytes->size()));
  }

 private:
  const std::string folder_;
  const ClassFolders files_;
  const std::vector<std::string> class_names_;
  const std::vector<int32_t> labels_;
  const std::vector<Column> columns_;
};

// The folder of the classes' folders.
absl::StatusOr<std::string> FolderOf(const ImageFolder& config, const DatasetContext& context) {
  std::string folder = config.path().empty() ? context.data_dir : JoinPath(context.data_dir, config.path());
  if (folder.empty()) folder = ".";
  if (!config.has_split()) return folder;
  GRADUS_ASSIGN_OR_RETURN(const PathKind above, KindOfPath(folder));
  if (above != PathKind::kFolder) return folder;  // ClassFolders has the words for it
  std::vector<std::string> names = {"train"};
  if (config.split() == DatasetSplit::TEST) names = {"val", "validation", "valid", "test"};
  for (const std::string& name : names) {
    GRADUS_ASSIGN_OR_RETURN(const PathKind kind, KindOfPath(JoinPath(folder, name)));
    if (kind == PathKind::kFolder) return JoinPath(folder, name);
  }
  GRADUS_ASSIGN_OR_RETURN(std::vector<std::string> there, ListFolder(folder));
  constexpr size_t kMostNames = 6;
  if (there.size() > kMostNames) {
    there.resize(kMostNames);
    there.push_back("...");
  }
  return absl::NotFoundError(absl::StrCat(folder, " has no folder ", absl::StrJoin(names, " or "), " for split ",
                                          DatasetSplit::Kind_Name(config.split()),
                                          "; there are: ", there.empty() ? "none" : absl::StrJoin(there, ", ")));
}

// The label of each class found, by its name among the classes that are known already.
absl::StatusOr<std::vector<int32_t>> LabelsOf(const std::string& folder, const std::vector<std::string>& found,
                                              const std::vector<std::string>& known) {
  absl::flat_hash_map<std::string, int32_t> label_of;
  for (size_t i = 0; i < known.size(); ++i) label_of[known[i]] = static_cast<int32_t>(i);
  std::vector<int32_t> labels;
  for (const std::string& name : found) {
    const auto at = label_of.find(name);
    if (at == label_of.end()) {
      return absl::InvalidArgumentError(absl::StrCat(JoinPath(folder, name), ": the training data have no class '",
                                                     name, "'", Suggestion(name, known)));
    }
    labels.push_back(at->second);
  }
  return labels;
}

absl::StatusOr<std::unique_ptr<Dataset>> OpenImageFolder(const google::protobuf::Message& message,
                                                         const DatasetContext& context) {
  const ImageFolder& config = static_cast<const ImageFolder&>(message);
  if (config.channels() != 1 && config.channels() != 3) {
    return absl::InvalidArgumentError(
        absl::StrCat("image_folder: channels is ", config.channels(), "; it is 1 for grey or 3 for colours"));
  }
  GRADUS_ASSIGN_OR_RETURN(std::string folder, FolderOf(config, context));
  GRADUS_ASSIGN_OR_RETURN(ClassFolders files, ClassFolders::Scan(folder));
  std::vector<std::string> class_names = context.class_names.empty() ? files.classes() : context.class_names;
  GRADUS_ASSIGN_OR_RETURN(std::vector<int32_t> labels, LabelsOf(folder, files.classes(), class_names));
  return std::make_unique<ImageFolderDataset>(std::move(folder), std::move(files), config.channels(),
                                              std::move(class_names), std::move(labels));
}

REGISTER_DATASET("gradus.ImageFolder", OpenImageFolder);

}  // namespace
}  // namespace gradus
