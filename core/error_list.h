// The mistakes of one file or several, gathered so that a user sees all of them at once: one per line of one Status.
// A value; not thread-safe.
#ifndef GRADUS_CORE_ERROR_LIST_H_
#define GRADUS_CORE_ERROR_LIST_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "core/source_location.h"

namespace gradus {

class ErrorList {
 public:
  // More mistakes are counted but not printed: a file of garbage shall not fill the screen, or the memory.
  static constexpr size_t kMostPrinted = 100;

  void Add(const SourceLocation& where, absl::string_view message);

  bool empty() const { return errors_.empty(); }

  // True when what is added now will not be printed: a caller may then spare itself costly suggestions.
  bool full() const { return errors_.size() >= kMostPrinted; }

  // OK when empty, else an InvalidArgument of lines "file:line:col: message", in the order of the files' first mistakes
  // and, within a file, of the lines.
  absl::Status ToStatus() const;

 private:
  std::vector<std::pair<SourceLocation, std::string>> errors_;
  int64_t unprinted_ = 0;
};

}  // namespace gradus

#endif  // GRADUS_CORE_ERROR_LIST_H_
