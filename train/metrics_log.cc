#include "train/metrics_log.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <limits>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "core/status_macros.h"

namespace gradus {
namespace {

using Json = nlohmann::ordered_json;

// Whether a line of a log is whole and of a step up to `last_step`.
bool BelongsBefore(absl::string_view line, int64_t last_step) {
  const Json json = Json::parse(line.begin(), line.end(), nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return false;
  const auto step = json.find("step");
  return step != json.end() && step->is_number_integer() && step->get<int64_t>() <= last_step;
}

}  // namespace

std::string ToJson(const MetricsLine& line) {
  Json json;
  json["step"] = line.step;
  json["epoch"] = line.epoch;
  const auto add = [&json](const char* key, const std::optional<double>& value) {
    if (value.has_value()) json[key] = *value;
  };
  add("loss", line.loss);
  add("learning_rate", line.learning_rate);
  add("gradient_norm", line.gradient_norm);
  add("examples_per_second", line.examples_per_second);
  add("data_wait", line.data_wait);
  if (line.skipped_examples.has_value()) json["skipped_examples"] = *line.skipped_examples;
  for (const auto& [metric, value] : line.evaluation) json[absl::StrCat("eval_", metric)] = value;
  return json.dump(-1, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace);  // not finite: null
}

absl::StatusOr<MetricsLog> MetricsLog::Open(absl::string_view path) {
  GRADUS_ASSIGN_OR_RETURN(FileDescriptor fd, OpenFile(path, O_WRONLY | O_CREAT | O_APPEND));
  return MetricsLog(std::string(path), std::move(fd));
}

absl::Status MetricsLog::Append(const MetricsLine& line) {
  return WriteAll(fd_.get(), path_, absl::StrCat(ToJson(line), "\n"));
}

absl::Status MetricsLog::Sync() {
  if (fsync(fd_.get()) == 0) return absl::OkStatus();
  return absl::ErrnoToStatus(errno, absl::StrCat("cannot write '", path_, "'"));
}

absl::Status TruncateMetricsLog(absl::string_view path, int64_t last_step) {
  GRADUS_ASSIGN_OR_RETURN(PathKind kind, KindOfPath(path));
  if (kind == PathKind::kMissing) return absl::OkStatus();
  GRADUS_ASSIGN_OR_RETURN(std::string log, ReadFile(path, std::numeric_limits<int64_t>::max()));
  std::string kept;
  for (absl::string_view line : absl::StrSplit(log, '\n', absl::SkipEmpty())) {
    if (BelongsBefore(line, last_step)) absl::StrAppend(&kept, line, "\n");
  }
  return kept == log ? absl::OkStatus() : WriteFileAtomically(path, kept);
}

}  // namespace gradus
