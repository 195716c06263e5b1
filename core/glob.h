// Patterns over names like "stage4/2/conv/weights":
//
//   ?    one character, but not '/'
//   *    any number of characters within a part, none included
//   **   any number of characters, '/' included; "**/" at the beginning of a part also matches nothing, so "**/bias"
//        matches "bias" and "conv1/bias"
//
// Everything else is itself. A pattern matches whole names. Time: length of the pattern x length of the name, at most.
// Values; safe to share between threads.
#ifndef GRADUS_CORE_GLOB_H_
#define GRADUS_CORE_GLOB_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace gradus {

class Glob {
 public:
  // Refuses an empty pattern, and characters that no name has (letters, digits and "_-+./" are allowed).
  static absl::StatusOr<Glob> Parse(absl::string_view pattern);

  bool Matches(absl::string_view name) const;

  const std::string& pattern() const { return pattern_; }

 private:
  enum class Kind : uint8_t { kLiteral, kAny, kStar, kDoubleStar, kFolders };
  struct Item {
    Kind kind;
    char literal;
  };

  explicit Glob(absl::string_view pattern);

  std::string pattern_;
  std::vector<Item> items_;
};

// The indices of the names that match `pattern`, in order; an error if there are none: "pattern '**/bais' matches no
// parameter; did you mean 'bias'?". `what` is what the names are: "parameter".
absl::StatusOr<std::vector<size_t>> MatchNames(absl::string_view pattern, absl::Span<const std::string> names,
                                               absl::string_view what);

}  // namespace gradus

#endif  // GRADUS_CORE_GLOB_H_
