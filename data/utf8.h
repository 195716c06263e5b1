// Text as characters: the code points of UTF-8 (RFC 3629).
#ifndef GRADUS_DATA_UTF8_H_
#define GRADUS_DATA_UTF8_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace gradus {

// The characters of `bytes`, each as its own bytes. An error says at which byte of `name` it is no UTF-8.
absl::StatusOr<std::vector<std::string>> SplitUtf8(absl::string_view bytes, absl::string_view name);

}  // namespace gradus

#endif  // GRADUS_DATA_UTF8_H_
