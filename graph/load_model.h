// From a model file to an expanded model, with every mistake of the text at once.
#ifndef GRADUS_GRAPH_LOAD_MODEL_H_
#define GRADUS_GRAPH_LOAD_MODEL_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/source_map.h"
#include "graph/expand.h"

namespace gradus {

struct SourceText {
  std::string path;
  std::string text;  // as read, byte for byte
};

struct LoadedModel {
  ExpandedModel model;
  SourceMap source;  // of the text as written; param_groups cite it
  Model written;
  std::string path;
  std::string text;                 // as read, byte for byte
  std::vector<SourceText> imports;  // the files that it imports, and those that they do, each once
};

absl::StatusOr<LoadedModel> LoadModel(const std::string& path);

// The same for text in memory; `name` is what places show, and where paths of imports start.
absl::StatusOr<LoadedModel> LoadModelText(absl::string_view text, const std::string& name);

// The same for a model that was built in code, which imports nothing.
absl::StatusOr<LoadedModel> ModelFromProto(const Model& model);

// The expanded model as a file: a comment, then a line for each layer. Read again, it gives the same graph.
std::string PrintExpanded(const ExpandedModel& model);

}  // namespace gradus

#endif  // GRADUS_GRAPH_LOAD_MODEL_H_
