#include "core/human.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace gradus {

std::string HumanBytes(int64_t bytes) {
  if (bytes > -1000 && bytes < 1000) return absl::StrCat(bytes, " B");
  double value = static_cast<double>(bytes) / 1000;
  const char* unit = "kMGTPE";
  while (std::abs(value) >= 999.95) {  // what would print as 1000.0
    value /= 1000;
    ++unit;
  }
  return absl::StrFormat("%.1f %cB", value, *unit);
}

std::string HumanCount(int64_t count) {
  std::string digits = absl::StrCat(count);
  const int first = count < 0 ? 1 : 0;
  for (int at = static_cast<int>(digits.size()) - 3; at > first; at -= 3) digits.insert(at, 1, ',');
  return digits;
}

}  // namespace gradus
