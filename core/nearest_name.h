// The suggestion in "no layer 'convl'; did you mean 'conv1'?".
#ifndef GRADUS_CORE_NEAREST_NAME_H_
#define GRADUS_CORE_NEAREST_NAME_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace gradus {

// The candidate with the fewest edits (insertion, deletion, substitution, swap of neighbours) from `name`, or "" when
// none is near: more edits than a third of the longer name, at least 2. Case counts as a tenth of an edit.
std::string NearestName(absl::string_view name, absl::Span<const std::string> candidates);

// "; did you mean 'conv1'?", or "; known: a, b, c" when none is near and there are at most `list_up_to`, or "".
std::string Suggestion(absl::string_view name, absl::Span<const std::string> candidates, size_t list_up_to = 12);

}  // namespace gradus

#endif  // GRADUS_CORE_NEAREST_NAME_H_
