// The blocks of a model and of the files that it imports, by name, with their params resolved to fields.
#ifndef GRADUS_GRAPH_BLOCKS_H_
#define GRADUS_GRAPH_BLOCKS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "graph/field_path.h"
#include "graph/origin.h"
#include "proto/model.pb.h"

namespace gradus {

// What an argument sets.
struct BlockParam {
  struct Target {
    FieldPath field;
    double times = 1;
  };
  std::string name;
  std::vector<Target> targets;
};

struct BlockEntry {
  const Block* block = nullptr;
  Origin origin;
  std::vector<BlockParam> params;
  int64_t bytes = 0;  // of memory for a copy of the layers
};

// Borrows the models. Not thread-safe.
class BlockTable {
 public:
  // `models`: the model and the files that it imports. Mistakes in blocks that show without their use go to `mistakes`:
  // names, params that lead nowhere, no layers.
  BlockTable(absl::Span<const Model* const> models, MistakeList* mistakes);

  // The block's number, or -1.
  int Find(absl::string_view name) const;
  const BlockEntry& entry(int index) const { return entries_[index]; }

  // All names, for suggestions.
  std::vector<std::string> Names() const;

 private:
  void Add(const Block& block, Origin origin);
  void AddParam(const Block::Param& param, const std::string& path, LayerList* layers, BlockEntry* entry);
  void CheckInputs(const Block& block, const Origin& origin);

  MistakeList* mistakes_;
  std::vector<BlockEntry> entries_;
  absl::flat_hash_map<std::string, int> by_name_;
};

}  // namespace gradus

#endif  // GRADUS_GRAPH_BLOCKS_H_
