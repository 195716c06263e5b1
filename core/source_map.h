// Where each field of a parsed message was written. Keys are field paths, not pointers, so a map stays true for copies
// of the message: "layer[3].conv.kernel[0]"; the name of an extension is a part in brackets:
// "layer[3].[acme.roi_align].size". A path that the text does not hold (a field left at its default) is looked up at
// its nearest enclosing field that it does: then the layer, at last the file.
//
// A value; safe to read from several threads. Some 40 bytes a field.
#ifndef GRADUS_CORE_SOURCE_MAP_H_
#define GRADUS_CORE_SOURCE_MAP_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/source_location.h"

namespace gradus {

// One part of a path: a field's name, or an extension's in brackets; and the element of a repeated field, or -1.
struct PathPart {
  absl::string_view name;
  int index = -1;
};

// The parts of a path, as views into it.
absl::StatusOr<std::vector<PathPart>> ParsePath(absl::string_view path);

class SourceMap {
 public:
  using Node = int32_t;
  static constexpr Node kRoot = 0;

  struct Position {
    int32_t line = 0;    // 1-based; 0: the whole file
    int32_t column = 0;  // 1-based
  };

  // Knows nothing: every place is "<code>".
  SourceMap() = default;

  // Knows the file, and no field yet. `file` is the name that messages show.
  explicit SourceMap(std::string file);

  // The place of the innermost known field that encloses `path`; that of the file for "" and for what is no path.
  SourceLocation Lookup(absl::string_view path) const;

  // The place of exactly this path, if it is known.
  std::optional<SourceLocation> Find(absl::string_view path) const;

  // How much of `path` is known: its fields and elements, counted from the front.
  int KnownDepth(absl::string_view path) const;

  // From now on `path` and everything below it come from `place`, a name like "--set=seed=3".
  void Override(absl::string_view path, const std::string& place);

  // For those who read a text: adds a field of the message at `message`, or an element of the repeated field at
  // `field`. Adding what is known gives the known node.
  Node AddField(Node message, absl::string_view name, Position position);
  Node AddElement(Node field, int index, Position position);

 private:
  struct Place {
    int32_t file = 0;
    Position position;
  };

  Node Add(Node parent, int32_t part, const Place& place);
  Node Child(Node parent, int32_t part) const;  // -1: unknown
  // The deepest known node of a path.
  struct Found {
    Node node = kRoot;
    int depth = 0;
    bool exact = false;
  };
  Found Walk(absl::string_view path) const;
  int32_t NameId(absl::string_view name);
  SourceLocation Location(Node node) const;

  std::vector<std::shared_ptr<const std::string>> files_;
  std::vector<Place> places_;                        // by node; empty: nothing is known
  absl::flat_hash_map<std::string, int32_t> names_;  // a part is a name's number, or ~index of an element
  absl::flat_hash_map<std::pair<Node, int32_t>, Node> children_;
};

}  // namespace gradus

#endif  // GRADUS_CORE_SOURCE_MAP_H_
