#include "graph/origin.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace gradus {
namespace {

// Whether `path` is `field` or lies below it.
bool IsWithin(absl::string_view path, absl::string_view field) {
  if (!absl::StartsWith(path, field)) return false;
  return path.size() == field.size() || path[field.size()] == '.' || path[field.size()] == '[';
}

}  // namespace

std::string Origin::Path(absl::string_view field) const {
  if (path.empty() || field.empty()) return absl::StrCat(path, field);
  return absl::StrCat(path, ".", field);
}

SourceLocation PlaceOf(absl::Span<const SourceMap> files, const Origin& origin, absl::string_view field) {
  const std::string path = origin.Path(field);
  SourceLocation place = files[origin.file].Lookup(path);
  if (origin.stamp == nullptr) return place;
  for (const BoundField& bound : origin.stamp->bound) {
    if (IsWithin(path, bound.path)) place.used = bound.argument;
  }
  if (place.used == nullptr) place.used = std::shared_ptr<const SourceLocation>(origin.stamp, &origin.stamp->used);
  return place;
}

bool IsBound(const Origin& origin, absl::string_view field) {
  if (origin.stamp == nullptr) return false;
  const std::string path = origin.Path(field);
  const std::vector<BoundField>& bound = origin.stamp->bound;
  return std::any_of(bound.begin(), bound.end(), [&](const BoundField& b) { return IsWithin(path, b.path); });
}

bool MistakeList::IsTold(const Origin& origin, absl::string_view field) const {
  if (origin.stamp == nullptr) return false;
  const auto first = told_in_.find({origin.file, origin.Path(field)});
  return first != told_in_.end() && first->second != origin.stamp;
}

void MistakeList::Add(const Origin& origin, absl::string_view field, absl::string_view message) {
  if (origin.stamp != nullptr) {
    const auto [first, added] = told_in_.try_emplace({origin.file, origin.Path(field)}, origin.stamp);
    if (!added && first->second != origin.stamp) return;
  }
  errors_.Add(Place(origin, field), message);
}

}  // namespace gradus
