// Where the fields of an expanded model were written.
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "core/text_scanner.h"
#include "graph/expand.h"
#include "graph/field_path.h"
#include "graph/merge_defaults.h"
#include "graph/names.h"
#include "graph/origin.h"

namespace gradus {
namespace {

using google::protobuf::FieldDescriptor;

// Fields and elements of a path.
int Depth(absl::Span<const PathPart> parts) {
  int depth = 0;
  for (const PathPart& part : parts) depth += part.index < 0 ? 1 : 2;
  return depth;
}

}  // namespace

// The operation's part of a path that may be written elsewhere, in `defaults`: "conv.kernel[0]" as well as the
// convolution of a residual's shortcut.
SourceLocation ExpandedModel::WhereInLayer(const Origin& origin, absl::string_view field) const {
  const SourceLocation in_layer = PlaceOf(sources_, origin, field);
  const absl::StatusOr<std::vector<PathPart>> parts = ParsePath(field), above = ParsePath(origin.path);
  if (!parts.ok() || !above.ok() || IsBound(origin, field)) return in_layer;
  const FieldDescriptor* operation = FindTextField(*Layer::descriptor(), parts->front().name);
  const FieldDescriptor* merged = operation == nullptr ? nullptr : DefaultsField(*Defaults::descriptor(), *operation);
  if (merged == nullptr) return in_layer;
  const absl::string_view head = parts->front().name;
  const absl::string_view rest = field.substr(head.data() + head.size() - field.data());
  const std::string name =
      merged->is_extension() ? absl::StrCat("[", merged->PrintableNameForExtension(), "]") : merged->name();
  const std::string in_defaults = absl::StrCat("defaults.", name, rest);
  // How much of `field` each of the places knows.
  int known = sources_[origin.file].KnownDepth(origin.Path(field)) - Depth(*above);
  SourceLocation place = in_layer;
  const auto consider = [&](const std::string& path, int extra) {
    const int depth = sources_[0].KnownDepth(path) - 1 + extra;
    if (depth <= known) return;
    known = depth;
    place = sources_[0].Lookup(path);
  };
  consider(in_defaults, 0);
  constexpr absl::string_view kProjection = ".projection.";
  if (operation->name() == "residual" && absl::StartsWith(rest, kProjection)) {
    consider(absl::StrCat("defaults.conv.", rest.substr(kProjection.size())), 1);
  }
  return place;
}

SourceLocation ExpandedModel::Where(absl::string_view path) const {
  const absl::StatusOr<std::vector<PathPart>> parts = ParsePath(path);
  if (!parts.ok() || parts->front().name != "layer" || parts->front().index < 0 ||
      parts->front().index >= static_cast<int>(origins_.size())) {
    return sources_[0].Lookup(path);
  }
  const Origin& origin = origins_[parts->front().index];
  if (parts->size() == 1) return PlaceOf(sources_, origin, "");
  return WhereInLayer(origin, path.substr((*parts)[1].name.data() - path.data()));
}

SourceLocation ExpandedModel::WhereLayer(int index) const { return Where(ElementPath("layer", index)); }
SourceLocation ExpandedModel::WhereLoss(int index) const { return Where(ElementPath("loss", index)); }
SourceLocation ExpandedModel::WhereMetric(int index) const { return Where(ElementPath("metric", index)); }
SourceLocation ExpandedModel::WhereOutput(int index) const { return Where(ElementPath("output", index)); }

}  // namespace gradus
