#include "core/error_list.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace gradus {

void ErrorList::Add(const SourceLocation& where, absl::string_view message) {
  if (full()) {
    ++unprinted_;
    return;
  }
  lines_.push_back(absl::StrCat(where.ToString(), ": ", message));
}

absl::Status ErrorList::ToStatus() const {
  if (empty()) return absl::OkStatus();
  std::string text = absl::StrJoin(lines_, "\n");
  if (unprinted_ > 0) absl::StrAppend(&text, "\n... and ", unprinted_, " more");
  return absl::InvalidArgumentError(text);
}

}  // namespace gradus
