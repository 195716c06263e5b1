#include "graph/import.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/named_file.h"
#include "core/text_proto.h"
#include "graph/names.h"

namespace gradus {
namespace {

constexpr size_t kMostFiles = 100;

std::string Normal(const std::string& path) { return std::filesystem::path(path).lexically_normal().string(); }

class Importer {
 public:
  absl::StatusOr<Imports> Import(const Model& model, const SourceMap& source, const std::string& path) {
    seen_.insert(Normal(path));
    ImportAll(model, source, path);
    if (!errors_.empty()) return absl::InvalidArgumentError(absl::StrJoin(errors_, "\n"));
    return std::move(imports_);
  }

 private:
  // Depth first; never deeper than there may be files.
  void ImportAll(const Model& model, const SourceMap& source, const std::string& path) {
    open_.push_back(path);
    for (int i = 0; i < model.import_size(); ++i) {
      ImportOne(model.import(i), source.Lookup(ElementPath("import", i)), path);
    }
    open_.pop_back();
  }

  void ImportOne(const std::string& name, const SourceLocation& where, const std::string& importer) {
    const absl::Status length = CheckPathLength(name, where, "import");
    if (!length.ok()) return Keep(length);
    if (name.empty()) return Keep(ErrorAt(where, "import names no file"));
    const std::string path = PathBeside(importer, name), normal = Normal(path);
    const auto open =
        std::find_if(open_.begin(), open_.end(), [&](const std::string& p) { return Normal(p) == normal; });
    if (open != open_.end()) {
      std::vector<std::string> cycle(open, open_.end());
      cycle.push_back(path);
      return Keep(ErrorAt(where, absl::StrCat("imports form a cycle: ", absl::StrJoin(cycle, " -> "))));
    }
    if (!seen_.insert(normal).second) return;
    if (seen_.size() > kMostFiles) {
      if (seen_.size() == kMostFiles + 1) {
        Keep(ErrorAt(where, absl::StrCat("more than ", kMostFiles, " files are imported")));
      }
      return;
    }
    absl::StatusOr<std::string> text = ReadNamedFile(path);
    if (!text.ok()) return Keep(ErrorAt(where, absl::StrCat("import: ", text.status().message())));
    ImportedModel imported;
    absl::StatusOr<SourceMap> source = ParseText(*text, path, &imported.model);
    if (!source.ok()) return Keep(source.status());
    imported.source = *std::move(source);
    ImportAll(imported.model, imported.source, path);
    imports_.models.push_back(std::move(imported));
    imports_.texts.push_back({path, *std::move(text)});
  }

  void Keep(const absl::Status& status) { errors_.push_back(std::string(status.message())); }

  Imports imports_;
  absl::flat_hash_set<std::string> seen_;
  std::vector<std::string> open_;  // files whose imports are being read, outermost first
  std::vector<std::string> errors_;
};

}  // namespace

absl::StatusOr<Imports> ReadImports(const Model& model, const SourceMap& source, const std::string& path) {
  return Importer().Import(model, source, path);
}

}  // namespace gradus
