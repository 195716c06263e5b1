#include "graph/kernel_search.h"

#include <memory>
#include <optional>
#include <utility>

#include "core/status_macros.h"
#include "graph/kernel_times.h"
#include "graph/plan_builder.h"

namespace gradus {
namespace {

constexpr int kMostRefinements = 3;

class Trials {
 public:
  Trials(const Program& program, const VariableStore& store, const PlanOptions& options, TuningCache* cache)
      : program_(program),
        store_(store),
        options_(options),
        times_(cache),
        catalog_(std::make_shared<KernelCatalog>(program.inference, options.threads)) {}

  absl::Status Run(Trial* trial) {
    trial->times = &times_;
    VariableStore variables;
    GRADUS_RETURN_IF_ERROR(CopyLayouts(program_.graph, store_, &variables));
    return PlanBuilder(program_, &variables, options_).Try(catalog_, trial);
  }

 private:
  const Program& program_;
  const VariableStore& store_;
  const PlanOptions& options_;
  KernelTimes times_;
  std::shared_ptr<KernelCatalog> catalog_;
};

std::vector<std::optional<ImageFormat>> Guesses() {
  std::vector<std::optional<ImageFormat>> guesses = {std::nullopt};
  for (ImageFormat format : ImageFormats()) guesses.push_back(format);
  return guesses;
}

}  // namespace

absl::StatusOr<KernelSearchResult> SearchKernels(const Program& program, const VariableStore& store,
                                                 const PlanOptions& options, TuningCache* cache) {
  Trials trials(program, store, options, cache);
  Trial first;
  first.first_candidates = true;
  GRADUS_RETURN_IF_ERROR(trials.Run(&first));
  const double first_milliseconds = first.milliseconds;
  Trial best = std::move(first);
  for (const std::optional<ImageFormat>& guess : Guesses()) {
    Trial trial;
    trial.format = guess;
    trial.rival = &best;
    const absl::Status tried = trials.Run(&trial);
    if (absl::IsCancelled(tried)) continue;
    GRADUS_RETURN_IF_ERROR(tried);
    if (trial.milliseconds < best.milliseconds) best = std::move(trial);
  }
  for (int i = 0; i < kMostRefinements; ++i) {
    Trial trial;
    trial.wishes = best.wanted;
    GRADUS_RETURN_IF_ERROR(trials.Run(&trial));
    if (trial.milliseconds >= best.milliseconds) break;
    best = std::move(trial);
  }
  KernelSearchResult result;
  result.choices = std::move(best.choices);
  result.milliseconds = best.milliseconds;
  result.first_milliseconds = first_milliseconds;
  result.notes = std::move(best.notes);
  return result;
}

// A pair of nodes (pooling and its gradient) may be fastest in a layout that no other node likes: so all guesses count.
absl::StatusOr<std::vector<NodeLimit>> PrimitiveLimits(const Program& program, const PlanOptions& options,
                                                       TuningCache* cache) {
  const VariableStore store;
  Trials trials(program, store, options, cache);
  std::vector<Trial::Fastest> fastest(program.graph.size());
  for (const std::optional<ImageFormat>& guess : Guesses()) {
    Trial trial;
    trial.format = guess;
    trial.all_times = true;
    GRADUS_RETURN_IF_ERROR(trials.Run(&trial));
    for (size_t i = 0; i < fastest.size(); ++i) {
      const Trial::Fastest& found = trial.fastest[i];
      if (found.choice == nullptr) continue;
      if (fastest[i].choice == nullptr || found.milliseconds < fastest[i].milliseconds) fastest[i] = found;
    }
  }
  std::vector<NodeLimit> limits;
  for (size_t i = 0; i < fastest.size(); ++i) {
    if (fastest[i].choice == nullptr) continue;
    const Candidate& candidate = fastest[i].choice->candidate;
    limits.push_back({program.graph.node(static_cast<int>(i)).name, candidate.implementation,
                      candidate.outputs.empty() ? "" : candidate.outputs[0].ToString(), fastest[i].milliseconds,
                      fastest[i].choice});
  }
  return limits;
}

LimitTimer::LimitTimer(absl::Span<const NodeLimit> limits) {
  for (const NodeLimit& limit : limits) ++counts_[limit.choice];
}

absl::StatusOr<double> LimitTimer::Time() {
  double all = 0;
  for (const auto& [choice, count] : counts_) {
    GRADUS_ASSIGN_OR_RETURN(const double once, timer_.TimeOnce(choice->candidate, choice->at_hand));
    all += count * once;
  }
  return all;
}

}  // namespace gradus
