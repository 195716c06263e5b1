// Which candidate runs a node; see plan_builder.h.
#include <algorithm>
#include <limits>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "core/status_macros.h"
#include "graph/op.h"
#include "graph/plan_builder.h"

namespace gradus {
namespace {

// The first candidate is kept unless another takes less than this part of its time: times are noisy, and its layouts
// are those that the operation is known to like.
constexpr double kWorthAChange = 0.97;

// A trial is given up when it is behind another by this factor, past this part of the nodes: timing its kernels would
// take long, and those that come are no better.
constexpr double kFarBehind = 1.1, kPartToTry = 0.1;

}  // namespace

absl::StatusOr<ChoicePtr> PlanBuilder::Choose(int index, const KernelSignature& signature) {
  const Node& node = graph_.node(index);
  if (trial_ != nullptr && !trial_->first_candidates) {
    GRADUS_ASSIGN_OR_RETURN(std::vector<ChoicePtr> all, catalog_->AllCandidates(graph_, node, signature));
    if (!all.empty()) return ChooseByTime(index, signature, std::move(all));
  }
  const auto asked = plan_->options_.kernel_choices.find(node.name);
  if (asked != plan_->options_.kernel_choices.end()) return ChooseByName(index, signature, asked->second);
  GRADUS_ASSIGN_OR_RETURN(const std::vector<ChoicePtr> candidates, catalog_->Candidates(graph_, node, signature));
  if (candidates.empty()) return absl::UnimplementedError("no kernel can run this");
  return candidates.front();
}

absl::StatusOr<ChoicePtr> PlanBuilder::ChooseByName(int index, const KernelSignature& signature,
                                                    const KernelName& name) {
  const Node& node = graph_.node(index);
  const auto find = [&name](const std::vector<ChoicePtr>& candidates) -> ChoicePtr {
    for (const ChoicePtr& choice : candidates) {
      if (HasName(choice->candidate, name)) return choice;
    }
    return nullptr;
  };
  GRADUS_ASSIGN_OR_RETURN(const std::vector<ChoicePtr> at_hand, catalog_->Candidates(graph_, node, signature));
  if (ChoicePtr found = find(at_hand); found != nullptr) return found;
  GRADUS_ASSIGN_OR_RETURN(const std::vector<ChoicePtr> all, catalog_->AllCandidates(graph_, node, signature));
  if (ChoicePtr found = find(all); found != nullptr) return found;
  return absl::FailedPreconditionError(
      absl::StrCat("the kernel '", name.ToString(), "' that was chosen earlier is not possible here; there is ",
                   absl::StrJoin(all, ", ", [&name](std::string* out, const ChoicePtr& choice) {
                     const KernelName known = NameOf(choice->candidate);
                     out->append(name.layouts.empty() ? known.implementation : known.ToString());
                   })));
}

// The candidate with the least sum of its time and that of the changes of layouts that it asks for. Those that ask for
// few are timed first, so that the others are timed only as long as they may win.
absl::StatusOr<ChoicePtr> PlanBuilder::ChooseByTime(int index, const KernelSignature& signature,
                                                    std::vector<ChoicePtr> all) {
  const Node& node = graph_.node(index);
  const std::string operation = OperationKey(graph_, node, plan_->program_.inference);
  struct Option {
    ChoicePtr choice;
    double inputs, outputs;  // changes of layouts
    double milliseconds;
    double moves() const { return inputs + outputs; }
    double total() const { return moves() + milliseconds; }
  };
  std::vector<Option> options;
  for (ChoicePtr& choice : all) {
    const double inputs = InputMoves(node, choice->candidate),
                 outputs = OutputMoves(index, signature, choice->candidate);
    options.push_back({std::move(choice), inputs, outputs, std::numeric_limits<double>::infinity()});
  }
  std::stable_sort(options.begin() + 1, options.end(),
                   [](const Option& a, const Option& b) { return a.moves() < b.moves(); });

  Trial::Fastest& fastest = trial_->fastest[index];
  const Option *best = nullptr, *best_at_hand = nullptr;
  double bound = std::numeric_limits<double>::infinity();  // what another has to stay below to be chosen
  for (Option& option : options) {
    double enough = bound - option.moves();
    if (trial_->all_times && fastest.choice != nullptr) enough = fastest.milliseconds;

    if (options.size() > 1 || trial_->all_times) {
      if (enough <= 0 && !trial_->all_times) continue;
      const absl::StatusOr<double> time = trial_->times->Of(operation, *option.choice, enough);
      if (!time.ok()) continue;
      option.milliseconds = *time;
    } else {
      option.milliseconds = trial_->times->Of(operation, *option.choice).value_or(0);
    }
    if (fastest.choice == nullptr || option.milliseconds < fastest.milliseconds) {
      fastest = {option.choice, option.milliseconds};
    }
    if (option.inputs == 0 && (best_at_hand == nullptr || option.milliseconds < best_at_hand->milliseconds)) {
      best_at_hand = &option;
    }
    if (option.total() >= bound) continue;
    bound = &option == &options[0] ? kWorthAChange * option.total() : option.total();
    best = &option;
  }
  if (best == nullptr) return options[0].choice;  // none can be timed
  if (best->inputs > 0) {
    std::string note = absl::StrFormat("%s: %s takes %.3f ms and %.3f ms of layout changes before it", node.name,
                                       NameOf(best->choice->candidate).ToString(), best->milliseconds, best->inputs);
    if (best_at_hand != nullptr) {
      absl::StrAppendFormat(&note, "; without any, %s takes %.3f ms",
                            NameOf(best_at_hand->choice->candidate).ToString(), best_at_hand->milliseconds);
    } else {
      note.append("; no kernel takes the layouts as they are");
    }
    trial_->notes.push_back(std::move(note));
  }
  return best->choice;
}

double PlanBuilder::InputMoves(const Node& node, const Candidate& candidate) {
  double total = 0;
  for (size_t i = 0; i < node.inputs.size() && i < candidate.inputs.size(); ++i) {
    if (!candidate.inputs[i].any()) total += MoveOfInput(node.inputs[i], candidate.inputs[i]);
  }
  return total;
}

double PlanBuilder::OutputMoves(int index, const KernelSignature& signature, const Candidate& candidate) {
  const Node& node = graph_.node(index);
  double total = 0;
  for (size_t i = 0; i < node.outputs.size(); ++i) {
    const Value output = {index, static_cast<int>(i)};
    for (LayoutPtr wish : Wishes(output, signature)) total += MoveTime(candidate.outputs[i], *wish, node.outputs[i]);
  }
  return total;
}

// The layouts in which an output will be read.
std::vector<LayoutPtr> PlanBuilder::Wishes(Value output, const KernelSignature& signature) const {
  if (const LayoutPtr wanted = signature.wanted[output.output]; !wanted->any()) return {wanted};
  if (const auto written = written_to_.find(output); written != written_to_.end()) {
    const Layout storage = store_->layout(written->second);
    if (storage.any()) return {};
    return {catalog_->Keep(storage)};
  }
  const auto known = trial_->wishes.find(output);
  if (known != trial_->wishes.end()) return known->second;
  const TensorType& type = graph_.type(output);
  if (!trial_->format.has_value() || type.dtype != DType::kFloat32) return {};
  return {catalog_->Keep(InFormat(type, *trial_->format))};
}

// Nothing for a variable whose storage is still free, nor, when nothing is trained, for any.
double PlanBuilder::MoveOfInput(Value input, const Layout& layout) {
  const Where where = where_[input.node][input.output];
  const TensorType& type = graph_.type(input);
  if (where.variable >= 0) {
    const Layout storage = store_->layout(where.variable);
    if (storage.any() || storage == layout || plan_->program_.inference) return 0;
    for (const auto& [variable, buffer] : variable_buffer_) {
      if (variable.first == where.variable && variable.second >= 0 &&
          store_->replica_layout(variable.first, variable.second) == layout) {
        return 0;
      }
    }
    return MoveTime(storage, layout, type);
  }
  if (*where.layout == layout) return 0;
  const auto copies = copies_.find(input);
  if (copies != copies_.end()) {
    for (const auto& [known, buffer] : copies->second) {
      if (*known == layout) return 0;
    }
  }
  return MoveTime(*where.layout, layout, type);
}

double PlanBuilder::MoveTime(const Layout& from, const Layout& to, const TensorType& type) {
  if (from == to || from.opaque() || to.opaque()) return 0;
  const absl::StatusOr<ChoicePtr> direct = catalog_->Reorder(from, to);
  if (direct.ok()) return trial_->times->OfReorder(**direct).value_or(0);
  const Layout plain = Layout::Plain(type);
  if (from == plain || to == plain) return std::numeric_limits<double>::infinity();  // there is no way
  return MoveTime(from, plain, type) + MoveTime(plain, to, type);
}

// Adds the step's time to the trial's.
void PlanBuilder::NoteStep(const PlanStep& step) {
  const absl::StatusOr<double> time =
      step.node < 0
          ? trial_->times->OfReorder(*step.choice)
          : trial_->times->Of(OperationKey(graph_, graph_.node(step.node), plan_->program_.inference), *step.choice);
  trial_->milliseconds += time.value_or(0);
}

absl::Status PlanBuilder::CheckRival(int index) {
  trial_->milliseconds_to[index] = trial_->milliseconds;
  if (trial_->rival == nullptr || index < kPartToTry * graph_.size()) return absl::OkStatus();
  if (trial_->milliseconds <= kFarBehind * trial_->rival->milliseconds_to[index]) return absl::OkStatus();
  return absl::CancelledError("far behind another plan");
}

}  // namespace gradus
