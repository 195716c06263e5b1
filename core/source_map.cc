#include "core/source_map.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace gradus {
namespace {

// Takes the name at the front of `rest`: an identifier, or an extension's in brackets. Empty when there is none.
absl::string_view TakeName(absl::string_view* rest) {
  size_t size = 0;
  if (!rest->empty() && rest->front() == '[') {
    const size_t close = rest->find(']');
    size = close == absl::string_view::npos ? 0 : close + 1;
  } else {
    while (size < rest->size() && (absl::ascii_isalnum((*rest)[size]) || (*rest)[size] == '_')) ++size;
  }
  const absl::string_view name = rest->substr(0, size);
  rest->remove_prefix(size);
  return name;
}

}  // namespace

absl::StatusOr<std::vector<PathPart>> ParsePath(absl::string_view path) {
  std::vector<PathPart> parts;
  absl::string_view rest = path;
  const auto error = [&](absl::string_view what) {
    return absl::InvalidArgumentError(absl::StrCat("'", path, "' is no path of fields: ", what));
  };
  while (true) {
    PathPart part;
    part.name = TakeName(&rest);
    if (part.name.empty()) {
      return error(rest.empty() ? "expected a name at its end" : absl::StrCat("expected a name at '", rest, "'"));
    }
    if (!rest.empty() && rest.front() == '[') {
      const size_t close = rest.find(']');
      if (close == absl::string_view::npos || !absl::SimpleAtoi(rest.substr(1, close - 1), &part.index) ||
          part.index < 0) {
        return error(absl::StrCat("expected an index like [0] after '", part.name, "'"));
      }
      rest.remove_prefix(close + 1);
    }
    parts.push_back(part);
    if (rest.empty()) return parts;
    if (rest.front() != '.') return error(absl::StrCat("expected '.' after '", part.name, "'"));
    rest.remove_prefix(1);
  }
}

SourceMap::SourceMap(std::string file) {
  files_.push_back(std::make_shared<const std::string>(std::move(file)));
  places_.push_back(Place());
}

SourceLocation SourceMap::Location(Node node) const {
  SourceLocation where;
  if (places_.empty()) return where;
  const Place& place = places_[node];
  where.file = files_[place.file];
  where.line = place.position.line;
  where.column = place.position.column;
  return where;
}

SourceMap::Node SourceMap::Child(Node parent, int32_t part) const {
  const auto found = children_.find({parent, part});
  return found == children_.end() ? -1 : found->second;
}

SourceMap::Found SourceMap::Walk(absl::string_view path) const {
  Found found;
  found.exact = path.empty();
  const absl::StatusOr<std::vector<PathPart>> parts = ParsePath(path);
  if (found.exact || !parts.ok()) return found;
  const auto go_down = [&](int32_t part) {
    const Node child = Child(found.node, part);
    if (child < 0) return false;
    found.node = child;
    ++found.depth;
    return true;
  };
  for (const PathPart& part : *parts) {
    const auto name = names_.find(part.name);
    if (name == names_.end() || !go_down(name->second)) return found;
    if (part.index >= 0 && !go_down(~part.index)) return found;
  }
  found.exact = true;
  return found;
}

SourceLocation SourceMap::Lookup(absl::string_view path) const { return Location(Walk(path).node); }

std::optional<SourceLocation> SourceMap::Find(absl::string_view path) const {
  const Found found = Walk(path);
  if (!found.exact || places_.empty()) return std::nullopt;
  return Location(found.node);
}

int SourceMap::KnownDepth(absl::string_view path) const { return Walk(path).depth; }

int32_t SourceMap::NameId(absl::string_view name) {
  const auto found = names_.find(name);
  if (found != names_.end()) return found->second;
  const int32_t id = static_cast<int32_t>(names_.size());
  names_.emplace(name, id);
  return id;
}

SourceMap::Node SourceMap::Add(Node parent, int32_t part, const Place& place) {
  const Node node = static_cast<Node>(places_.size());
  const auto [found, added] = children_.try_emplace({parent, part}, node);
  if (added) places_.push_back(place);
  return found->second;
}

SourceMap::Node SourceMap::AddField(Node message, absl::string_view name, Position position) {
  return Add(message, NameId(name), Place{0, position});
}

SourceMap::Node SourceMap::AddElement(Node field, int index, Position position) {
  return Add(field, ~index, Place{0, position});
}

void SourceMap::Override(absl::string_view path, const std::string& place) {
  const absl::StatusOr<std::vector<PathPart>> parts = ParsePath(path);
  if (!parts.ok()) return;
  if (places_.empty()) *this = SourceMap(place);
  const Place there{static_cast<int32_t>(files_.size()), Position()};
  files_.push_back(std::make_shared<const std::string>(place));
  Node node = kRoot;
  std::pair<Node, int32_t> last{kRoot, 0};
  for (const PathPart& part : *parts) {
    last = {node, NameId(part.name)};
    node = Add(last.first, last.second, there);
    if (part.index < 0) continue;
    last = {node, ~part.index};
    node = Add(last.first, last.second, there);
  }
  // A new node has no children: those of the old one are forgotten with it.
  children_[last] = static_cast<Node>(places_.size());
  places_.push_back(there);
}

}  // namespace gradus
