#include "tests/testlib/kernel_check.h"

#include <omp.h>

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "graph/kernel.h"
#include "graph/op.h"
#include "tests/testlib/guarded_buffer.h"
#include "tests/testlib/slot.h"

namespace gradus {
namespace {

absl::Status CheckLayout(const Layout& layout, const TensorType& type) {
  if (type.dtype == DType::kOpaque) {
    if (!layout.opaque()) return absl::InternalError(absl::StrCat(layout.ToString(), " for an opaque value"));
    return absl::OkStatus();
  }
  if (layout.any() || layout.opaque()) {
    return absl::InternalError(absl::StrCat("'", layout.ToString(), "' for ", type.ToString()));
  }
  int64_t elements = 1;
  for (int i = 0; i < layout.desc().ndims; ++i) elements *= layout.desc().dims[i];
  if (elements != type.shape.num_elements() || layout.desc().data_type != Layout::Plain(type).desc().data_type) {
    return absl::InternalError(absl::StrCat(layout.ToString(), " of other elements than ", type.ToString()));
  }
  return absl::OkStatus();
}

absl::Status CheckCandidate(const Candidate& candidate, const KernelContext& context) {
  const Node& node = context.node;
  if (candidate.implementation.empty()) return absl::InternalError("a candidate has no name");
  if (candidate.inputs.size() != node.inputs.size() || candidate.outputs.size() != node.outputs.size()) {
    return absl::InternalError(absl::StrCat(candidate.implementation, " has ", candidate.inputs.size(), " input and ",
                                            candidate.outputs.size(), " output layouts; expected ", node.inputs.size(),
                                            " and ", node.outputs.size()));
  }
  auto check = [&](const Layout& layout, const TensorType& type, absl::string_view what, size_t i) {
    const absl::Status status = CheckLayout(layout, type);
    if (status.ok()) return status;
    return absl::InternalError(
        absl::StrCat(candidate.implementation, ": layout of ", what, " ", i, ": ", status.message()));
  };
  for (size_t i = 0; i < node.inputs.size(); ++i) {
    if (candidate.inputs[i].any()) continue;
    GRADUS_RETURN_IF_ERROR(check(candidate.inputs[i], context.input_type(i), "input", i));
  }
  for (size_t i = 0; i < node.outputs.size(); ++i) {
    GRADUS_RETURN_IF_ERROR(check(candidate.outputs[i], node.outputs[i], "output", i));
  }
  if (candidate.scratch_bytes < 0) return absl::InternalError("scratch of a negative size");
  return absl::OkStatus();
}

// The buffers of one run of one kernel.
struct Call {
  std::vector<Slot> inputs, outputs;
  std::vector<const void*> input_addresses;
  std::vector<void*> output_addresses;
  std::shared_ptr<GuardedBuffer> scratch;

  Buffers buffers(const RunState* state) {
    input_addresses.clear();
    output_addresses.clear();
    for (const Slot& slot : inputs) input_addresses.push_back(slot.buffer->data());
    for (const Slot& slot : outputs) output_addresses.push_back(slot.buffer->data());
    return Buffers{input_addresses, output_addresses, scratch->data(), state};
  }
};

// Runs the graph once; `choice` and `forward_choice` number the candidates of the node under test and of its partner.
class KernelRun {
 public:
  KernelRun(const CaseGraph& graph, const KernelSetting& setting, int forward_choice, int choice)
      : case_(graph), graph_(graph.graph), setting_(setting), forward_choice_(forward_choice), choice_(choice) {}

  absl::Status Run(absl::Span<const ReferenceTensor> expected, const KernelTolerance& tolerance) {
    const std::vector<bool> needed = NeededNodes();
    for (int i = 0; i <= case_.node; ++i) {
      if (needed[i]) GRADUS_RETURN_IF_ERROR(RunNode(i, expected, tolerance));
    }
    return absl::OkStatus();
  }

  // Once run.
  int candidates() const { return candidates_; }
  int forward_candidates() const { return forward_candidates_; }
  std::string implementation() const {
    auto chosen = chosen_.find(case_.node);
    return chosen == chosen_.end() ? "no candidate" : chosen->second.implementation;
  }

 private:
  std::vector<bool> NeededNodes() const {
    std::vector<bool> needed(graph_.size(), false);
    needed[case_.node] = true;
    for (int i = case_.node; i >= 0; --i) {
      if (!needed[i]) continue;
      if (graph_.node(i).forward >= 0) needed[graph_.node(i).forward] = true;
      for (Value input : graph_.node(i).inputs) needed[input.node] = true;
    }
    return needed;
  }

  absl::Status RunNode(int index, absl::Span<const ReferenceTensor> expected, const KernelTolerance& tolerance) {
    const Node& node = graph_.node(index);
    if (node.op->is_source()) return Feed(index);
    const KernelEntry* entry = Registry<KernelEntry>::Get().Find(node.op->name());
    if (entry == nullptr && !node.op->views().empty()) return RunView(index);
    if (entry == nullptr) return absl::UnimplementedError(absl::StrCat("no kernel for ", node.op->name()));

    GRADUS_ASSIGN_OR_RETURN(Candidate candidate, Choose(index, *entry));
    Call call;
    std::vector<Slot> untouched;
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      absl::StatusOr<Slot> slot = Reordered(slots_.at(node.inputs[i]), candidate.inputs[i]);
      if (!slot.ok()) return absl::InternalError(absl::StrCat("input ", i, ": ", slot.status().message()));
      call.inputs.push_back(Copy(*slot));
      untouched.push_back(*std::move(slot));
    }
    auto kernel = candidate.make();
    if (!kernel.ok()) return kernel.status();
    GRADUS_RETURN_IF_ERROR(RunKernel(kernel->get(), candidate, GuardedBuffer::kPoisons[0], &call));
    for (size_t i = 0; i < untouched.size(); ++i) {
      if (!SameBytes(untouched[i], call.inputs[i])) return absl::InternalError(absl::StrCat("writes to input ", i));
    }
    if (index == case_.node) GRADUS_RETURN_IF_ERROR(CheckCall(kernel->get(), candidate, call, expected, tolerance));
    for (size_t i = 0; i < node.outputs.size(); ++i) slots_[Value{index, static_cast<int>(i)}] = call.outputs[i];
    return absl::OkStatus();
  }

  absl::Status Feed(int index) {
    const Node& node = graph_.node(index);
    auto feed = case_.feeds.find(node.name);
    if (feed == case_.feeds.end()) return absl::NotFoundError(absl::StrCat("nothing is fed for ", node.name));
    const auto input = std::find(case_.inputs.begin(), case_.inputs.end(), Value{index, 0});
    const TensorType& type = node.outputs[0];
    const Slot plain = PlainSlot(feed->second, type);
    const Layout wanted = setting_.layout(static_cast<int>(input - case_.inputs.begin()), type);
    GRADUS_ASSIGN_OR_RETURN(slots_[(Value{index, 0})], Reordered(plain, wanted));
    return absl::OkStatus();
  }

  // An operation without a kernel that gives its inputs' plain bytes another shape.
  absl::Status RunView(int index) {
    const Node& node = graph_.node(index);
    for (const InputOutputPair& view : node.op->views()) {
      const Value input = node.inputs[view.input];
      GRADUS_ASSIGN_OR_RETURN(Slot slot, Reordered(slots_.at(input), Layout::Plain(graph_.type(input))));
      slot.layout = Layout::Plain(node.outputs[view.output]);
      slots_[Value{index, view.output}] = std::move(slot);
    }
    return absl::OkStatus();
  }

  absl::StatusOr<Candidate> Choose(int index, const KernelEntry& entry) {
    const Node& node = graph_.node(index);
    std::vector<Layout> at_hand, wanted;
    std::vector<bool> flexible;
    for (Value input : node.inputs) {
      at_hand.push_back(slots_.at(input).layout);
      flexible.push_back(setting_.flexible && graph_.node(input).op->is_source());
    }
    for (const TensorType& type : node.outputs) {
      wanted.push_back(setting_.want_blocked && type.dtype != DType::kOpaque ? BlocksOf16(type) : Layout());
    }
    KernelContext context{graph_, node, at_hand, flexible, wanted};
    auto forward = chosen_.find(node.forward);
    if (forward != chosen_.end()) context.forward = &forward->second;
    context.inference = setting_.inference;
    context.threads = setting_.threads;

    GRADUS_ASSIGN_OR_RETURN(const std::vector<Candidate> all, entry.factory(context));
    if (all.empty()) return absl::InternalError("the factory gives no candidate");
    for (const Candidate& candidate : all) GRADUS_RETURN_IF_ERROR(CheckCandidate(candidate, context));
    int choice = 0;
    if (index == case_.node) choice = choice_, candidates_ = static_cast<int>(all.size());
    if (index == case_.under_test().forward)
      choice = forward_choice_, forward_candidates_ = static_cast<int>(all.size());
    choice = std::min(choice, static_cast<int>(all.size()) - 1);
    chosen_[index] = all[choice];
    return all[choice];
  }

  absl::Status RunKernel(Kernel* kernel, const Candidate& candidate, uint32_t poison, Call* call) {
    if (call->outputs.empty()) {
      for (const Layout& layout : candidate.outputs) call->outputs.push_back(NewSlot(layout, poison));
    }
    call->scratch = std::make_shared<GuardedBuffer>(candidate.scratch_bytes);
    call->scratch->Poison(poison);
    kernel->Bind(call->buffers(&case_.state));
    GRADUS_RETURN_IF_ERROR(kernel->Run());
    for (size_t i = 0; i < call->outputs.size(); ++i) {
      if (!call->outputs[i].buffer->intact()) {
        return absl::InternalError(absl::StrCat("writes outside the buffer of output ", i));
      }
    }
    for (size_t i = 0; i < call->inputs.size(); ++i) {
      if (!call->inputs[i].buffer->intact()) {
        return absl::InternalError(absl::StrCat("writes outside the buffer of input ", i));
      }
    }
    if (!call->scratch->intact()) {
      return absl::InternalError(absl::StrCat("writes outside its ", candidate.scratch_bytes, " bytes of scratch"));
    }
    return absl::OkStatus();
  }

  // Values and padding, then the same bytes again: from memory with other rubbish in it, and in place.
  absl::Status CheckCall(Kernel* kernel, const Candidate& candidate, const Call& first,
                         absl::Span<const ReferenceTensor> expected, const KernelTolerance& tolerance) {
    const Node& node = case_.under_test();
    size_t next = 0;
    for (size_t i = 0; i < node.outputs.size(); ++i) {
      if (node.outputs[i].dtype == DType::kOpaque) continue;
      const absl::Status status = CheckOutput(first.outputs[i], node.outputs[i], expected[next++], tolerance);
      if (!status.ok()) {
        return absl::InternalError(absl::StrCat("output ", i, " ", node.outputs[i].ToString(), " in ",
                                                first.outputs[i].layout.ToString(), ": ", status.message()));
      }
    }

    Call second;
    for (const Slot& input : first.inputs) second.inputs.push_back(Copy(input));
    GRADUS_RETURN_IF_ERROR(RunKernel(kernel, candidate, GuardedBuffer::kPoisons[1], &second));
    GRADUS_RETURN_IF_ERROR(CheckSame(first, second, "a second run"));

    if (!candidate.in_place) return absl::OkStatus();
    for (const InputOutputPair& pair : node.op->in_place(node.attrs)) {
      if (pair.input >= static_cast<int>(first.inputs.size())) continue;
      if (first.inputs[pair.input].layout != first.outputs[pair.output].layout) continue;
      Call third;
      for (const Slot& input : first.inputs) third.inputs.push_back(Copy(input));
      for (const Layout& layout : candidate.outputs) {
        third.outputs.push_back(NewSlot(layout, GuardedBuffer::kPoisons[0]));
      }
      third.outputs[pair.output].buffer = third.inputs[pair.input].buffer;
      GRADUS_RETURN_IF_ERROR(RunKernel(kernel, candidate, GuardedBuffer::kPoisons[0], &third));
      GRADUS_RETURN_IF_ERROR(
          CheckSame(first, third, absl::StrCat("output ", pair.output, " in the memory of input ", pair.input)));
    }
    return absl::OkStatus();
  }

  static absl::Status CheckSame(const Call& first, const Call& other, absl::string_view what) {
    for (size_t i = 0; i < first.outputs.size(); ++i) {
      if (first.outputs[i].layout.opaque()) continue;  // may have gaps that nobody reads
      if (!SameBytes(first.outputs[i], other.outputs[i])) {
        return absl::InternalError(absl::StrCat(what, " gives other bytes of output ", i));
      }
    }
    return absl::OkStatus();
  }

  const CaseGraph& case_;
  const Graph& graph_;
  const KernelSetting& setting_;
  const int forward_choice_, choice_;
  int candidates_ = 1, forward_candidates_ = 1;
  std::map<int, Candidate> chosen_;
  absl::flat_hash_map<Value, Slot> slots_;
};

// What tells settings apart for this graph: a scalar has no blocks.
std::string Fingerprint(const CaseGraph& graph, const KernelSetting& setting) {
  std::string text = absl::StrCat(setting.threads, setting.flexible, setting.want_blocked, setting.inference);
  for (size_t i = 0; i < graph.inputs.size(); ++i) {
    absl::StrAppend(&text, " ", setting.layout(static_cast<int>(i), graph.graph.type(graph.inputs[i])).ToString());
  }
  return text;
}

}  // namespace

std::vector<std::string> CheckKernels(const CaseGraph& graph, const std::vector<KernelSetting>& settings,
                                      const KernelTolerance& tolerance) {
  const Node& node = graph.under_test();
  if (node.op->is_sink() || node.op->is_source()) return {};
  if (!node.op->views().empty() && Registry<KernelEntry>::Get().Find(node.op->name()) == nullptr) return {};
  const auto expected = EvaluateReference(graph.graph, graph.outputs(), graph.feeds, graph.state);
  if (!expected.ok()) return {std::string(expected.status().message())};

  std::vector<std::string> failures;
  std::set<std::string> done;
  const int threads = omp_get_max_threads();
  for (const KernelSetting& setting : settings) {
    if (setting.inference && node.forward >= 0) continue;
    if (!done.insert(Fingerprint(graph, setting)).second) continue;
    omp_set_num_threads(setting.threads);
    int forward_candidates = 1, candidates = 1;
    for (int forward = 0; forward < forward_candidates; ++forward) {
      for (int choice = 0; choice < (forward == 0 ? candidates : 1); ++choice) {
        KernelRun run(graph, setting, forward, choice);
        const absl::Status status = run.Run(*expected, tolerance);
        candidates = run.candidates();
        forward_candidates = run.forward_candidates();
        if (status.ok()) continue;
        failures.push_back(
            absl::StrCat(Describe(graph), " (", setting.name, "), ", run.implementation(), ": ", status.message()));
      }
    }
  }
  omp_set_num_threads(threads);
  return failures;
}

}  // namespace gradus
