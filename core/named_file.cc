#include "core/named_file.h"

#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "core/file.h"
#include "core/nearest_name.h"
#include "core/text_proto.h"

namespace gradus {
namespace {

// What is said after "No such file": the nearest name of the folder, or those that there are.
std::string NearestFile(const std::string& path) {
  constexpr absl::string_view kEnding = ".textproto";
  const absl::StatusOr<std::vector<std::string>> names = ListFolder(ParentFolder(path));
  if (!names.ok()) return "";
  std::vector<std::string> stems;
  for (absl::string_view name : *names) {
    if (absl::ConsumeSuffix(&name, kEnding)) stems.emplace_back(name);
  }
  const std::string name = path.substr(path.rfind('/') + 1);  // all of it without a '/'
  const std::string nearest = NearestName(absl::StripSuffix(name, kEnding), stems);
  if (!nearest.empty()) return absl::StrCat("; did you mean '", nearest, kEnding, "'?");
  constexpr size_t kMost = 8;
  if (stems.empty() || stems.size() > kMost) return "";
  return absl::StrCat("; there is: ", absl::StrJoin(stems, absl::StrCat(kEnding, ", ")), kEnding);
}

}  // namespace

absl::StatusOr<std::string> ReadNamedFile(const std::string& path) {
  absl::StatusOr<std::string> text = ReadFile(path, kMaxTextBytes);
  if (!absl::IsNotFound(text.status())) return text;
  return absl::NotFoundError(absl::StrCat(text.status().message(), NearestFile(path)));
}

absl::Status CheckPathLength(absl::string_view path, const SourceLocation& where, absl::string_view what) {
  constexpr size_t kLongest = 4096;  // of Linux
  if (path.size() <= kLongest) return absl::OkStatus();
  return ErrorAt(where, absl::StrCat(what, " is a name of ", path.size(), " bytes; no path is that long"));
}

std::string PathBeside(absl::string_view file, const std::string& path) {
  return absl::StrContains(file, '/') ? JoinPath(ParentFolder(file), path) : path;
}

}  // namespace gradus
