#include "core/nearest_name.h"

#include <algorithm>
#include <cctype>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace gradus {
namespace {

constexpr int kEdit = 10;
constexpr int kCase = 1;

int Cost(unsigned char x, unsigned char y) {
  if (x == y) return 0;
  return std::tolower(x) == std::tolower(y) ? kCase : kEdit;
}

// The optimal-string-alignment distance, times kEdit.
int Distance(absl::string_view a, absl::string_view b) {
  const size_t n = a.size(), m = b.size();
  std::vector<std::vector<int>> d(n + 1, std::vector<int>(m + 1));
  for (size_t i = 0; i <= n; ++i) d[i][0] = static_cast<int>(i) * kEdit;
  for (size_t j = 0; j <= m; ++j) d[0][j] = static_cast<int>(j) * kEdit;
  for (size_t i = 1; i <= n; ++i) {
    for (size_t j = 1; j <= m; ++j) {
      d[i][j] = std::min({d[i - 1][j] + kEdit, d[i][j - 1] + kEdit, d[i - 1][j - 1] + Cost(a[i - 1], b[j - 1])});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + kEdit);
      }
    }
  }
  return d[n][m];
}

}  // namespace

std::string NearestName(absl::string_view name, absl::Span<const std::string> candidates) {
  constexpr size_t kLongest = 200;  // the distance is quadratic; nobody misspells a longer name by a letter
  std::string best;
  if (name.size() > kLongest) return best;
  int best_distance = 0;
  for (const std::string& candidate : candidates) {
    if (candidate.size() > kLongest || candidate == name) continue;  // the name itself would be no help
    const int longest = static_cast<int>(std::max(candidate.size(), name.size()));
    const int shortest = static_cast<int>(std::min(candidate.size(), name.size()));
    const int limit = kEdit * std::max(2, longest / 3);
    if (kEdit * (longest - shortest) > limit) continue;  // so many insertions at least
    const int distance = Distance(name, candidate);
    if (distance > limit || distance >= kEdit * longest) continue;
    if (best.empty() || distance < best_distance) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

std::string Suggestion(absl::string_view name, absl::Span<const std::string> candidates, size_t list_up_to) {
  const std::string nearest = NearestName(name, candidates);
  if (!nearest.empty()) return absl::StrCat("; did you mean '", nearest, "'?");
  if (candidates.empty() || candidates.size() > list_up_to) return "";
  return absl::StrCat("; known: ", absl::StrJoin(candidates, ", "));
}

}  // namespace gradus
