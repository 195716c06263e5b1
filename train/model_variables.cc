#include "train/model_variables.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/file.h"
#include "core/glob.h"
#include "core/nearest_name.h"
#include "core/status_macros.h"

namespace gradus {
namespace {

bool InModel(const Variable& variable) {
  return variable.scope == Scope::kModel && (variable.role == Role::kParameter || variable.role == Role::kState);
}

bool InOptimizer(const Variable& variable) {
  return variable.scope == Scope::kModel && variable.role == Role::kSlot;
}

std::vector<NamedType> Types(const VariableStore& variables, bool (*wanted)(const Variable&)) {
  std::vector<NamedType> types;
  for (int i = 0; i < variables.size(); ++i) {
    const Variable& variable = variables.variable(i);
    if (wanted(variable)) types.push_back({variable.name, variable.type});
  }
  return types;
}

// Tensors that are read from the store one at a time, when the writer comes to them.
std::vector<TensorToWrite> Tensors(VariableStore* variables, bool (*wanted)(const Variable&)) {
  auto held = std::make_shared<Tensor>();
  std::vector<TensorToWrite> tensors;
  for (int i = 0; i < variables->size(); ++i) {
    const Variable& variable = variables->variable(i);
    if (!wanted(variable)) continue;
    tensors.push_back({variable.name, variable.type, [variables, i, held]() -> absl::StatusOr<absl::Span<const uint8_t>> {
                         GRADUS_ASSIGN_OR_RETURN(*held, variables->Get(i));
                         return absl::MakeConstSpan(held->data(), static_cast<size_t>(held->bytes()));
                       }});
  }
  return tensors;
}

// One init_from: an open file (or checkpoint) and what is taken from it.
class Source {
 public:
  static absl::StatusOr<Source> Open(const std::string& path) {
    Source source;
    GRADUS_ASSIGN_OR_RETURN(PathKind kind, KindOfPath(path));
    if (kind == PathKind::kFolder) {
      std::vector<std::string> skipped;
      GRADUS_ASSIGN_OR_RETURN(Checkpoint checkpoint, OpenCheckpointOrRun(path, &skipped));
      source.checkpoint_ = std::move(checkpoint);
    } else {
      GRADUS_ASSIGN_OR_RETURN(SafetensorsFile file, SafetensorsFile::Open(path));
      source.file_ = std::move(file);
    }
    return source;
  }

  const SafetensorsFile& file() const { return checkpoint_ ? checkpoint_->model() : *file_; }

  absl::StatusOr<Tensor> Read(const StoredTensor& stored, const std::string& name) const {
    return checkpoint_ ? checkpoint_->ReadModel(name) : file_->Read(stored);
  }

  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    for (const StoredTensor& tensor : file().tensors()) names.push_back(tensor.name);
    return names;
  }

 private:
  std::optional<Checkpoint> checkpoint_;
  std::optional<SafetensorsFile> file_;
};

// The name there of a variable here: the first rename that applies, else the same.
std::string NameThere(const InitFrom& init, const std::string& name) {
  for (const InitFrom::Rename& rename : init.rename()) {
    if (name == rename.to()) return rename.from();
    if (absl::StartsWith(name, absl::StrCat(rename.to(), "/"))) {
      return absl::StrCat(rename.from(), name.substr(rename.to().size()));
    }
  }
  return name;
}

absl::Status InitializeFromOne(const InitFrom& init, const SourceLocation& where, const std::string& folder,
                               VariableStore* variables, const std::function<void(const std::string&)>& print) {
  const std::string path = JoinPath(folder, init.checkpoint());
  absl::StatusOr<Source> source = Source::Open(path);
  if (!source.ok()) return absl::Status(source.status().code(), absl::StrCat(where.ToString(), ": ", source.status().message()));
  std::vector<Glob> patterns;
  for (const std::string& text : init.match()) {
    absl::StatusOr<Glob> pattern = Glob::Parse(text);
    if (!pattern.ok()) return ErrorAt(where, pattern.status().message());
    patterns.push_back(*std::move(pattern));
  }
  std::vector<std::string> errors;
  std::vector<std::pair<int, Tensor>> values;
  int matched = 0;
  for (int i = 0; i < variables->size(); ++i) {
    const Variable& variable = variables->variable(i);
    if (!InModel(variable)) continue;
    const auto matches = [&variable](const Glob& pattern) { return pattern.Matches(variable.name); };
    if (!patterns.empty() && std::none_of(patterns.begin(), patterns.end(), matches)) continue;
    ++matched;
    const std::string there = NameThere(init, variable.name);
    const StoredTensor* stored = source->file().Find(there);
    if (stored == nullptr) {
      if (init.allow_missing()) {
        print(absl::StrCat(variable.name, " <- its initialiser (", path, " has no '", there, "')"));
      } else {
        errors.push_back(absl::StrCat("'", variable.name, "': the file has no '", there, "'",
                                      Suggestion(there, source->Names(), 8)));
      }
      continue;
    }
    GRADUS_ASSIGN_OR_RETURN(Tensor value, source->Read(*stored, there));
    if (value.type() != variable.type) {
      if (init.allow_mismatch()) {
        print(absl::StrCat(variable.name, " <- its initialiser ('", there, "' is ", value.type().ToString(), ", not ",
                           variable.type.ToString(), ")"));
      } else {
        errors.push_back(absl::StrCat("'", variable.name, "' is ", variable.type.ToString(), " but '", there, "' is ",
                                      value.type().ToString()));
      }
      continue;
    }
    print(absl::StrCat(variable.name, " <- ", there, " ", value.type().ToString()));
    values.emplace_back(i, std::move(value));
  }
  if (matched == 0) errors.push_back("no variable of the model matches");
  if (!errors.empty()) {
    return ErrorAt(where, absl::StrCat("init_from '", path, "':\n  ", absl::StrJoin(errors, "\n  "),
                                       "\nrename { to from } maps names; allow_missing and allow_mismatch keep "
                                       "initialisers"));
  }
  for (const auto& [index, value] : values) GRADUS_RETURN_IF_ERROR(variables->Set(index, value));
  return absl::OkStatus();
}

}  // namespace

std::vector<TensorToWrite> ModelTensors(VariableStore* variables) { return Tensors(variables, InModel); }

std::vector<TensorToWrite> OptimizerTensors(VariableStore* variables) { return Tensors(variables, InOptimizer); }

absl::Status RestoreVariables(const Checkpoint& checkpoint, bool optimizer, VariableStore* variables) {
  GRADUS_RETURN_IF_ERROR(CheckHolds(checkpoint.model(), Types(*variables, InModel)));
  if (optimizer) GRADUS_RETURN_IF_ERROR(CheckHolds(checkpoint.optimizer(), Types(*variables, InOptimizer)));
  for (int i = 0; i < variables->size(); ++i) {
    const Variable& variable = variables->variable(i);
    if (InModel(variable)) {
      GRADUS_ASSIGN_OR_RETURN(Tensor value, checkpoint.ReadModel(variable.name));
      GRADUS_RETURN_IF_ERROR(variables->Set(i, value));
    } else if (optimizer && InOptimizer(variable)) {
      GRADUS_ASSIGN_OR_RETURN(Tensor value, checkpoint.ReadOptimizer(variable.name));
      GRADUS_RETURN_IF_ERROR(variables->Set(i, value));
    }
  }
  return absl::OkStatus();
}

absl::Status InitializeFrom(const Training& training, const SourceMap& source, const std::string& folder,
                            VariableStore* variables, const std::function<void(const std::string&)>& print) {
  for (int i = 0; i < training.init_from_size(); ++i) {
    GRADUS_RETURN_IF_ERROR(InitializeFromOne(training.init_from(i), source.Lookup(absl::StrCat("init_from[", i, "]")),
                                             folder, variables, print));
  }
  return absl::OkStatus();
}

}  // namespace gradus
