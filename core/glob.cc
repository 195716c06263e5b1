#include "core/glob.h"

#include <algorithm>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "core/nearest_name.h"
#include "core/status_macros.h"

namespace gradus {
namespace {

constexpr absl::string_view kWildcards = "*?";
constexpr absl::string_view kOthers = "_-+./";

bool IsAllowed(char c) {
  return absl::ascii_isalnum(c) || absl::StrContains(kOthers, c) || absl::StrContains(kWildcards, c);
}

// For a pattern that matches nothing: its first literal part that no name has, if it is like one that some name has;
// else the whole name that is nearest.
std::string SuggestName(absl::string_view pattern, absl::Span<const std::string> names) {
  absl::flat_hash_set<absl::string_view> known;
  for (const std::string& name : names) {
    for (absl::string_view part : absl::StrSplit(name, '/')) known.insert(part);
  }
  std::vector<std::string> parts(known.begin(), known.end());
  std::sort(parts.begin(), parts.end());
  for (absl::string_view part : absl::StrSplit(pattern, '/')) {
    if (part.find_first_of(kWildcards) != absl::string_view::npos || known.contains(part)) continue;
    const std::string nearest = NearestName(part, parts);
    if (!nearest.empty()) return absl::StrCat("; did you mean '", nearest, "'?");
  }
  return Suggestion(pattern, names);
}

}  // namespace

absl::StatusOr<Glob> Glob::Parse(absl::string_view pattern) {
  if (pattern.empty()) return absl::InvalidArgumentError("a pattern is empty: '**' matches everything");
  for (char c : pattern) {
    if (IsAllowed(c)) continue;
    return absl::InvalidArgumentError(absl::StrCat("pattern '", pattern, "' has '", std::string(1, c),
                                                   "', which no name has; wildcards are '*', '**' and '?'"));
  }
  return Glob(pattern);
}

Glob::Glob(absl::string_view pattern) : pattern_(pattern) {
  size_t i = 0;
  while (i < pattern.size()) {
    if (pattern[i] == '?') {
      items_.push_back({Kind::kAny, '\0'});
      ++i;
    } else if (pattern[i] != '*') {
      items_.push_back({Kind::kLiteral, pattern[i]});
      ++i;
    } else {
      const bool part_begins = i == 0 || pattern[i - 1] == '/';
      const size_t end = std::min(pattern.find_first_not_of('*', i), pattern.size());
      const size_t stars = end - i;
      const bool folders = stars > 1 && part_begins && end < pattern.size() && pattern[end] == '/';
      items_.push_back({folders ? Kind::kFolders : stars > 1 ? Kind::kDoubleStar : Kind::kStar, '\0'});
      i = end + (folders ? 1 : 0);
    }
  }
}

// Keeps the set of items that the rest of the name may start to match, and moves it along the name, one character at a
// time: states[i] says that items i, i + 1, ... may match the rest. A star passes on without a character, and stays.
bool Glob::Matches(absl::string_view name) const {
  const size_t count = items_.size();
  const auto pass_on = [&](std::vector<char>& states, bool part_begins) {
    for (size_t i = 0; i < count; ++i) {
      const Kind kind = items_[i].kind;
      const bool may_be_empty =
          kind == Kind::kStar || kind == Kind::kDoubleStar || (kind == Kind::kFolders && part_begins);
      if (states[i] && may_be_empty) states[i + 1] = 1;
    }
  };
  std::vector<char> states(count + 1, 0), next(count + 1);
  states[0] = 1;
  pass_on(states, /*part_begins=*/true);
  for (char c : name) {
    std::fill(next.begin(), next.end(), 0);
    for (size_t i = 0; i < count; ++i) {
      if (!states[i]) continue;
      switch (items_[i].kind) {
        case Kind::kLiteral:
          next[i + 1] |= c == items_[i].literal;
          break;
        case Kind::kAny:
          next[i + 1] |= c != '/';
          break;
        case Kind::kStar:
          next[i] |= c != '/';
          break;
        case Kind::kDoubleStar:
        case Kind::kFolders:
          next[i] = 1;
          break;
      }
    }
    std::swap(states, next);
    pass_on(states, /*part_begins=*/c == '/');
  }
  return states[count] != 0;
}

absl::StatusOr<std::vector<size_t>> MatchNames(absl::string_view pattern, absl::Span<const std::string> names,
                                               absl::string_view what) {
  GRADUS_ASSIGN_OR_RETURN(const Glob glob, Glob::Parse(pattern));
  std::vector<size_t> matches;
  for (size_t i = 0; i < names.size(); ++i) {
    if (glob.Matches(names[i])) matches.push_back(i);
  }
  if (!matches.empty()) return matches;
  return absl::InvalidArgumentError(
      absl::StrCat("pattern '", pattern, "' matches no ", what, SuggestName(pattern, names)));
}

}  // namespace gradus
