#include "train/predictor.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "graph/lower.h"
#include "graph/program.h"

namespace gradus {

absl::StatusOr<std::unique_ptr<Predictor>> Predictor::Create(const ExpandedModel& model,
                                                             std::shared_ptr<VariableStore> variables, int64_t batch,
                                                             SessionOptions options,
                                                             absl::flat_hash_map<std::string, Shape> input_dims) {
  LowerOptions lower;
  lower.mode = Mode::kInfer;
  lower.batch = batch;
  lower.input_dims = std::move(input_dims);
  GRADUS_ASSIGN_OR_RETURN(Network network, Lower(model, lower));
  std::unique_ptr<Predictor> predictor(new Predictor(std::move(variables), std::move(options)));
  for (const NamedValue& output : network.outputs) predictor->outputs_.push_back(output.name);
  GRADUS_ASSIGN_OR_RETURN(predictor->plan_, predictor->session_.Compile(BuildForward(std::move(network))));
  return predictor;
}

absl::Status Predictor::RunInPlace(absl::Span<const InputFeed> feeds) {
  GRADUS_RETURN_IF_ERROR(FeedAll(&session_, plan_, feeds));
  GRADUS_RETURN_IF_ERROR(session_.Run(plan_, Stage::kCompute));
  return session_.Run(plan_, Stage::kCommit);
}

absl::StatusOr<std::vector<Tensor>> Predictor::Run(absl::Span<const InputFeed> feeds) {
  GRADUS_RETURN_IF_ERROR(RunInPlace(feeds));
  std::vector<Tensor> outputs;
  for (const std::string& name : outputs_) {
    GRADUS_ASSIGN_OR_RETURN(Tensor output, session_.Fetch(plan_, absl::StrCat("output/", name)));
    outputs.push_back(std::move(output));
  }
  return outputs;
}

}  // namespace gradus
