// Where the layers of an expanded model were written: in which file, under which path, and by whose use.
// Values; safe to read from several threads.
#ifndef GRADUS_GRAPH_ORIGIN_H_
#define GRADUS_GRAPH_ORIGIN_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "core/error_list.h"
#include "core/source_location.h"
#include "core/source_map.h"

namespace gradus {

// A field that an argument of a use has set, by its path in the file, and the argument's place.
struct BoundField {
  std::string path;
  std::shared_ptr<const SourceLocation> argument;
};

// The copy of a block to which a layer belongs; null for what stands in the model itself.
struct Stamp {
  SourceLocation used;  // the use
  std::vector<BoundField> bound;
};

struct Origin {
  int file = 0;      // of the model's files: 0 is the model's own
  std::string path;  // "block[1].layer[0].residual.layer[2]"
  std::shared_ptr<const Stamp> stamp;

  std::string Path(absl::string_view field) const;
};

// The place of `field` ("conv.kernel[0]"; "" is the thing itself) of what was written at `origin`. What a block stamped
// out has the place of its use besides: of the argument, for a field that one has set.
SourceLocation PlaceOf(absl::Span<const SourceMap> files, const Origin& origin, absl::string_view field);

// Whether an argument has set that field, or a message around it.
bool IsBound(const Origin& origin, absl::string_view field);

// What stands in the model's own file.
inline Origin InModel(std::string path) { return Origin{0, std::move(path), nullptr}; }

// The mistakes of a model. What is wrong in a block is told once, though it is wrong in each copy.
class MistakeList {
 public:
  // Borrows the places.
  explicit MistakeList(absl::Span<const SourceMap> files) : files_(files) {}

  void Add(const Origin& origin, absl::string_view field, absl::string_view message);
  SourceLocation Place(const Origin& origin, absl::string_view field) const { return PlaceOf(files_, origin, field); }
  bool full() const { return errors_.full(); }
  // Whether Add would leave a mistake at this place out, since another copy of the block has it.
  bool IsTold(const Origin& origin, absl::string_view field) const;
  absl::Status ToStatus() const { return errors_.ToStatus(); }

 private:
  absl::Span<const SourceMap> files_;
  ErrorList errors_;
  absl::flat_hash_map<std::pair<int, std::string>, std::shared_ptr<const Stamp>> told_in_;  // by file and path
};

}  // namespace gradus

#endif  // GRADUS_GRAPH_ORIGIN_H_
