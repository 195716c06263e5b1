#include "graph/load_model.h"

#include <utility>

#include "core/status_macros.h"
#include "core/text_proto.h"

namespace gradus {

absl::StatusOr<LoadedModel> LoadModel(const std::string& path) {
  LoadedModel loaded;
  GRADUS_ASSIGN_OR_RETURN(TextFile file, ParseTextFile(path, &loaded.written));
  GRADUS_ASSIGN_OR_RETURN(loaded.model, ExpandModel(loaded.written, file.source));
  loaded.source = std::move(file.source);
  loaded.path = path;
  loaded.text = std::move(file.text);
  return loaded;
}

absl::StatusOr<LoadedModel> LoadModelText(absl::string_view text, const std::string& name) {
  LoadedModel loaded;
  GRADUS_ASSIGN_OR_RETURN(loaded.source, ParseText(text, name, &loaded.written));
  GRADUS_ASSIGN_OR_RETURN(loaded.model, ExpandModel(loaded.written, loaded.source));
  loaded.path = name;
  loaded.text = std::string(text);
  return loaded;
}

absl::StatusOr<LoadedModel> ModelFromProto(const Model& model) {
  LoadedModel loaded;
  loaded.written = model;
  GRADUS_ASSIGN_OR_RETURN(loaded.model, ExpandModel(model, SourceMap()));
  return loaded;
}

}  // namespace gradus
