#include "data/dataset.h"

#include "absl/strings/str_cat.h"

namespace gradus {

absl::Status Dataset::ReadImageFile(int64_t, size_t column, std::string*, std::string*) const {
  return absl::UnimplementedError(
      absl::StrCat("column '", columns()[column].name, "' has image files, but its data set gives none"));
}

}  // namespace gradus
