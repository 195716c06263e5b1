// Measures gradients layer by layer: see kUsage.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/file.h"
#include "core/glob.h"
#include "core/human.h"
#include "core/status_macros.h"
#include "data/loader.h"
#include "examples/command_line.h"
#include "examples/gradient_norms.h"
#include "examples/text_table.h"
#include "examples/training_data.h"
#include "train/data_binding.h"

namespace {

constexpr char kUsage[] =
    R"(Measures how large the gradient of each parameter is before the first step, for the first batch of training.

  show_gradients --config=examples/shortcuts/plain.train.textproto
  show_gradients --config=examples/shortcuts/shortcut.train.textproto --match='**/bias'

The bars are the logarithm of the root mean square: each letter is a factor of 10^(1/4). With an `init_from` in the
training file the gradients are those at these weights.

The last line on stdout is a JSON object: the root mean squares of the first and the last parameter, and first / last;
null for what is not finite.

Exit code: 0, 1 after an error, 2 for wrong flags.)";

}  // namespace

ABSL_FLAG(std::string, config, "", "training file (gradus.Training as text)");
ABSL_FLAG(std::string, stage, "", "of a training file with stages: which one");
ABSL_FLAG(std::string, run_dir, "",
          "of a stage that starts from an earlier one: the folder of the run that has trained that");
ABSL_FLAG(std::string, data_dir, "", "folder that relative paths of data sets start from; empty: the current one");
ABSL_FLAG(std::string, match, "**/weights", "which parameters to show (a pattern as in param_group)");
ABSL_FLAG(gradus::RepeatedFlag, set, {}, "path.to.field=value: overrides a field of the training file; repeatable");

namespace gradus {
namespace {

absl::StatusOr<std::vector<GradientNorm>> Measure(const TrainingFile& file) {
  GRADUS_ASSIGN_OR_RETURN(const std::unique_ptr<Loader> loader,
                          OpenTrainingData(file, absl::GetFlag(FLAGS_data_dir), file.training.batch_size()));
  GRADUS_ASSIGN_OR_RETURN(DataBinding binding, DataBinding::Make(file, "train_data", loader->columns()));
  GRADUS_ASSIGN_OR_RETURN(const Batch* batch, loader->Next());
  LearnerOptions options;
  options.training_source = file.source;
  options.input_dims = binding.input_dims();
  const std::string run = UserPath(absl::GetFlag(FLAGS_run_dir));
  for (const InitFrom& init : file.training.init_from()) {
    if (!init.has_stage() || !run.empty()) continue;
    return WrongFlags(absl::StrCat("stage '", file.stage, "' starts from stage '", init.stage(),
                                   "'; --run_dir says in which run that was trained"));
  }
  GRADUS_ASSIGN_OR_RETURN(const std::vector<GradientNorm> all,
                          MeasureGradients(file, options, binding.Feeds(*batch), JoinPath(run, "stages")));
  std::vector<std::string> names;
  for (const GradientNorm& norm : all) names.push_back(norm.parameter);
  const absl::StatusOr<std::vector<size_t>> matches = MatchNames(absl::GetFlag(FLAGS_match), names, "parameter");
  if (!matches.ok())
    return absl::Status(matches.status().code(), absl::StrCat("--match: ", matches.status().message()));
  std::vector<GradientNorm> chosen;
  for (size_t i : *matches) chosen.push_back(all[i]);
  return chosen;
}

void Print(const std::vector<GradientNorm>& norms) {
  constexpr double kPerDecade = 4;  // letters of a bar for a factor of 10
  double least = INFINITY;
  for (const GradientNorm& norm : norms) {
    if (norm.rms() > 0 && std::isfinite(norm.rms())) least = std::min(least, norm.rms());
  }
  TextTable table(
      {TextTable::Align::kLeft, TextTable::Align::kRight, TextTable::Align::kRight, TextTable::Align::kLeft});
  table.Add({"parameter", "elements", "rms", "log rms"});
  table.AddRule();
  for (const GradientNorm& norm : norms) {
    std::string bar;
    if (!std::isfinite(norm.rms())) {
      bar = "not finite";
    } else if (norm.rms() > 0) {
      bar.assign(static_cast<size_t>(std::lround(1 + kPerDecade * std::log10(norm.rms() / least))), '#');
    }
    table.Add({norm.parameter, HumanCount(norm.elements), absl::StrFormat("%.2e", norm.rms()), bar});
  }
  const double first = norms.front().rms(), last = norms.back().rms();
  nlohmann::ordered_json json;
  const auto number = [](double value) {
    return std::isfinite(value) ? nlohmann::ordered_json(value) : nlohmann::ordered_json();  // null
  };
  json["first"] = number(first);
  json["last"] = number(last);
  json["first_to_last"] = last > 0 ? number(first / last) : nlohmann::ordered_json();
  std::printf("%s\n%s\n", table.ToString().c_str(), json.dump().c_str());
}

absl::StatusOr<int> ShowGradients(const std::vector<std::string>& arguments) {
  GRADUS_RETURN_IF_ERROR(RefuseArguments(arguments));
  GRADUS_RETURN_IF_ERROR(RequireFlags({"config", "match"}));
  GRADUS_ASSIGN_OR_RETURN(
      const TrainingFile file,
      LoadTraining(absl::GetFlag(FLAGS_config), absl::GetFlag(FLAGS_set).values, absl::GetFlag(FLAGS_stage)));
  GRADUS_ASSIGN_OR_RETURN(const std::vector<GradientNorm> norms, Measure(file));
  Print(norms);
  return 0;
}

}  // namespace
}  // namespace gradus

int main(int argc, char** argv) { return gradus::RunProgram(argc, argv, kUsage, gradus::ShowGradients); }
