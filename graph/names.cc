#include "graph/names.h"

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/nearest_name.h"

namespace gradus {

std::string ElementPath(absl::string_view field, int index) { return absl::StrCat(field, "[", index, "]"); }

std::string Called(absl::string_view what, absl::string_view name) {
  return name.empty() ? absl::StrCat("a ", what, " without a name") : absl::StrCat(what, " '", name, "'");
}

std::string NameMistake(absl::string_view name, bool may_have_dots) {
  constexpr size_t kLongest = 1000;
  if (name.size() > kLongest) return absl::StrCat("has a name of ", name.size(), " characters; at most ", kLongest);
  for (size_t i = 0; i < name.size(); ++i) {
    if (absl::ascii_isalnum(name[i]) || absl::StrContains(may_have_dots ? "_-+/." : "_-+/", name[i])) continue;
    size_t end = i + 1;  // of the character, in UTF-8
    while (end < name.size() && (name[end] & 0xc0) == 0x80) ++end;
    return absl::StrCat("has '", name.substr(i, end - i), "' in its name; allowed are letters, digits and ",
                        may_have_dots ? "_ - + / ." : "_ - + /");
  }
  if (absl::StartsWith(name, "/") || absl::EndsWith(name, "/") || absl::StrContains(name, "//")) {
    return "has an empty part in its name, before, after or between '/'";
  }
  return "";
}

OutputName SplitOutputName(absl::string_view name) {
  const size_t dot = name.rfind('.');
  if (dot == absl::string_view::npos || dot == 0 || dot + 1 == name.size()) return {name, ""};
  return {name.substr(0, dot), name.substr(dot + 1)};
}

int Names::AddScope(std::string prefix, int around) {
  scopes_.push_back({std::move(prefix), around});
  return static_cast<int>(scopes_.size()) - 1;
}

Names::Added Names::Add(absl::string_view name, int scope, Producer producer, Origin where) {
  const auto [known, added] =
      by_full_name_.try_emplace(absl::StrCat(scopes_[scope].prefix, name), static_cast<int>(entries_.size()));
  if (added) entries_.push_back({std::string(name), scope, producer, std::move(where)});
  return {known->second, added};
}

int Names::AddReference(Reference reference) {
  references_.push_back({std::move(reference), Producer()});
  return static_cast<int>(references_.size()) - 1;
}

int Names::AddReference(Producer producer) {
  references_.push_back({Reference(), producer});
  return static_cast<int>(references_.size()) - 1;
}

int Names::FindEntry(absl::string_view name, int scope) const {
  if (name.empty()) return kNone;
  for (; scope != kNone; scope = scopes_[scope].around) {
    const auto found = by_full_name_.find(absl::StrCat(scopes_[scope].prefix, name));
    if (found != by_full_name_.end()) return found->second;
  }
  return kNone;
}

// An alias leads to another as often as blocks are nested, unless they lead in a circle.
std::optional<Names::Found> Names::Find(absl::string_view name, int scope, int depth) const {
  std::string output;
  int number = FindEntry(name, scope);
  if (number == kNone) {
    const OutputName parts = SplitOutputName(name);
    if (parts.output.empty()) return std::nullopt;
    number = FindEntry(parts.layer, scope);
    if (number == kNone || entries_[number].producer.kind == Producer::kInput) return std::nullopt;
    output = std::string(parts.output);
  }
  const Producer producer = entries_[number].producer;
  if (producer.kind != Producer::kAlias) return Found{producer, output};
  std::optional<Found> found = Resolve(producer.index, depth + 1);
  if (!found.has_value()) return Found{Producer(), ""};  // told where the reference stands
  if (!output.empty()) found->output = output;
  return found;
}

std::optional<Names::Found> Names::Resolve(int reference, int depth) const {
  constexpr int kDeepest = 500;
  if (depth > kDeepest) return Found{{Producer::kCircle, -1}, ""};
  const Pending& pending = references_[reference];
  if (pending.known.kind == Producer::kAlias) return Resolve(pending.known.index, depth + 1);
  if (pending.known.kind != Producer::kBroken) return Found{pending.known, ""};
  if (pending.reference.name.empty()) return Found{Producer(), ""};
  return Find(pending.reference.name, pending.reference.scope, depth);
}

std::string Names::Suggest(absl::string_view name, int scope) const {
  std::vector<std::string> names;
  for (; scope != kNone; scope = scopes_[scope].around) {
    for (const Entry& entry : entries_) {
      if (entry.scope == scope && !entry.name.empty()) names.push_back(entry.name);
    }
  }
  return Suggestion(name, names);
}

}  // namespace gradus
