#include "train/stages.h"

#include <algorithm>
#include <map>
#include <memory>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "core/check.h"
#include "core/error_list.h"
#include "core/file.h"
#include "core/nearest_name.h"
#include "core/status_macros.h"
#include "train/checkpoint.h"
#include "train/init_from.h"
#include "train/run_folder.h"

namespace gradus {
namespace {

using ::google::protobuf::FieldDescriptor;

// The training of one stage: each field that the stage sets replaces that of `all`, what the file says for all.
Training Merge(const Training& all, TrainingStage stage) {
  stage.clear_name();
  Training merged = all;
  std::vector<const FieldDescriptor*> set;
  stage.GetReflection()->ListFields(stage, &set);
  for (const FieldDescriptor* field : set) {
    const FieldDescriptor* same = Training::descriptor()->FindFieldByName(field->name());
    GRADUS_CHECK(same != nullptr && same->number() == field->number());
    merged.GetReflection()->ClearField(&merged, same);
  }
  if (stage.has_epochs() && !stage.has_steps()) merged.clear_steps();
  if (stage.has_steps() && !stage.has_epochs()) merged.clear_epochs();
  GRADUS_CHECK(merged.MergeFromString(stage.SerializeAsString()));  // the two have the same numbers
  return merged;
}

// Tells `places` of the fields of a stage, at `from`, as of the same fields of a training, at `to`.
void CopyPlaces(const google::protobuf::Message& message, const SourceMap& written, const std::string& from,
                const std::string& to, SourceMap* places) {
  const google::protobuf::Reflection& reflection = *message.GetReflection();
  std::vector<const FieldDescriptor*> set;
  reflection.ListFields(message, &set);
  for (const FieldDescriptor* field : set) {
    const std::string name = field->is_extension() ? absl::StrCat("[", field->full_name(), "]") : field->name();
    places->Override(to + name, written.Lookup(from + name).ToString());
    const bool nested = field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE;
    if (!field->is_repeated()) {
      if (!nested) continue;
      CopyPlaces(reflection.GetMessage(message, field), written, absl::StrCat(from, name, "."),
                 absl::StrCat(to, name, "."), places);
      continue;
    }
    for (int i = 0; i < reflection.FieldSize(message, field); ++i) {
      const std::string element = absl::StrCat(name, "[", i, "]");
      places->Override(to + element, written.Lookup(from + element).ToString());
      if (!nested) continue;
      CopyPlaces(reflection.GetRepeatedMessage(message, field, i), written, absl::StrCat(from, element, "."),
                 absl::StrCat(to, element, "."), places);
    }
  }
}

constexpr int kMostStages = 1000;
constexpr size_t kMostNameLength = 100;  // it is a folder's, too

bool IsStageName(absl::string_view name) {
  return !name.empty() &&
         std::all_of(name.begin(), name.end(), [](char c) { return absl::ascii_isalnum(c) || c == '_' || c == '-'; });
}

void CheckName(const TrainingFile& file, int i, ErrorList* errors) {
  const std::string& name = file.training.stage(i).name();
  const std::string field = absl::StrCat("stage[", i, "]");
  if (name.empty()) {
    return errors->Add(file.source.Lookup(field),
                       absl::StrCat(field, " needs a name, by which others can start from it"));
  }
  const SourceLocation where = file.source.Lookup(field + ".name");
  if (!IsStageName(name)) {
    return errors->Add(where, absl::StrCat("'", name, "' is no name of a stage: letters, digits, `_` and `-`"));
  }
  if (name.size() > kMostNameLength) {
    return errors->Add(where, absl::StrCat("the stage's name has ", name.size(), " characters; at most ",
                                           kMostNameLength, " are allowed"));
  }
  for (int k = 0; k < i; ++k) {
    if (file.training.stage(k).name() != name) continue;
    return errors->Add(where, absl::StrCat("a stage '", name, "' is already at ",
                                           file.source.Lookup(absl::StrCat("stage[", k, "].name")).ToString()));
  }
}

// Whether what the stage starts from is there by then.
void CheckSources(const TrainingFile& file, int i, const TrainingFile& stage, ErrorList* errors) {
  std::vector<std::string> earlier;
  for (int k = 0; k < i; ++k) {
    if (!file.training.stage(k).name().empty()) earlier.push_back(file.training.stage(k).name());
  }
  for (int n = 0; n < stage.training.init_from_size(); ++n) {
    if (!stage.training.init_from(n).has_stage()) continue;
    const std::string& name = stage.training.init_from(n).stage();
    if (std::count(earlier.begin(), earlier.end(), name) > 0) continue;
    const std::string field = absl::StrCat("init_from[", n, "].stage");
    const bool later = std::any_of(file.training.stage().begin(), file.training.stage().end(),
                                   [&name](const TrainingStage& other) { return other.name() == name; });
    std::string message = absl::StrCat(field, ": ");
    if (name == stage.stage) {
      absl::StrAppend(&message, "'", name, "' is this stage itself; expected an earlier one");
    } else if (later) {
      absl::StrAppend(&message, "'", name, "' comes after '", stage.stage, "'; expected an earlier one");
    } else {
      absl::StrAppend(&message, "there is no stage '", name, "'", earlier.empty() ? "" : Suggestion(name, earlier));
    }
    if (i == 0) absl::StrAppend(&message, "; the first stage has none before it");
    errors->Add(stage.source.Lookup(field), message);
  }
}

std::string StagesFolder(const std::string& run) { return JoinPath(run, "stages"); }

// What a trainer of stage `i` is to do in a run.
TrainerOptions OptionsOf(const TrainingFile& file, size_t i, const TrainerOptions& options) {
  TrainerOptions result = options;
  result.stages_dir = StagesFolder(options.run_dir);
  if (i + 1 < file.stages.size()) {
    result.run_dir = JoinPath(result.stages_dir, file.stages[i].stage);
    result.folder = nullptr;
  }
  return result;
}

// Where a run goes on: the last stage that has a checkpoint, else the first.
absl::StatusOr<size_t> FirstStage(const TrainingFile& file, const TrainerOptions& options) {
  if (!options.resume) return 0;
  for (size_t i = file.stages.size(); i > 0; --i) {
    GRADUS_ASSIGN_OR_RETURN(const std::vector<int64_t> steps, ListCheckpoints(OptionsOf(file, i - 1, options).run_dir));
    if (!steps.empty()) return i - 1;
  }
  return 0;
}

}  // namespace

absl::StatusOr<std::vector<TrainingFile>> SplitStages(const TrainingFile& file) {
  if (file.training.stage_size() > kMostStages) {
    return ErrorAt(
        file.source.Lookup(absl::StrCat("stage[", kMostStages, "]")),
        absl::StrCat("there are ", file.training.stage_size(), " stages; at most ", kMostStages, " are allowed"));
  }
  // What is said for all: each stage has a copy, but none of the other stages.
  Training all = file.training;
  all.clear_stage();
  SourceMap places(file.source.Lookup("").ToString());
  CopyPlaces(all, file.source, "", "", &places);

  std::vector<TrainingFile> stages;
  ErrorList errors;
  for (int i = 0; i < file.training.stage_size(); ++i) {
    TrainingFile& stage = stages.emplace_back();
    stage.training = Merge(all, file.training.stage(i));
    stage.source = places;
    CopyPlaces(file.training.stage(i), file.source, absl::StrCat("stage[", i, "]."), "", &stage.source);
    stage.path = file.path;
    stage.text = file.text;
    stage.stage = file.training.stage(i).name();
    CheckName(file, i, &errors);
    CheckSources(file, i, stage, &errors);
  }
  GRADUS_RETURN_IF_ERROR(errors.ToStatus());
  return stages;
}

absl::Status PlanStages(const TrainingFile& file, const TrainerOptions& options, const StageBegins& planned) {
  GRADUS_ASSIGN_OR_RETURN(const size_t first, FirstStage(file, options));
  std::map<std::string, VariableTypes> will_be_there;
  for (size_t i = first; i < file.stages.size(); ++i) {
    TrainerOptions plan = OptionsOf(file, i, options);
    plan.plan_only = true;
    bool goes_on = false;  // and starts from nothing else
    if (options.resume) {
      GRADUS_ASSIGN_OR_RETURN(const std::vector<int64_t> steps, ListCheckpoints(plan.run_dir));
      goes_on = !steps.empty();
    }
    GRADUS_ASSIGN_OR_RETURN(std::unique_ptr<Trainer> trainer, Trainer::Create(file.stages[i], std::move(plan)));
    VariableStore& variables = trainer->learner().variables();
    if (!goes_on) {
      GRADUS_RETURN_IF_ERROR(CheckInitFrom(file.stages[i], StagesFolder(options.run_dir), will_be_there, &variables));
    }
    will_be_there.emplace(file.stages[i].stage, ModelTypes(variables));
    if (planned != nullptr) planned(static_cast<int>(i), *trainer);
  }
  return absl::OkStatus();
}

absl::StatusOr<TrainResult> RunStages(const TrainingFile& file, const TrainerOptions& options,
                                      const StageBegins& begins) {
  GRADUS_CHECK(!file.stages.empty());
  GRADUS_RETURN_IF_ERROR(PlanStages(file, options, nullptr));
  GRADUS_ASSIGN_OR_RETURN(RunFolder folder, RunFolder::Open(options.run_dir, options.resume));
  TrainerOptions of_run = options;
  of_run.folder = std::make_shared<RunFolder>(std::move(folder));
  GRADUS_ASSIGN_OR_RETURN(const size_t first, FirstStage(file, options));
  TrainResult result;
  for (size_t i = first; i < file.stages.size(); ++i) {
    TrainerOptions own = OptionsOf(file, i, of_run);
    if (options.resume) {  // a stage that has not begun begins as any run does
      GRADUS_ASSIGN_OR_RETURN(const PathKind log, KindOfPath(JoinPath(own.run_dir, "metrics.jsonl")));
      GRADUS_ASSIGN_OR_RETURN(const std::vector<int64_t> steps, ListCheckpoints(own.run_dir));
      own.resume = log != PathKind::kMissing || !steps.empty();
    }
    GRADUS_ASSIGN_OR_RETURN(std::unique_ptr<Trainer> trainer, Trainer::Create(file.stages[i], std::move(own)));
    if (begins != nullptr) begins(static_cast<int>(i), *trainer);
    GRADUS_ASSIGN_OR_RETURN(result, trainer->Run());
    if (result.signal == 0 || i + 1 == file.stages.size()) continue;
    result.exit_code = 128 + result.signal;  // the stage may be at its end; the run is not
    break;
  }
  return result;
}

}  // namespace gradus
