#include "examples/gradient_norms.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "graph/program.h"
#include "graph/session.h"
#include "train/init_from.h"

namespace gradus {

double GradientNorm::rms() const { return norm / std::sqrt(static_cast<double>(std::max<int64_t>(1, elements))); }

// The training program with one more thing to fetch for each gradient; of its stages only the first runs.
absl::StatusOr<std::vector<GradientNorm>> MeasureGradients(const TrainingFile& file, const LearnerOptions& options,
                                                           absl::Span<const InputFeed> feeds,
                                                           const std::string& stages) {
  std::vector<LossScale> losses;
  GRADUS_ASSIGN_OR_RETURN(Program program, BuildTrainingProgram(file.model, file.training, options, &losses));
  std::vector<GradientNorm> norms;
  auto fetch = [](const std::string& parameter) { return absl::StrCat("gradient/", parameter); };
  for (const auto& [gradient, parameter] : program.gradients) {
    const std::string name = program.graph.node(parameter).name;
    norms.push_back({name, program.graph.type(parameter).shape.num_elements(), 0});
    GRADUS_ASSIGN_OR_RETURN(const Value norm, program.graph.Add({"SquaredNorm", fetch(name), {gradient}, {}, {}}));
    program.fetches.push_back({fetch(name), norm});
  }
  auto variables = std::make_shared<VariableStore>(file.training.seed());
  SessionOptions session_options;
  session_options.threads = file.training.threads();
  Session session(variables, std::move(session_options));
  GRADUS_ASSIGN_OR_RETURN(Plan* const plan, session.Compile(std::move(program)));
  GRADUS_RETURN_IF_ERROR(InitializeFrom(file, stages, variables.get(), [](const std::string&) {}));
  std::vector<InputFeed> all(feeds.begin(), feeds.end());
  const Tensor rate(TensorType{DType::kFloat32, Shape()});
  all.push_back({kLearningRate, &rate});
  GRADUS_RETURN_IF_ERROR(FeedAll(&session, plan, all));
  GRADUS_RETURN_IF_ERROR(session.Run(plan, Stage::kCompute));
  for (GradientNorm& norm : norms) {
    GRADUS_ASSIGN_OR_RETURN(const float squared, session.FetchScalar(plan, fetch(norm.parameter)));
    norm.norm = std::sqrt(static_cast<double>(squared));
  }
  return norms;
}

}  // namespace gradus
