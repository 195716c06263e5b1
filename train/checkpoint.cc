#include "train/checkpoint.h"

#include <errno.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "core/crc32c.h"
#include "core/file.h"
#include "core/status_macros.h"

namespace gradus {
namespace {

constexpr char kModelFile[] = "model.safetensors";
constexpr char kOptimizerFile[] = "optimizer.safetensors";
constexpr char kStateFile[] = "state.textproto";
constexpr char kStepPrefix[] = "step-";
constexpr char kTemporaryPrefix[] = ".tmp-";
constexpr char kDamagedPrefix[] = "damaged-";
constexpr char kBest[] = "best";
constexpr int64_t kMaxStateBytes = int64_t{256} << 20;
constexpr size_t kVerifyChunk = size_t{1} << 20;

std::string AllCheckpoints(absl::string_view run) { return JoinPath(run, "checkpoints"); }
std::string StepName(int64_t step) { return absl::StrFormat("%s%08d", kStepPrefix, step); }

// ---- Writing.

absl::Status WriteTensors(absl::string_view folder, absl::string_view name, std::vector<TensorToWrite> tensors,
                          CheckpointState* state) {
  GRADUS_ASSIGN_OR_RETURN(std::vector<WrittenTensor> written,
                          WriteSafetensors(JoinPath(folder, name), std::move(tensors)));
  for (const WrittenTensor& tensor : written) {
    TensorRecord* record = state->add_tensor();
    record->set_file(std::string(name));
    record->set_name(tensor.tensor.name);
    record->set_type(tensor.tensor.type.ToString());
    record->set_crc32c(tensor.crc32c);
  }
  return absl::OkStatus();
}

// Writes and fsyncs all of a checkpoint into an existing folder.
absl::Status WriteFiles(absl::string_view folder, CheckpointState state, std::vector<TensorToWrite> model,
                        std::vector<TensorToWrite> optimizer) {
  state.set_format_version(kCheckpointFormatVersion);
  state.clear_tensor();
  GRADUS_RETURN_IF_ERROR(WriteTensors(folder, kModelFile, std::move(model), &state));
  GRADUS_RETURN_IF_ERROR(WriteTensors(folder, kOptimizerFile, std::move(optimizer), &state));
  return WriteFileAtomically(JoinPath(folder, kStateFile), PrintCheckpointState(state));
}

// Moves a finished checkpoint to its name; what was there before ends up in `temporary`.
absl::Status PutInPlace(absl::string_view temporary, absl::string_view folder) {
  GRADUS_ASSIGN_OR_RETURN(PathKind kind, KindOfPath(folder));
  GRADUS_RETURN_IF_ERROR(kind == PathKind::kMissing ? Rename(temporary, folder) : Exchange(temporary, folder));
  return FsyncFolder(ParentFolder(folder));
}

// Removes a checkpoint so that a kill in between leaves no part of it under its name.
absl::Status RemoveCheckpoint(absl::string_view run, int64_t step) {
  const std::string folder = CheckpointFolder(run, step);
  const std::string temporary = JoinPath(AllCheckpoints(run), absl::StrCat(kTemporaryPrefix, StepName(step)));
  GRADUS_RETURN_IF_ERROR(RemoveAll(temporary));
  GRADUS_RETURN_IF_ERROR(Rename(folder, temporary));
  return RemoveAll(temporary);
}

// Points the link `best` at the best checkpoint; removes it when that one is not there.
absl::Status UpdateBest(absl::string_view run, const CheckpointState& state) {
  const std::string link = JoinPath(AllCheckpoints(run), kBest);
  const std::string target = StepName(state.best().step());
  GRADUS_ASSIGN_OR_RETURN(PathKind kind, KindOfPath(JoinPath(AllCheckpoints(run), target)));
  if (!state.has_best() || kind != PathKind::kFolder) return RemoveFile(link);
  char now[64];
  const ssize_t length = readlink(link.c_str(), now, sizeof(now));
  if (length >= 0 && absl::string_view(now, length) == target) return absl::OkStatus();

  const std::string temporary = JoinPath(AllCheckpoints(run), absl::StrCat(kTemporaryPrefix, kBest));
  GRADUS_RETURN_IF_ERROR(RemoveFile(temporary));
  if (symlink(target.c_str(), temporary.c_str()) != 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot make the link '", link, "'"));
  }
  GRADUS_RETURN_IF_ERROR(Rename(temporary, link));
  return FsyncFolder(AllCheckpoints(run));
}

// Removes all but the newest `keep`, the best, and that of step 0.
absl::Status RemoveOld(absl::string_view run, const CheckpointState& state, int64_t keep) {
  GRADUS_ASSIGN_OR_RETURN(std::vector<int64_t> steps, ListCheckpoints(run));
  const int64_t old = static_cast<int64_t>(steps.size()) - keep;
  if (keep <= 0) return absl::OkStatus();
  for (int64_t i = 0; i < old; ++i) {
    const bool is_best = state.has_best() && steps[i] == state.best().step();
    if (steps[i] != 0 && !is_best) GRADUS_RETURN_IF_ERROR(RemoveCheckpoint(run, steps[i]));
  }
  return absl::OkStatus();
}

// Removes what a killed process left half-written or half-removed.
absl::Status RemoveLeftovers(absl::string_view run) {
  const std::string all = AllCheckpoints(run);
  GRADUS_ASSIGN_OR_RETURN(PathKind kind, KindOfPath(all));
  if (kind == PathKind::kMissing) return absl::OkStatus();
  GRADUS_ASSIGN_OR_RETURN(std::vector<std::string> names, ListFolder(all));
  for (const std::string& name : names) {
    if (absl::StartsWith(name, kTemporaryPrefix)) GRADUS_RETURN_IF_ERROR(RemoveAll(JoinPath(all, name)));
  }
  return absl::OkStatus();
}

// ---- Reading.

absl::Status Damaged(absl::string_view folder, absl::string_view why) {
  return absl::DataLossError(absl::StrCat("checkpoint '", folder, "' is damaged: ", why));
}

// An error of one of a checkpoint's files as one of the checkpoint: missing or malformed files are damage.
absl::Status OfCheckpoint(absl::string_view folder, const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kDataLoss:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kOutOfRange:
      return Damaged(folder, status.message());
    default:
      return absl::Status(status.code(), absl::StrCat("checkpoint '", folder, "' ", status.message()));
  }
}

// The recorded checksum of each tensor of `file`, in the file's order.
absl::StatusOr<std::vector<uint32_t>> MatchRecords(const CheckpointState& state, absl::string_view name,
                                                   const SafetensorsFile& file) {
  std::vector<uint32_t> crcs(file.tensors().size());
  size_t matched = 0;
  for (const TensorRecord& record : state.tensor()) {
    if (record.file() != name) continue;
    const StoredTensor* tensor = file.Find(record.name());
    if (tensor == nullptr) return absl::DataLossError(absl::StrCat(name, " lacks tensor '", record.name(), "'"));
    if (tensor->type.ToString() != record.type() || tensor->bytes != tensor->type.bytes()) {
      return absl::DataLossError(absl::StrCat("tensor '", record.name(), "' of ", name, " is ", tensor->ToString(),
                                              ", it was saved as ", record.type()));
    }
    crcs[tensor - file.tensors().data()] = record.crc32c();
    ++matched;
  }
  if (matched == crcs.size()) return crcs;
  return absl::DataLossError(absl::StrCat(name, " has ", crcs.size(), " tensors, ", matched, " were saved"));
}

absl::Status WrongChecksum(absl::string_view folder, const SafetensorsFile& file, absl::string_view tensor) {
  return Damaged(folder, absl::StrCat("tensor '", tensor, "' of '", file.path(), "' does not have its checksum"));
}

}  // namespace

std::string CheckpointFolder(absl::string_view run, int64_t step) {
  return JoinPath(AllCheckpoints(run), StepName(step));
}

absl::Status SaveCheckpoint(absl::string_view run, const CheckpointState& state, std::vector<TensorToWrite> model,
                            std::vector<TensorToWrite> optimizer, int64_t keep) {
  const std::string folder = CheckpointFolder(run, state.step());
  const std::string temporary = JoinPath(AllCheckpoints(run), absl::StrCat(kTemporaryPrefix, StepName(state.step())));
  absl::Status saved = RemoveAll(temporary);
  if (saved.ok()) saved = MakeFolders(temporary);
  if (saved.ok()) saved = WriteFiles(temporary, state, std::move(model), std::move(optimizer));
  if (saved.ok()) saved = PutInPlace(temporary, folder);
  const absl::Status cleaned = RemoveAll(temporary);
  if (saved.ok()) saved = cleaned;
  if (!saved.ok()) {
    return absl::Status(saved.code(), absl::StrCat("checkpoint '", folder, "' was not saved: ", saved.message()));
  }
  GRADUS_RETURN_IF_ERROR(UpdateBest(run, state));
  return RemoveOld(run, state, keep);
}

absl::StatusOr<Checkpoint> Checkpoint::Open(absl::string_view folder) {
  absl::StatusOr<std::string> text = ReadFile(JoinPath(folder, kStateFile), kMaxStateBytes);
  if (!text.ok()) return OfCheckpoint(folder, text.status());
  absl::StatusOr<CheckpointState> state = ParseCheckpointState(*text);
  if (state.status().code() == absl::StatusCode::kDataLoss) {
    return Damaged(folder, absl::StrCat(kStateFile, ": ", state.status().message()));
  }
  if (!state.ok()) return OfCheckpoint(folder, state.status());

  const auto open = [&](absl::string_view name) -> absl::StatusOr<Part> {
    GRADUS_ASSIGN_OR_RETURN(SafetensorsFile file, SafetensorsFile::Open(JoinPath(folder, name)));
    GRADUS_ASSIGN_OR_RETURN(std::vector<uint32_t> crcs, MatchRecords(*state, name, file));
    return Part{std::move(file), std::move(crcs)};
  };
  absl::StatusOr<Part> model = open(kModelFile);
  if (!model.ok()) return OfCheckpoint(folder, model.status());
  absl::StatusOr<Part> optimizer = open(kOptimizerFile);
  if (!optimizer.ok()) return OfCheckpoint(folder, optimizer.status());
  return Checkpoint(std::string(folder), *std::move(state), *std::move(model), *std::move(optimizer));
}

absl::StatusOr<Tensor> Checkpoint::Read(const Part& part, absl::string_view name) const {
  const StoredTensor* stored = part.file.Find(name);
  if (stored == nullptr) {
    return absl::NotFoundError(absl::StrCat("'", part.file.path(), "' has no tensor '", name, "'"));
  }
  GRADUS_ASSIGN_OR_RETURN(Tensor tensor, part.file.Read(*stored));
  if (Crc32c(absl::MakeConstSpan(tensor.data(), tensor.bytes())) != part.crcs[stored - part.file.tensors().data()]) {
    return WrongChecksum(folder_, part.file, name);
  }
  return tensor;
}

absl::Status Checkpoint::Verify() const {
  std::vector<uint8_t> buffer(kVerifyChunk);
  for (const Part* part : {&model_, &optimizer_}) {
    for (size_t i = 0; i < part->crcs.size(); ++i) {
      const StoredTensor& tensor = part->file.tensors()[i];
      uint32_t crc = 0;
      for (int64_t first = 0; first < tensor.bytes; first += buffer.size()) {
        const auto chunk = absl::MakeSpan(buffer.data(), std::min<int64_t>(buffer.size(), tensor.bytes - first));
        if (absl::Status read = part->file.ReadBytes(tensor, first, chunk); !read.ok()) {
          return OfCheckpoint(folder_, read);
        }
        crc = ExtendCrc32c(crc, chunk);
      }
      if (crc != part->crcs[i]) return WrongChecksum(folder_, part->file, tensor.name);
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<int64_t>> ListCheckpoints(absl::string_view run) {
  std::vector<int64_t> steps;
  GRADUS_ASSIGN_OR_RETURN(PathKind kind, KindOfPath(AllCheckpoints(run)));
  if (kind == PathKind::kMissing) return steps;
  GRADUS_ASSIGN_OR_RETURN(std::vector<std::string> names, ListFolder(AllCheckpoints(run)));
  for (absl::string_view name : names) {
    int64_t step;
    if (absl::SimpleAtoi(absl::StripPrefix(name, kStepPrefix), &step) && name == StepName(step)) steps.push_back(step);
  }
  std::sort(steps.begin(), steps.end());
  return steps;
}

absl::StatusOr<std::optional<Checkpoint>> OpenNewestCheckpoint(absl::string_view run,
                                                               std::vector<std::string>* skipped) {
  GRADUS_ASSIGN_OR_RETURN(std::vector<int64_t> steps, ListCheckpoints(run));
  std::reverse(steps.begin(), steps.end());
  for (const int64_t step : steps) {
    absl::StatusOr<Checkpoint> checkpoint = Checkpoint::Open(CheckpointFolder(run, step));
    const absl::Status status = checkpoint.ok() ? checkpoint->Verify() : checkpoint.status();
    if (status.ok()) return std::optional<Checkpoint>(*std::move(checkpoint));
    if (status.code() != absl::StatusCode::kDataLoss) return status;
    skipped->push_back(std::string(status.message()));
  }
  if (steps.empty()) return std::nullopt;
  return absl::DataLossError(absl::StrCat("all checkpoints of the run '", run, "' are damaged; ", skipped->back()));
}

absl::StatusOr<std::optional<Checkpoint>> RecoverNewestCheckpoint(absl::string_view run,
                                                                  std::vector<std::string>* skipped) {
  GRADUS_RETURN_IF_ERROR(RemoveLeftovers(run));
  GRADUS_ASSIGN_OR_RETURN(std::optional<Checkpoint> newest, OpenNewestCheckpoint(run, skipped));
  if (!newest.has_value()) return newest;
  GRADUS_ASSIGN_OR_RETURN(std::vector<int64_t> steps, ListCheckpoints(run));
  for (const int64_t step : steps) {
    if (step <= newest->state().step()) continue;
    const std::string aside = JoinPath(AllCheckpoints(run), absl::StrCat(kDamagedPrefix, StepName(step)));
    GRADUS_RETURN_IF_ERROR(RemoveAll(aside));
    GRADUS_RETURN_IF_ERROR(Rename(CheckpointFolder(run, step), aside));
  }
  GRADUS_RETURN_IF_ERROR(UpdateBest(run, newest->state()));
  return newest;
}

absl::StatusOr<Checkpoint> OpenCheckpointOrRun(absl::string_view path, std::vector<std::string>* skipped) {
  GRADUS_ASSIGN_OR_RETURN(PathKind folder, KindOfPath(path));
  if (folder == PathKind::kMissing) {
    return absl::NotFoundError(absl::StrCat("there is no checkpoint or run folder '", path, "'"));
  }
  if (folder != PathKind::kFolder) {
    return absl::NotFoundError(absl::StrCat("'", path, "' is a file; wanted is a folder, that of a checkpoint (",
                                            kStateFile, " and ", kModelFile, " are in it) or of a run"));
  }
  GRADUS_ASSIGN_OR_RETURN(PathKind all, KindOfPath(AllCheckpoints(path)));
  if (all == PathKind::kFolder) {
    GRADUS_ASSIGN_OR_RETURN(std::optional<Checkpoint> newest, OpenNewestCheckpoint(path, skipped));
    if (newest.has_value()) return *std::move(newest);
    return absl::NotFoundError(absl::StrCat("the run '", path, "' has no checkpoint yet"));
  }
  GRADUS_ASSIGN_OR_RETURN(PathKind model, KindOfPath(JoinPath(path, kModelFile)));
  GRADUS_ASSIGN_OR_RETURN(PathKind state, KindOfPath(JoinPath(path, kStateFile)));
  if (model == PathKind::kMissing && state == PathKind::kMissing) {
    return absl::NotFoundError(absl::StrCat("'", path, "' is neither a checkpoint (it has no ", kStateFile,
                                            ") nor a run (it has no folder checkpoints)"));
  }
  GRADUS_ASSIGN_OR_RETURN(Checkpoint checkpoint, Checkpoint::Open(path));
  GRADUS_RETURN_IF_ERROR(checkpoint.Verify());
  return checkpoint;
}

}  // namespace gradus
