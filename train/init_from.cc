#include "train/init_from.h"

#include <cstring>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/file.h"
#include "core/glob.h"
#include "core/named_file.h"
#include "core/nearest_name.h"
#include "core/new_tensor.h"
#include "core/status_macros.h"
#include "train/checkpoint.h"
#include "train/model_variables.h"
#include "train/safetensors.h"

namespace gradus {
namespace {

using Print = std::function<void(const std::string&)>;

// What an init_from names: a file or a checkpoint, open, or what a stage is going to have.
class Source {
 public:
  static absl::StatusOr<Source> Open(const std::string& path, const Print& print) {
    Source source;
    GRADUS_ASSIGN_OR_RETURN(PathKind kind, KindOfPath(path));
    if (kind == PathKind::kMissing) {
      return absl::NotFoundError(absl::StrCat(
          "there is no '", path, "'; wanted is the folder of a checkpoint or a run, or a .safetensors file"));
    }
    if (kind == PathKind::kFolder) {
      std::vector<std::string> skipped;
      absl::StatusOr<Checkpoint> checkpoint = OpenCheckpointOrRun(path, &skipped);
      for (const std::string& message : skipped) print(absl::StrCat("skipped: ", message));
      GRADUS_RETURN_IF_ERROR(checkpoint.status());
      source.checkpoint_ = *std::move(checkpoint);
    } else {
      GRADUS_ASSIGN_OR_RETURN(SafetensorsFile file, SafetensorsFile::Open(path));
      source.file_ = std::move(file);
    }
    return source;
  }

  static Source Planned(const VariableTypes& variables) {
    Source source;
    source.planned_ = &variables;
    return source;
  }

  // The type of a tensor there, as Read gives it; opaque when it cannot. Null: there is none.
  const TensorType* Find(const std::string& name) const {
    if (planned_ != nullptr) {
      const auto found = planned_->find(name);
      return found == planned_->end() ? nullptr : &found->second;
    }
    const StoredTensor* stored = file().Find(name);
    return stored == nullptr ? nullptr : &stored->type;
  }

  // Of what Find finds; not of a stage that is only planned.
  absl::StatusOr<Tensor> Read(const std::string& name) const {
    return checkpoint_ ? checkpoint_->ReadModel(name) : file_->Read(*file_->Find(name));
  }

  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    if (planned_ != nullptr) {
      for (const auto& [name, type] : *planned_) names.push_back(name);
      return names;
    }
    for (const StoredTensor& tensor : file().tensors()) names.push_back(tensor.name);
    return names;
  }

 private:
  const SafetensorsFile& file() const { return checkpoint_ ? checkpoint_->model() : *file_; }

  // One of these.
  std::optional<Checkpoint> checkpoint_;
  std::optional<SafetensorsFile> file_;
  const VariableTypes* planned_ = nullptr;
};

// One init_from:
//   1. which variables it takes, by what names there, with every mistake of the list,
//   2. their values,
//   3. only then the variables are set.
class Initializing {
 public:
  Initializing(const InitFrom& init, std::string field, const SourceMap& places, VariableStore* variables,
               const Print& print)
      : init_(init), field_(std::move(field)), places_(places), variables_(variables), print_(print) {}

  // All that shows before a value is read. `planned`: what the stage will have that is the source; null: `path` is.
  absl::Status Check(const std::string& path, const VariableTypes* planned) {
    if (planned != nullptr) return Match(Source::Planned(*planned), path);
    const absl::StatusOr<Source> source = Source::Open(path, print_);
    return source.ok() ? Match(*source, path) : At(SourceField(), source.status());
  }

  absl::Status Run(const std::string& path) {
    const absl::StatusOr<Source> source = Source::Open(path, print_);
    if (!source.ok()) return At(SourceField(), source.status());
    GRADUS_RETURN_IF_ERROR(Match(*source, path));
    std::vector<Tensor> values;
    for (const auto& [index, there] : taken_) {
      absl::StatusOr<Tensor> value = Value(*source, there, variables_->variable(index).type);
      if (!value.ok()) return At(SourceField(), value.status());
      values.push_back(*std::move(value));
    }
    for (size_t i = 0; i < taken_.size(); ++i) {
      GRADUS_RETURN_IF_ERROR(variables_->Set(taken_[i].first, values[i]));
    }
    return absl::OkStatus();
  }

 private:
  const char* SourceField() const { return init_.has_stage() ? "stage" : "checkpoint"; }

  absl::Status At(const std::string& field, absl::string_view message) const {
    if (field_.empty()) return absl::InvalidArgumentError(message);
    const std::string full = absl::StrCat(field_, ".", field);
    return ErrorAt(places_.Lookup(full), absl::StrCat(full, ": ", message));
  }
  absl::Status At(const std::string& field, const absl::Status& status) const { return At(field, status.message()); }

  // Where each variable gets its value from.
  absl::Status Match(const Source& source, const std::string& path) {
    GRADUS_RETURN_IF_ERROR(Choose());
    for (const auto& [index, there] : chosen_) GRADUS_RETURN_IF_ERROR(Take(source, path, index, there));
    if (!errors_.empty()) {
      return At(SourceField(),
                absl::StrCat("'", path, "' does not give what the model needs:\n  ", absl::StrJoin(errors_, "\n  "),
                             field_.empty() ? ""
                                            : "\nrename { to: from: } maps names; allow_missing and allow_mismatch "
                                              "keep initialisers"));
    }
    if (taken_.empty()) return At(SourceField(), absl::StrCat("'", path, "' gives no variable of the model"));
    return absl::OkStatus();
  }

  // The variables that `match` takes; a pattern or a rename that is of no use is a mistake.
  absl::Status Choose() {
    std::vector<int> indices;
    std::vector<std::string> names;
    for (int i = 0; i < variables_->size(); ++i) {
      if (!InModel(variables_->variable(i))) continue;
      indices.push_back(i);
      names.push_back(variables_->variable(i).name);
    }
    std::vector<bool> taken(names.size(), init_.match().empty());
    for (int m = 0; m < init_.match_size(); ++m) {
      const absl::StatusOr<std::vector<size_t>> matches = MatchNames(init_.match(m), names, "variable");
      if (!matches.ok()) return At(absl::StrCat("match[", m, "]"), matches.status().message());
      for (size_t i : *matches) taken[i] = true;
    }
    std::vector<bool> renamed(init_.rename_size());
    for (size_t i = 0; i < names.size(); ++i) {
      if (taken[i]) chosen_.emplace_back(indices[i], NameThere(names[i], &renamed));
    }
    for (int r = 0; r < init_.rename_size(); ++r) {
      if (renamed[r]) continue;
      for (size_t i = 0, all = names.size(); i < all; ++i) {
        for (size_t slash = 0; (slash = names[i].find('/', slash)) != std::string::npos; ++slash) {
          names.push_back(names[i].substr(0, slash));
        }
      }
      return At(absl::StrCat("rename[", r, "]"),
                absl::StrCat("no variable to initialise is, or begins with, '", init_.rename(r).to(), "'",
                             Suggestion(init_.rename(r).to(), names)));
    }
    return absl::OkStatus();
  }

  // The name there of a variable here: the first rename that applies, else the same.
  std::string NameThere(const std::string& name, std::vector<bool>* renamed) const {
    for (int r = 0; r < init_.rename_size(); ++r) {
      const InitFrom::Rename& rename = init_.rename(r);
      if (name != rename.to() && !absl::StartsWith(name, absl::StrCat(rename.to(), "/"))) continue;
      (*renamed)[r] = true;
      return absl::StrCat(rename.from(), name.substr(rename.to().size()));
    }
    return name;
  }

  absl::Status Take(const Source& source, const std::string& path, int index, const std::string& there) {
    const Variable& variable = variables_->variable(index);
    const TensorType* type = source.Find(there);
    if (type == nullptr) {
      if (init_.allow_missing()) {
        print_(absl::StrCat(variable.name, " <- its initialiser (", path, " has no '", there, "')"));
      } else {
        errors_.push_back(
            absl::StrCat("'", variable.name, "': there is no '", there, "'", Suggestion(there, source.Names(), 8)));
      }
      return absl::OkStatus();
    }
    if (type->dtype == DType::kOpaque) return At(SourceField(), source.Read(there).status());
    if (*type == variable.type) {
      print_(absl::StrCat(variable.name, " <- ", there, " ", type->ToString()));
      taken_.emplace_back(index, there);
    } else if (init_.reshape() && type->dtype == variable.type.dtype &&
               type->shape.num_elements() == variable.type.shape.num_elements()) {
      print_(absl::StrCat(variable.name, " <- ", there, " ", type->ToString(), " as ", variable.type.ToString()));
      taken_.emplace_back(index, there);
    } else if (init_.allow_mismatch()) {
      print_(absl::StrCat(variable.name, " <- its initialiser ('", there, "' is ", type->ToString(), ", not ",
                          variable.type.ToString(), ")"));
    } else {
      errors_.push_back(absl::StrCat("'", variable.name, "' is ", variable.type.ToString(), ", but '", there,
                                     "' there is ", type->ToString()));
    }
    return absl::OkStatus();
  }

  // A tensor there in the shape that it has here.
  static absl::StatusOr<Tensor> Value(const Source& source, const std::string& there, const TensorType& type) {
    GRADUS_ASSIGN_OR_RETURN(Tensor value, source.Read(there));
    if (value.type() == type) return value;
    GRADUS_ASSIGN_OR_RETURN(Tensor reshaped, NewTensor(type));
    std::memcpy(reshaped.data(), value.data(), reshaped.bytes());
    return reshaped;
  }

  const InitFrom& init_;
  const std::string field_;  // "init_from[0]"; "": not of a training file
  const SourceMap& places_;
  VariableStore* const variables_;
  const Print& print_;
  std::vector<std::pair<int, std::string>> chosen_, taken_;  // variables, each with its name there
  std::vector<std::string> errors_;
};

std::string PathOf(const TrainingFile& file, const std::string& stages, const InitFrom& init) {
  return init.has_stage() ? JoinPath(stages, init.stage()) : PathBeside(file.path, init.checkpoint());
}

}  // namespace

VariableTypes ModelTypes(const VariableStore& variables) {
  VariableTypes types;
  for (int i = 0; i < variables.size(); ++i) {
    const Variable& variable = variables.variable(i);
    if (InModel(variable)) types.emplace(variable.name, variable.type);
  }
  return types;
}

absl::Status CheckInitFrom(const TrainingFile& file, const std::string& stages,
                           const std::map<std::string, VariableTypes>& planned, VariableStore* variables) {
  const Print quietly = [](const std::string&) {};
  for (int i = 0; i < file.training.init_from_size(); ++i) {
    const InitFrom& init = file.training.init_from(i);
    const auto stage = planned.find(init.stage());
    GRADUS_RETURN_IF_ERROR(Initializing(init, absl::StrCat("init_from[", i, "]"), file.source, variables, quietly)
                               .Check(PathOf(file, stages, init), stage == planned.end() ? nullptr : &stage->second));
  }
  return absl::OkStatus();
}

absl::Status InitializeFrom(const TrainingFile& file, const std::string& stages, VariableStore* variables,
                            const Print& print) {
  for (int i = 0; i < file.training.init_from_size(); ++i) {
    const InitFrom& init = file.training.init_from(i);
    Initializing initializing(init, absl::StrCat("init_from[", i, "]"), file.source, variables, print);
    GRADUS_RETURN_IF_ERROR(initializing.Run(PathOf(file, stages, init)));
  }
  return absl::OkStatus();
}

absl::Status InitializeFrom(const InitFrom& init, const std::string& path, VariableStore* variables,
                            const Print& print) {
  const SourceMap nowhere;
  return Initializing(init, /*field=*/"", nowhere, variables, print).Run(path);
}

}  // namespace gradus
