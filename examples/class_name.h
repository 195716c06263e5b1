// What a class is called. Thread-safe.
#ifndef GRADUS_EXAMPLES_CLASS_NAME_H_
#define GRADUS_EXAMPLES_CLASS_NAME_H_

#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"

namespace gradus {

// "seven", or "7" where the names do not go so far.
inline std::string ClassName(absl::Span<const std::string> names, int64_t label) {
  return label >= 0 && label < static_cast<int64_t>(names.size()) ? names[label] : absl::StrCat(label);
}

}  // namespace gradus

#endif  // GRADUS_EXAMPLES_CLASS_NAME_H_
