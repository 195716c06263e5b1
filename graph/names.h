// Names of layers in their scopes, and what the names in a text refer to.
//
// A scope is the model, one copy of a block, or the inside of a composite layer: it has the prefix that its layers'
// full names begin with ("stage4/2/res/"). A name in a text is looked up in its scope, then in those around it, but not
// beyond a block: a block sees its own layers and inputs only.
#ifndef GRADUS_GRAPH_NAMES_H_
#define GRADUS_GRAPH_NAMES_H_

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "graph/origin.h"

namespace gradus {

// "layer[3]".
std::string ElementPath(absl::string_view field, int index);

// "layer 'conv1'", "a layer without a name".
std::string Called(absl::string_view what, absl::string_view name);

// What is wrong with the characters of a name, or "".
std::string NameMistake(absl::string_view name, bool may_have_dots);

// "conv1.final_state" -> {"conv1", "final_state"}; "conv1" -> {"conv1", ""}. Only for names that are not an input's.
struct OutputName {
  absl::string_view layer;
  absl::string_view output;
};
OutputName SplitOutputName(absl::string_view name);

// Whoever gives a value a name.
struct Producer {
  enum Kind {
    kInput,     // of the model
    kLayer,     // of the expanded model
    kAlias,     // another name of what a reference leads to: a use, an input of a block
    kVariable,  // no value, but a name
    kCircle,    // no value: aliases that lead to each other
    kBroken,    // a mistake that has been told
  };
  Kind kind = kBroken;
  int index = -1;  // of the input, layer, reference or variable
};

// A name as it stands in a text.
struct Reference {
  std::string name;
  int scope = 0;
  Origin where;
};

// Not thread-safe.
class Names {
 public:
  static constexpr int kModel = 0;  // the scope of the model
  static constexpr int kNone = -1;

  Names() { AddScope("", kNone); }

  // `around`: the scope in which its names are looked up next, or kNone.
  int AddScope(std::string prefix, int around);
  const std::string& prefix(int scope) const { return scopes_[scope].prefix; }

  // Gives a new name, local to `scope`, a meaning; returns its number, which a full name that is known keeps.
  struct Added {
    int entry;
    bool is_new;
  };
  Added Add(absl::string_view name, int scope, Producer producer, Origin where);
  void Set(int entry, Producer producer) { entries_[entry].producer = producer; }
  const Origin& where(int entry) const { return entries_[entry].where; }

  // A name that is to be looked up later; its number.
  int AddReference(Reference reference);
  // A reference to a thing that is known.
  int AddReference(Producer producer);
  const Reference& reference(int index) const { return references_[index].reference; }

  // What a name in `scope` refers to: nothing, or a producer that is no alias. `output`: what follows its dot, if it is
  // that of a second output.
  struct Found {
    Producer producer;
    std::string output;
  };
  std::optional<Found> Find(absl::string_view name, int scope) const { return Find(name, scope, 0); }
  std::optional<Found> Resolve(int reference) const { return Resolve(reference, 0); }

  // The number of the name itself, or kNone.
  int FindEntry(absl::string_view name, int scope) const;

  // "; did you mean 'conv1'?" of the names that can be seen from `scope`.
  std::string Suggest(absl::string_view name, int scope) const;

 private:
  struct Scope {
    std::string prefix;
    int around;
  };
  struct Entry {
    std::string name;  // local
    int scope;
    Producer producer;
    Origin where;
  };
  struct Pending {
    Reference reference;
    Producer known;  // unless kBroken
  };
  std::optional<Found> Find(absl::string_view name, int scope, int depth) const;
  std::optional<Found> Resolve(int reference, int depth) const;

  std::vector<Scope> scopes_;
  std::vector<Entry> entries_;
  std::vector<Pending> references_;
  absl::flat_hash_map<std::string, int> by_full_name_;
};

}  // namespace gradus

#endif  // GRADUS_GRAPH_NAMES_H_
