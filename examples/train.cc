// Trains a network: see kUsage.
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "core/file.h"
#include "core/status_macros.h"
#include "examples/command_line.h"
#include "examples/pass_flags.h"
#include "train/stages.h"
#include "train/trainer.h"

namespace {
#include "examples/default_run.inc"

constexpr char kUsage[] = R"(Trains a network that is written as text.

  train                                             LeNet on digits that it draws itself, in a fresh run folder
  train --config=lenet.train.textproto --data_dir=mnist --run_dir=runs/lenet
  train --config=... --run_dir=runs/lenet --resume  goes on where a stopped or killed run was
  train --config=... --set=learning_rate=0.05 --set=optimizer.sgd.momentum=0.8
  train --config=... --dry_run                      checks everything, plans the memory, and trains nothing
  train --config=... --tuning_cache=tuning.json     chooses kernels by their times on this machine

The training file (proto/train.proto) names the model file (proto/model.proto). The run folder receives
kernels.textproto, metrics.jsonl and checkpoints/. Ctrl-C finishes the step, saves and ends; a second one ends at once.

--tuning_cache: times that the file does not have are measured before the first step, which takes as long as some tens
of steps, and added to it. A run that goes on keeps its kernels, whatever the file says, so that it gives the same bytes.

--trace=FILE writes three steps as Chrome's trace events; https://ui.perfetto.dev shows them.

Progress goes to stderr. The last line on stdout is a JSON object: step, loss (of the last step), eval_<metric>,
examples_per_second (while training), data_wait (the share of that time in which the steps waited for data),
skipped_examples (that could not be read) and peak_bytes (most resident memory of the process).

Exit code: 0 when the run has ended, 1 after an error, 2 for wrong flags, 130 or 143 when SIGINT or SIGTERM has
stopped it.)";

}  // namespace

ABSL_FLAG(std::string, config, "", "training file (gradus.Training as text); empty: LeNet on synthetic digits");
ABSL_FLAG(std::string, data_dir, "", "folder that relative paths of data sets start from; empty: the current one");
ABSL_FLAG(std::string, run_dir, "", "folder of the run; empty: a fresh one, runs/<model>-<n>");
ABSL_FLAG(bool, resume, false, "go on from the run folder's newest checkpoint; an empty folder starts afresh");
ABSL_FLAG(int, threads, 0, "compute threads; 0: what the training file says, else one for each core");
ABSL_FLAG(bool, dry_run, false, "check files and data, compile the plan, print it, and stop");
ABSL_FLAG(gradus::RepeatedFlag, set, {}, "path.to.field=value: overrides a field of the training file; repeatable");
ABSL_FLAG(bool, print_memory_plan, false,
          "draw the plan's memory over time, and list what is alive when it is fullest");
ABSL_FLAG(std::string, tuning_cache, "", "file of kernels' times: choose kernels by them, and measure those it lacks");
ABSL_FLAG(std::string, trace, "", "file to write a trace of three steps to");
ABSL_FLAG(bool, debug_arena, false, "fill planned memory with NaN so that reading what nobody wrote shows");

namespace gradus {
namespace {

absl::StatusOr<TrainingFile> LoadConfig() {
  std::vector<std::string> overrides = absl::GetFlag(FLAGS_set).values;
  if (const int threads = absl::GetFlag(FLAGS_threads); threads > 0) {
    overrides.push_back(absl::StrCat("threads=", threads));
  }
  const std::string config = absl::GetFlag(FLAGS_config);
  if (!config.empty()) return LoadTrainingFile(UserPath(config), overrides);
  return LoadTrainingText(kDefaultRun, "lenet.train.textproto", kDefaultModel, "lenet.textproto", overrides);
}

// Where relative paths of data sets start from.
std::string DataDir() {
  const std::string given = absl::GetFlag(FLAGS_data_dir);
  const std::string here = UserPath(".");  // not "." under `bazel run`
  if (!given.empty()) return UserPath(given);
  return here == "." ? "" : ParentFolder(here);
}

// runs/<model>-<n> with the first n that is free.
absl::StatusOr<std::string> FreshRunFolder(std::string model) {
  if (model.empty()) model = "model";
  std::replace_if(
      model.begin(), model.end(), [](char c) { return !absl::ascii_isalnum(c) && c != '-'; }, '_');
  for (int n = 1;; ++n) {
    const std::string folder = UserPath(absl::StrCat("runs/", model, "-", n));
    GRADUS_ASSIGN_OR_RETURN(PathKind kind, KindOfPath(folder));
    if (kind == PathKind::kMissing) return folder;
  }
}

// What is about to be trained, or only was planned.
void Show(Trainer& trainer, const std::string& run_dir, bool dry_run) {
  std::fprintf(stderr, "%s\n", trainer.Describe().c_str());
  const Plan& plan = trainer.learner().plan();
  if (absl::GetFlag(FLAGS_print_memory_plan)) std::fprintf(stderr, "%s\n", plan.DrawMemory().c_str());
  if (dry_run) {
    std::printf("%s\n%s", plan.ToString().c_str(), plan.Explain().c_str());
  } else {
    std::fprintf(stderr, "run        %s\n", run_dir.c_str());
  }
}

// The last line, and the exit code.
absl::StatusOr<int> End(const absl::StatusOr<TrainResult>& result) {
  GRADUS_RETURN_IF_ERROR(result.status());
  if (result->exit_code != 0) {
    std::fprintf(stderr, "stopped by a signal after step %lld%s and saved; --resume goes on\n",
                 static_cast<long long>(result->step),
                 result->stage.empty() ? "" : absl::StrCat(" of stage ", result->stage).c_str());
  }
  std::printf("%s\n", result->ToJson().c_str());
  return result->exit_code;
}

absl::StatusOr<int> Train(const std::vector<std::string>& arguments) {
  std::signal(SIGXFSZ, SIG_IGN);  // a limit on the size of files is an error of a write, also of a log's
  GRADUS_RETURN_IF_ERROR(RefuseArguments(arguments));
  GRADUS_RETURN_IF_ERROR(CheckFlagRange("threads", absl::GetFlag(FLAGS_threads), 0, 1024));
  if (absl::GetFlag(FLAGS_resume) && absl::GetFlag(FLAGS_run_dir).empty()) {
    return WrongFlags("--resume needs --run_dir: which run is to go on?");
  }
  GRADUS_ASSIGN_OR_RETURN(TrainingFile file, LoadConfig());
  TrainerOptions options;
  options.data_dir = DataDir();
  options.resume = absl::GetFlag(FLAGS_resume);
  options.debug_arena = absl::GetFlag(FLAGS_debug_arena);
  options.run_dir = UserPath(absl::GetFlag(FLAGS_run_dir));
  if (options.run_dir.empty()) {
    GRADUS_ASSIGN_OR_RETURN(options.run_dir, FreshRunFolder(file.model.written.name()));
  }
  options.passes = PassOptionsOfFlags();
  if (const std::string cache = absl::GetFlag(FLAGS_tuning_cache); !cache.empty()) {
    const int threads = file.training.threads() > 0 ? file.training.threads() : AvailableCores();
    options.tuning = std::make_shared<TuningCache>(threads, UserPath(cache));
  }
  if (const std::string trace = absl::GetFlag(FLAGS_trace); !trace.empty()) options.trace = UserPath(trace);
  const bool dry_run = absl::GetFlag(FLAGS_dry_run);
  if (!file.stages.empty()) {
    const StageBegins begins = [&file, &options, dry_run](int stage, Trainer& trainer) {
      std::fprintf(stderr, "stage      %d of %d: %s\n", stage + 1, static_cast<int>(file.stages.size()),
                   file.stages[stage].stage.c_str());
      Show(trainer, options.run_dir, dry_run);
    };
    if (dry_run) {
      GRADUS_RETURN_IF_ERROR(PlanStages(file, options, begins));
      return 0;
    }
    return End(RunStages(file, options, begins));
  }
  const std::string run_dir = options.run_dir;
  GRADUS_ASSIGN_OR_RETURN(std::unique_ptr<Trainer> trainer, Trainer::Create(std::move(file), std::move(options)));
  Show(*trainer, run_dir, dry_run);
  return dry_run ? 0 : End(trainer->Run());
}

}  // namespace
}  // namespace gradus

int main(int argc, char** argv) { return gradus::RunProgram(argc, argv, kUsage, gradus::Train); }
