#include "examples/text_table.h"

#include <algorithm>
#include <cstddef>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace gradus {
namespace {

constexpr absl::string_view kGap = "  ";

// Characters of UTF-8 text: bytes that do not continue one.
size_t Width(absl::string_view text) {
  return std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; });
}

}  // namespace

std::string TextTable::ToString() const {
  std::vector<size_t> widths(columns_.size(), 0);
  for (const std::vector<std::string>& row : rows_) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], Width(row[i]));
  }
  size_t total = kGap.size() * (widths.size() - 1);
  for (size_t width : widths) total += width;

  std::string text;
  for (const std::vector<std::string>& row : rows_) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      const std::string blanks(widths[i] - Width(row[i]), ' ');
      const bool left = columns_[i] == Align::kLeft;
      absl::StrAppend(&line, i == 0 ? "" : kGap, left ? row[i] : blanks, left ? blanks : row[i]);
    }
    if (row.empty()) line.assign(total, '-');
    absl::StrAppend(&text, absl::StripTrailingAsciiWhitespace(line), "\n");
  }
  return text;
}

}  // namespace gradus
