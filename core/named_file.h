// Files that a user has named, in a flag or in another file.
#ifndef GRADUS_CORE_NAMED_FILE_H_
#define GRADUS_CORE_NAMED_FILE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/source_location.h"

namespace gradus {

// The text of a file of the language, at most kMaxTextBytes. NotFound says which file of the folder may be meant.
absl::StatusOr<std::string> ReadNamedFile(const std::string& path);

// An error at `where` if no path can be that long. `what` names the field.
absl::Status CheckPathLength(absl::string_view path, const SourceLocation& where, absl::string_view what);

// Where a path that is written in `file` leads: it starts from the file's folder.
std::string PathBeside(absl::string_view file, const std::string& path);

}  // namespace gradus

#endif  // GRADUS_CORE_NAMED_FILE_H_
