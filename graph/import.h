// The files that a model imports for their blocks.
#ifndef GRADUS_GRAPH_IMPORT_H_
#define GRADUS_GRAPH_IMPORT_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/source_map.h"
#include "graph/load_model.h"
#include "proto/model.pb.h"

namespace gradus {

struct Imports {
  std::vector<ImportedModel> models;
  std::vector<SourceText> texts;  // of the same files
};

// Reads what `model`, the file `path`, imports, and what those files do: each once, whoever imports it. Errors: files
// that there are not, cycles, every mistake of their texts; all of them, one per line.
absl::StatusOr<Imports> ReadImports(const Model& model, const SourceMap& source, const std::string& path);

}  // namespace gradus

#endif  // GRADUS_GRAPH_IMPORT_H_
