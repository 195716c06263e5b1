// Where in a user's file a thing was written. A location is a chain: the line itself, and, for what a block stamped
// out, the line of the use that stamped it. Immutable and cheap to copy; safe to share between threads.
#ifndef GRADUS_CORE_SOURCE_LOCATION_H_
#define GRADUS_CORE_SOURCE_LOCATION_H_

#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace gradus {

struct SourceLocation {
  std::shared_ptr<const std::string> file;     // null: built in code
  int line = 0;                                // 1-based; 0: the whole file
  int column = 0;                              // 1-based; 0: the whole line
  std::shared_ptr<const SourceLocation> used;  // the `use` that stamped this out, if any

  bool known() const { return file != nullptr; }

  // "lenet.textproto:9:24", or "<code>" for what was built in code.
  std::string ToString() const {
    if (!known()) return "<code>";
    std::string text = *file;
    if (line > 0) absl::StrAppend(&text, ":", line);
    if (line > 0 && column > 0) absl::StrAppend(&text, ":", column);
    for (const SourceLocation* outer = used.get(); outer != nullptr; outer = outer->used.get()) {
      absl::StrAppend(&text, " (used at ", *outer->file, ":", outer->line, ":", outer->column, ")");
    }
    return text;
  }
};

// An InvalidArgument whose message starts with the place.
inline absl::Status ErrorAt(const SourceLocation& where, absl::string_view message) {
  return absl::InvalidArgumentError(absl::StrCat(where.ToString(), ": ", message));
}

}  // namespace gradus

#endif  // GRADUS_CORE_SOURCE_LOCATION_H_
