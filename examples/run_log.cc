#include "examples/run_log.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "core/file.h"
#include "core/status_macros.h"
#include "train/checkpoint.h"

namespace gradus {
namespace {

absl::Status ReadWeights(const std::string& folder, std::vector<std::string>* skipped, RunLog* log) {
  GRADUS_ASSIGN_OR_RETURN(const std::optional<Checkpoint> checkpoint, OpenNewestCheckpoint(folder, skipped));
  if (!checkpoint) return absl::OkStatus();
  log->weights_step = checkpoint->state().step();
  for (const StoredTensor& stored : checkpoint->model().tensors()) {
    GRADUS_ASSIGN_OR_RETURN(Tensor tensor, checkpoint->ReadModel(stored.name));
    if (tensor.dtype() == DType::kFloat32) log->weights.push_back({stored.name, std::move(tensor)});
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<RunLog> ParseRunLog(absl::string_view text, absl::string_view path) {
  RunLog log;
  const std::vector<absl::string_view> lines = absl::StrSplit(text, '\n');
  for (size_t i = 0; i < lines.size(); ++i) {
    if (lines[i].empty()) continue;
    const auto json = nlohmann::json::parse(lines[i].begin(), lines[i].end(), nullptr, /*allow_exceptions=*/false);
    const auto step = json.is_object() ? json.find("step") : json.end();
    if (!json.is_object() || step == json.end() || !step->is_number_integer()) {
      if (i + 1 == lines.size()) break;  // without its newline: torn
      return absl::InvalidArgumentError(
          absl::StrCat(path, ":", i + 1, ": expected a JSON object with a step, as `train` writes them"));
    }
    log.last_step = std::max(log.last_step, step->get<int64_t>());
    for (const auto& [key, value] : json.items()) {
      if (key == "step" || !(value.is_number() || value.is_null())) continue;
      log.course[key].push_back({step->get<double>(), value.is_null() ? NAN : value.get<double>()});
    }
  }
  return log;
}

absl::StatusOr<RunLog> ReadRunLog(const std::string& folder, std::vector<std::string>* skipped) {
  const std::string path = JoinPath(folder, "metrics.jsonl");
  GRADUS_ASSIGN_OR_RETURN(const PathKind kind, KindOfPath(path));
  if (kind == PathKind::kMissing) {
    return absl::NotFoundError(absl::StrCat("'", folder, "' is no folder of a run: it has no metrics.jsonl"));
  }
  GRADUS_ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
  GRADUS_ASSIGN_OR_RETURN(RunLog log, ParseRunLog(text, path));
  GRADUS_RETURN_IF_ERROR(ReadWeights(folder, skipped, &log));
  return log;
}

std::vector<std::string> DistinctNames(const std::vector<std::string>& folders) {
  std::vector<std::vector<std::string>> parts;
  size_t longest = 1;
  for (const std::string& folder : folders) {
    // "." and ".." are no names: what is put under them is somewhere else.
    std::error_code unknown;
    const std::string whole = std::filesystem::absolute(folder, unknown).lexically_normal();
    parts.push_back(absl::StrSplit(whole, '/', absl::SkipEmpty()));
    if (parts.back().empty()) parts.back().push_back("root");
    longest = std::max(longest, parts.back().size());
  }
  std::vector<std::string> names;
  for (size_t count = 1; count <= longest; ++count) {
    names.clear();
    for (const std::vector<std::string>& part : parts) {
      names.push_back(absl::StrJoin(part.end() - static_cast<int64_t>(std::min(count, part.size())), part.end(), "/"));
    }
    if (std::set<std::string>(names.begin(), names.end()).size() == names.size()) return names;
  }
  for (size_t i = 0; i < names.size(); ++i) names[i] = absl::StrCat(parts[i].back(), " (", i + 1, ")");  // one twice
  return names;
}

}  // namespace gradus
