#include "graph/load_model.h"

#include <google/protobuf/text_format.h>

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/named_file.h"
#include "core/status_macros.h"
#include "core/text_proto.h"
#include "graph/import.h"

namespace gradus {
namespace {

absl::StatusOr<LoadedModel> Load(std::string text, const std::string& path) {
  LoadedModel loaded;
  GRADUS_ASSIGN_OR_RETURN(loaded.source, ParseText(text, path, &loaded.written));
  GRADUS_ASSIGN_OR_RETURN(Imports imports, ReadImports(loaded.written, loaded.source, path));
  GRADUS_ASSIGN_OR_RETURN(loaded.model, ExpandModel(loaded.written, loaded.source, imports.models));
  loaded.path = path;
  loaded.text = std::move(text);
  loaded.imports = std::move(imports.texts);
  return loaded;
}

}  // namespace

absl::StatusOr<LoadedModel> LoadModel(const std::string& path) {
  GRADUS_ASSIGN_OR_RETURN(std::string text, ReadNamedFile(path));
  return Load(std::move(text), path);
}

absl::StatusOr<LoadedModel> LoadModelText(absl::string_view text, const std::string& name) {
  return Load(std::string(text), name);
}

absl::StatusOr<LoadedModel> ModelFromProto(const Model& model) {
  if (!model.import().empty()) {
    return absl::InvalidArgumentError("a model that is built in code imports no files; add their blocks to it");
  }
  LoadedModel loaded;
  loaded.written = model;
  GRADUS_ASSIGN_OR_RETURN(loaded.model, ExpandModel(model, SourceMap()));
  return loaded;
}

std::string PrintExpanded(const ExpandedModel& model) {
  using google::protobuf::FieldDescriptor;
  google::protobuf::TextFormat::Printer printer;
  printer.SetSingleLineMode(true);
  printer.SetUseShortRepeatedPrimitives(true);
  std::string text = "# proto-file: proto/model.proto\n# proto-message: gradus.Model\n";
  const Model& printed = model.model();
  std::vector<const FieldDescriptor*> fields;
  printed.GetReflection()->ListFields(printed, &fields);
  for (const FieldDescriptor* field : fields) {
    const int size = field->is_repeated() ? printed.GetReflection()->FieldSize(printed, field) : 1;
    for (int i = 0; i < size; ++i) {
      std::string value;
      printer.PrintFieldValueToString(printed, field, field->is_repeated() ? i : -1, &value);
      const bool message = field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE;
      absl::StrAppend(&text, field->name(), message ? " { " : ": ", value, message ? "}" : "", "\n");
    }
  }
  return text;
}

}  // namespace gradus
