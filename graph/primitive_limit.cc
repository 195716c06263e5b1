#include "graph/primitive_limit.h"

#include <algorithm>
#include <chrono>
#include <cstring>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/onednn.h"
#include "core/parallel.h"
#include "core/status_macros.h"
#include "core/tensor.h"
#include "graph/op.h"

namespace gradus {
namespace {

enum class Format { kPlain, kChannelsLast, kBlocks8, kBlocks16 };

// A f32 tensor with channels and positions in the format; plain for all others.
Layout InFormat(const TensorType& type, Format format) {
  const int rank = type.shape.rank();
  if (format == Format::kPlain || rank < 3 || rank > 5 || type.dtype != DType::kFloat32) return Layout::Plain(type);
  using Tag = dnnl::memory::format_tag;
  static constexpr Tag kTags[3][3] = {{Tag::nwc, Tag::nCw8c, Tag::nCw16c},
                                      {Tag::nhwc, Tag::nChw8c, Tag::nChw16c},
                                      {Tag::ndhwc, Tag::nCdhw8c, Tag::nCdhw16c}};
  const Tag tag = kTags[rank - 3][static_cast<int>(format) - 1];
  return Layout(dnnl::memory::desc(ToDnnl(type.shape), ToDnnl(type.dtype), tag).data);
}

// Buffers for a candidate, its inputs filled: floats with small numbers, all else with zeros.
class Bench {
 public:
  static absl::StatusOr<double> Time(const Candidate& candidate, absl::Span<const Layout> at_hand, int rounds) {
    Bench bench;
    for (size_t i = 0; i < at_hand.size(); ++i) {
      const Layout& layout = candidate.inputs[i].any() ? at_hand[i] : candidate.inputs[i];
      GRADUS_ASSIGN_OR_RETURN(void* data, bench.Allocate(layout.bytes()));
      const bool is_float = !layout.opaque() && !layout.any() && layout.desc().data_type == dnnl_f32;
      if (is_float) Fill(static_cast<float*>(data), layout.bytes() / 4);
      bench.inputs_.push_back(data);
    }
    for (const Layout& layout : candidate.outputs) {
      GRADUS_ASSIGN_OR_RETURN(void* data, bench.Allocate(layout.bytes()));
      bench.outputs_.push_back(data);
    }
    GRADUS_ASSIGN_OR_RETURN(void* scratch, bench.Allocate(candidate.scratch_bytes));
    GRADUS_ASSIGN_OR_RETURN(std::unique_ptr<Kernel> kernel, candidate.make());
    RunState state;
    kernel->Bind({bench.inputs_, absl::MakeConstSpan(bench.outputs_), scratch, &state});
    using Clock = std::chrono::steady_clock;
    std::vector<double> times;
    GRADUS_RETURN_IF_ERROR(kernel->Run());
    for (int round = 0; round < rounds; ++round) {
      EmptyCaches();
      const Clock::time_point start = Clock::now();
      GRADUS_RETURN_IF_ERROR(kernel->Run());
      times.push_back(std::chrono::duration<double, std::milli>(Clock::now() - start).count());
    }
    std::nth_element(times.begin(), times.begin() + rounds / 2, times.end());
    return times[rounds / 2];
  }

 private:
  absl::StatusOr<void*> Allocate(int64_t bytes) {
    memory_.push_back(AllocateAligned(bytes));
    if (memory_.back() == nullptr) return absl::ResourceExhaustedError("no memory left to time an operation in");
    return static_cast<void*>(memory_.back().get());
  }

  static void Fill(float* data, int64_t count) {
    for (int64_t i = 0; i < count; ++i) data[i] = static_cast<float>(i % 17 - 8) * 0.05f;
  }

  std::vector<AlignedBytes> memory_;
  std::vector<const void*> inputs_;
  std::vector<void*> outputs_;
};

std::string Key(const Candidate& candidate) {
  auto print = [](std::string* out, const Layout& layout) { out->append(layout.ToString()); };
  return absl::StrCat(candidate.implementation, "|", absl::StrJoin(candidate.inputs, ",", print), "|",
                      absl::StrJoin(candidate.outputs, ",", print));
}

absl::StatusOr<NodeLimit> LimitOf(const Plan& plan, int index, int threads, int rounds) {
  const Graph& graph = plan.program().graph;
  const Node& node = graph.node(index);
  const NodeChoice& own = *plan.choice(index);
  const NodeChoice* forward = node.forward >= 0 ? plan.choice(node.forward) : nullptr;
  const KernelFactory& factory = Registry<KernelEntry>::Get().Find(node.op->name())->factory;
  bool opaque = false;
  std::vector<bool> flexible;
  for (Value input : node.inputs) {
    opaque = opaque || graph.type(input).dtype == DType::kOpaque;
    flexible.push_back(graph.variable_of(input.node) >= 0);
  }
  std::vector<std::vector<Layout>> starts = {own.at_hand};
  for (Format format : {Format::kPlain, Format::kChannelsLast, Format::kBlocks8, Format::kBlocks16}) {
    if (opaque) break;  // a workspace fits the forward kernel that was chosen
    std::vector<Layout> layouts;
    for (Value input : node.inputs) layouts.push_back(InFormat(graph.type(input), format));
    starts.push_back(std::move(layouts));
  }
  NodeLimit best;
  best.node = index;
  absl::flat_hash_set<std::string> timed;
  for (const std::vector<Layout>& at_hand : starts) {
    const std::vector<Layout> wanted(node.outputs.size());
    const KernelContext context{graph,
                                node,
                                at_hand,
                                flexible,
                                wanted,
                                forward == nullptr ? nullptr : &forward->candidate,
                                plan.program().inference,
                                threads};
    absl::StatusOr<std::vector<Candidate>> candidates = factory(context);
    if (!candidates.ok()) continue;  // not in this layout
    for (const Candidate& candidate : *candidates) {
      if (absl::StrContains(candidate.implementation, "ref") || !timed.insert(Key(candidate)).second) continue;
      GRADUS_ASSIGN_OR_RETURN(double milliseconds, Bench::Time(candidate, at_hand, rounds));
      if (!best.implementation.empty() && milliseconds >= best.milliseconds) continue;
      best.implementation = candidate.implementation;
      best.layout = candidate.outputs.empty() ? "" : candidate.outputs[0].ToString();
      best.milliseconds = milliseconds;
    }
  }
  return best;
}

}  // namespace

absl::StatusOr<std::vector<NodeLimit>> PrimitiveLimits(const Plan& plan, int threads, int rounds) {
  std::vector<NodeLimit> limits;
  for (int i = 0; i < plan.program().graph.size(); ++i) {
    if (plan.choice(i) == nullptr) continue;
    GRADUS_ASSIGN_OR_RETURN(NodeLimit limit, LimitOf(plan, i, threads, rounds));
    limits.push_back(std::move(limit));
  }
  return limits;
}

void EmptyCaches() {
  constexpr int64_t kBytes = int64_t{16} << 20;
  static AlignedBytes* const memory = new AlignedBytes(AllocateAligned(kBytes));
  if (*memory == nullptr) return;
  ParallelFor(kBytes / 64, 1024, [](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) (*memory)[i * 64] = static_cast<uint8_t>((*memory)[i * 64] + 1);
  });
}

}  // namespace gradus
