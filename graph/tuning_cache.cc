#include "graph/tuning_cache.h"

#include <unistd.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "core/file.h"
#include "core/processor.h"

namespace gradus {
namespace {

using Json = nlohmann::json;

constexpr char kFormat[] = "gradus tuning cache";
constexpr int kVersion = 1;
constexpr int64_t kMostBytes = int64_t{1} << 28;

// So much is not lost when the process is stopped.
constexpr size_t kSaveEvery = 50;
constexpr int kDepth = 4;  // of {"machines": {machine: {kernel: {"at_least": ...}}}}

// To be raised when a kernel of ours becomes so much faster or slower that old times mislead.
constexpr int kKernelSet = 3;

// A number, or {"at_least": number}.
std::optional<TuningCache::Entry> ParseEntry(const Json& json) {
  const bool at_least = json.is_object() && json.contains("at_least");
  const Json& number = at_least ? json.at("at_least") : json;
  if (!number.is_number()) return std::nullopt;
  const double milliseconds = number.get<double>();
  if (!(milliseconds >= 0) || !std::isfinite(milliseconds)) return std::nullopt;
  return TuningCache::Entry{milliseconds, at_least};
}

Json ToJson(const TuningCache::Entry& entry) {
  if (entry.at_least) return Json{{"at_least", entry.milliseconds}};
  return entry.milliseconds;
}

// The file as it is now; an empty object where there is none, an error that says what is wrong with it.
absl::StatusOr<Json> Read(const std::string& path) {
  if (const absl::StatusOr<PathKind> kind = KindOfPath(path); kind.ok() && *kind == PathKind::kMissing) {
    return Json::object();
  }
  absl::StatusOr<std::string> text = ReadFile(path, kMostBytes);
  if (!text.ok()) return text.status();
  // What lies deeper than an entry is none of ours, and would not fit a stack.
  const auto shallow = [](int depth, Json::parse_event_t, Json&) { return depth <= kDepth; };
  Json json = Json::parse(*text, shallow, /*allow_exceptions=*/false);
  if (!json.is_object() || json.value("format", Json()) != kFormat) {
    return absl::InvalidArgumentError(absl::StrCat("'", path, "' is no tuning cache, or a damaged one"));
  }
  if (json.value("version", Json()) != kVersion || !json.value("machines", Json()).is_object()) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", path, "' is a tuning cache of another version than ", kVersion));
  }
  return json;
}

}  // namespace

TuningCache::TuningCache(int threads, std::string path)
    : path_(std::move(path)),
      machine_(absl::StrCat(ProcessorModel(), ", ", InstructionSet(), ", ", threads,
                            threads == 1 ? " thread, " : " threads, ", OneDnnVersion(), ", kernels ", kKernelSet)) {
  if (!path_.empty()) Load(/*warn=*/true);
}

void TuningCache::Load(bool warn) {
  const absl::StatusOr<Json> json = Read(path_);
  writable_ = json.ok();
  if (!json.ok()) {
    if (warn) {
      warnings_.push_back(absl::StrCat("tuning cache: ", json.status().message(),
                                       "; it is left as it is, and kernels are timed afresh"));
    }
    return;
  }
  const auto machines = json->find("machines");
  if (machines == json->end()) return;
  const auto own = machines->find(machine_);
  if (own == machines->end() || !own->is_object()) return;
  size_t ignored = 0;
  for (const auto& [kernel, value] : own->items()) {
    const std::optional<Entry> entry = ParseEntry(value);
    if (entry.has_value()) {
      entries_.try_emplace(kernel, *entry);
    } else {
      ++ignored;
    }
  }
  if (ignored > 0 && warn) {
    warnings_.push_back(absl::StrCat(
        "tuning cache: '", path_, "' has ", ignored,
        ignored == 1 ? " entry that is no time and was ignored" : " entries that are no times and were ignored"));
  }
}

std::optional<TuningCache::Entry> TuningCache::Find(absl::string_view kernel) const {
  const auto found = entries_.find(kernel);
  if (found == entries_.end()) return std::nullopt;
  return found->second;
}

void TuningCache::Add(absl::string_view kernel, Entry entry) {
  entries_[std::string(kernel)] = entry;
  changed_ = true;
  if (++measured_ % kSaveEvery == 0) Save();
}

void TuningCache::Save() {
  if (path_.empty() || !changed_ || !writable_) return;
  changed_ = false;
  Load(/*warn=*/false);
  if (!writable_) return;
  absl::StatusOr<Json> json = Read(path_);
  if (!json.ok()) return;
  (*json)["format"] = kFormat;
  (*json)["version"] = kVersion;
  Json& own = (*json)["machines"][machine_];
  own = Json::object();
  for (const auto& [kernel, entry] : entries_) own[kernel] = ToJson(entry);
  const std::string temporary = absl::StrCat(path_, ".", getpid());  // several processes may be writing
  absl::Status status = WriteFileAtomically(temporary, absl::StrCat(json->dump(1), "\n"));
  if (status.ok()) status = Rename(temporary, path_);
  if (status.ok()) return;
  (void)RemoveFile(temporary);
  warnings_.push_back(absl::StrCat("tuning cache: ", status.message(), "; what was measured is not kept"));
}

std::vector<std::string> TuningCache::TakeWarnings() { return std::exchange(warnings_, {}); }

}  // namespace gradus
