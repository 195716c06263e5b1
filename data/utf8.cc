#include "data/utf8.h"

#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace gradus {
namespace {

// Bytes of the character that begins with these, or 0 when none does: no continuation byte first, no longer form than
// needed, no surrogates, nothing beyond U+10FFFF.
size_t CharacterSize(absl::string_view bytes) {
  const auto at = [&](size_t i) { return static_cast<uint8_t>(bytes[i]); };
  const uint8_t first = at(0);
  if (first < 0x80) return 1;
  const size_t size = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || bytes.size() < size) return 0;
  for (size_t i = 1; i < size; ++i) {
    if ((at(i) & 0xC0) != 0x80) return 0;
  }
  const uint8_t second = at(1);
  const bool wrong = (first == 0xE0 && second < 0xA0) || (first == 0xED && second > 0x9F) ||
                     (first == 0xF0 && second < 0x90) || (first == 0xF4 && second > 0x8F);
  return wrong ? 0 : size;
}

}  // namespace

absl::StatusOr<std::vector<std::string>> SplitUtf8(absl::string_view bytes, absl::string_view name) {
  std::vector<std::string> characters;
  characters.reserve(bytes.size());
  for (size_t at = 0; at < bytes.size();) {
    const size_t size = CharacterSize(bytes.substr(at));
    if (size == 0) return absl::InvalidArgumentError(absl::StrCat(name, ": byte ", at, " is no UTF-8"));
    characters.emplace_back(bytes.substr(at, size));
    at += size;
  }
  return characters;
}

}  // namespace gradus
