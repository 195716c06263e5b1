#include "tests/examples/model_files.h"

#include <algorithm>
#include <iterator>

#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "core/file.h"
#include "gtest/gtest.h"

namespace gradus {
namespace {

using Folders = std::map<std::string, std::vector<std::string>>;

// By folder of examples/: the paths of its text files.
Folders TextFiles() {
  Folders folders;
  const absl::StatusOr<std::vector<std::string>> names = ListFolder("examples");
  EXPECT_TRUE(names.ok()) << names.status();
  for (const std::string& folder : names.value_or(std::vector<std::string>())) {
    const absl::StatusOr<std::vector<std::string>> files = ListFolder(absl::StrCat("examples/", folder));
    for (const std::string& file : files.value_or(std::vector<std::string>())) {
      if (absl::EndsWith(file, ".textproto")) folders[folder].push_back(absl::StrCat("examples/", folder, "/", file));
    }
  }
  return folders;
}

bool IsTraining(absl::string_view path) { return absl::EndsWith(path, ".train.textproto"); }

}  // namespace

std::map<std::string, std::vector<std::string>> ExampleModels() {
  Folders models;
  for (const auto& [folder, paths] : TextFiles()) {
    for (const std::string& path : paths) {
      if (IsTraining(path)) continue;
      const absl::StatusOr<LoadedModel> model = LoadModel(path);
      if (!model.ok() && absl::StrContains(model.status().message(), "the model has no layer")) continue;
      EXPECT_TRUE(model.ok()) << model.status();
      models[folder].push_back(path);
    }
  }
  return models;
}

std::vector<std::string> ExampleTrainings() {
  std::vector<std::string> trainings;
  for (const auto& [folder, paths] : TextFiles()) {
    std::copy_if(paths.begin(), paths.end(), std::back_inserter(trainings), IsTraining);
  }
  return trainings;
}

absl::flat_hash_map<std::string, Shape> ExampleInputDims(const LoadedModel& model) {
  // By folder and input.
  static const auto* const kDims = new absl::flat_hash_map<std::string, Shape>{{"dense_to_conv/image", {1, 36, 36}},
                                                                               {"faces/box_map", {6, 6, 4}},
                                                                               {"faces/face_map", {6, 6}},
                                                                               {"faces/face_weight", {6, 6}},
                                                                               {"faces/image", {3, 48, 48}},
                                                                               {"faces/point_map", {6, 6, 10}},
                                                                               {"faces/point_weight", {6, 6}},
                                                                               {"rnn/next", {12}},
                                                                               {"rnn/sequence", {12, 2}},
                                                                               {"rnn/text", {12}}};
  absl::flat_hash_map<std::string, Shape> dims;
  const std::vector<std::string> path = absl::StrSplit(model.path, '/');
  if (path.size() < 2) return dims;
  for (const Input& input : model.model.model().input()) {
    if (std::count(input.dims().begin(), input.dims().end(), -1) == 0) continue;
    const auto found = kDims->find(absl::StrCat(path[path.size() - 2], "/", input.name()));
    if (found != kDims->end()) dims[input.name()] = found->second;
  }
  return dims;
}

}  // namespace gradus
