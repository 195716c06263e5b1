#include "tests/benchmarks/op_benchmark.h"

#include <benchmark/benchmark.h>
#include <omp.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <iostream>
#include <map>
#include <unordered_map>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/onednn.h"
#include "graph/builtin_ops.h"
#include "graph/op.h"

namespace gradus {
namespace {

constexpr int64_t kCacheBytes = int64_t{48} << 20;  // more than caches hold
constexpr int kMostCopies = 64;
constexpr double kLeastSeconds = 0.4;
constexpr int kLeastRuns = 5, kMostRuns = 200;

void Check(const absl::Status& status) {
  if (status.ok()) return;
  std::cerr << status << "\n";
  std::exit(1);
}

template <typename T>
T Get(absl::StatusOr<T> result) {
  Check(result.status());
  return *std::move(result);
}

int CopiesOf(int64_t bytes) { return static_cast<int>(std::clamp<int64_t>(kCacheBytes / bytes + 1, 2, kMostCopies)); }

int64_t Aligned(int64_t bytes) { return (bytes + 4095) / 4096 * 4096 + 256; }  // not the same sets for all tensors

void Fill(uint8_t* memory, int64_t bytes, DType dtype, int64_t classes) {
  for (int64_t i = 0; i < bytes / 4; ++i) {
    const auto random = static_cast<uint32_t>(i) * 2654435761u >> 8;
    if (dtype == DType::kInt32) {
      reinterpret_cast<int32_t*>(memory)[i] = static_cast<int32_t>(random % std::max<int64_t>(1, classes));
    } else {
      reinterpret_cast<float*>(memory)[i] = static_cast<float>(random) / (1 << 23) - 1;
    }
  }
}

// Weights that a primitive has packed in a way of its own hold more than numbers: they are made by a reorder.
void FillPrimitive(const dnnl::memory::desc& desc, uint8_t* memory) {
  const auto bytes = static_cast<int64_t>(desc.get_size());
  if (desc.data.format_kind != dnnl_format_kind_rnn_packed) return Fill(memory, bytes, DType::kFloat32, 0);
  const dnnl::memory::desc plain(desc.dims(), dnnl::memory::data_type::f32, dnnl::memory::format_tag::ldigo);
  dnnl::memory from(plain, CpuEngine()), to(desc, CpuEngine(), memory);
  Fill(static_cast<uint8_t*>(from.get_data_handle()), static_cast<int64_t>(plain.get_size()), DType::kFloat32, 0);
  dnnl::reorder(from, to).execute(CpuStream(), from, to);
  CpuStream().wait();
}

// The graph's nodes with kernels for each copy.
class TimedNode : public Timed {
 public:
  explicit TimedNode(const OpBenchmark& op) : op_(op) {
    std::vector<Value> inputs;
    for (const BenchInput& input : op.inputs) {
      inputs.push_back(Get(graph_.Add({"Input", "x", {}, InputAttrs{input.type}, {}, Stage::kCompute, -1})));
    }
    node_ = Get(op.build(graph_, inputs)).node;
    for (int n = 0; n <= node_; ++n) ChooseKernel(n);
    for (int n = FirstTimed(); n <= node_; ++n) {
      if (chosen_.count(n) == 0) continue;
      for (int i : Used(n)) bytes_ += layouts_[graph_.node(n).inputs[i]].bytes();
      for (const Layout& layout : chosen_[n].outputs) bytes_ += layout.bytes();
    }
    MakeCopies();
  }

  void Run(int copy) override {
    for (auto next = kernels_[copy].lower_bound(FirstTimed()); next != kernels_[copy].end(); ++next) {
      Check(next->second->Run());
    }
  }
  int64_t bytes() const override { return bytes_; }
  const std::string& implementation() const { return chosen_.at(node_).implementation; }

 private:
  int FirstTimed() const { return node_ - op_.timed_nodes + 1; }

  // Inputs of a node that its kernel reads.
  std::vector<int> Used(int n) const {
    std::vector<int> used;
    for (int i = 0; i < static_cast<int>(graph_.node(n).inputs.size()); ++i) {
      if (i < static_cast<int>(chosen_.at(n).inputs.size())) used.push_back(i);
    }
    return used;
  }

  // A node that gives its input's memory another shape, and no more.
  bool IsView(int n) {
    const Node& node = graph_.node(n);
    return !node.op->views().empty() && layouts_[node.inputs[0]] == Layout::Plain(graph_.type(node.inputs[0]));
  }

  void ChooseKernel(int n) {
    const Node& node = graph_.node(n);
    if (node.op->is_source()) {
      layouts_[{n, 0}] = op_.inputs[n].layout;
      return;
    }
    if (IsView(n)) {
      layouts_[{n, 0}] = Layout::Plain(node.outputs[0]);
      return;
    }
    std::vector<Layout> at_hand;
    std::vector<bool> flexible;
    for (const Value& input : node.inputs) {
      at_hand.push_back(layouts_[input]);
      flexible.push_back(layouts_[input].any());
    }
    const std::vector<Layout> wanted(node.outputs.size());
    const auto* const entry = Registry<KernelEntry>::Get().Find(node.op->name());
    const Candidate* const forward = node.forward >= 0 ? &chosen_[node.forward] : nullptr;
    const std::vector<Candidate> candidates =
        Get(entry->factory({graph_, node, at_hand, flexible, wanted, forward, op_.inference, omp_get_max_threads()}));
    const auto found = std::find_if(candidates.begin(), candidates.end(), [&](const Candidate& candidate) {
      return n != node_ || absl::StartsWith(candidate.implementation, op_.implementation);
    });
    if (found == candidates.end()) Check(absl::NotFoundError(absl::StrCat("no candidate ", op_.implementation)));
    chosen_[n] = *found;
    for (size_t i = 0; i < found->inputs.size(); ++i) {
      Layout& layout = layouts_[node.inputs[i]];
      if (layout.any()) layout = found->inputs[i];
      if (!found->inputs[i].any() && found->inputs[i] != layout) {
        Check(absl::UnimplementedError(absl::StrCat(node.op->name(), " wants input ", i, " in another layout")));
      }
    }
    for (size_t i = 0; i < found->outputs.size(); ++i) layouts_[{n, static_cast<int>(i)}] = found->outputs[i];
  }

  void MakeCopies() {
    int64_t size = 0;
    std::map<Value, int64_t, ByPlace> place;
    for (const auto& [value, layout] : layouts_) {
      if (!graph_.node(value.node).op->is_source() && IsView(value.node)) {
        place[value] = place[graph_.node(value.node).inputs[0]];
        continue;
      }
      place[value] = size;
      size += Aligned(layout.bytes());
    }
    std::map<int, int64_t> scratch;
    for (const auto& [n, candidate] : chosen_) {
      scratch[n] = size;
      size += Aligned(candidate.scratch_bytes);
    }
    copies_ = CopiesOf(bytes_);
    Check(arena_.Reserve(size * copies_));
    kernels_.resize(copies_);
    for (int copy = 0; copy < copies_; ++copy) {
      uint8_t* const base = arena_.base() + copy * size;
      for (const auto& [n, candidate] : chosen_) {
        kernels_[copy][n] = Get(candidate.make());
        const Node& node = graph_.node(n);
        auto& addresses = addresses_.emplace_back();
        for (const Value& input : node.inputs) addresses.inputs.push_back(base + place[input]);
        for (int i = 0; i < static_cast<int>(node.outputs.size()); ++i) {
          addresses.outputs.push_back(base + place[{n, i}]);
        }
        kernels_[copy][n]->Bind({addresses.inputs, addresses.outputs, base + scratch[n], &state_});
      }
      for (size_t i = 0; i < op_.inputs.size(); ++i) {
        const Value input = {static_cast<int>(i), 0};
        Fill(base + place[input], layouts_[input].bytes(), op_.inputs[i].type.dtype, op_.inputs[i].classes);
      }
      for (const auto& [n, kernel] : kernels_[copy]) Check(kernel->Run());
    }
  }

  struct Addresses {
    std::vector<const void*> inputs;
    std::vector<void*> outputs;
  };
  struct ByPlace {
    bool operator()(const Value& a, const Value& b) const {
      return std::pair(a.node, a.output) < std::pair(b.node, b.output);
    }
  };

  OpBenchmark op_;
  Graph graph_;
  int node_ = -1;
  std::map<Value, Layout, ByPlace> layouts_;
  std::map<int, Candidate> chosen_;
  int64_t bytes_ = 0;
  Arena arena_;
  std::deque<Addresses> addresses_;
  RunState state_;
  std::vector<std::map<int, std::unique_ptr<Kernel>>> kernels_;
};

class TimedPrimitive : public Timed {
 public:
  TimedPrimitive(const dnnl::primitive_desc_base& desc, const std::vector<int>& arguments) : primitive_(desc.get()) {
    std::vector<dnnl::memory::desc> descs;
    for (int argument : arguments) {
      descs.push_back(desc.query_md(dnnl::query::exec_arg_md, argument));
      bytes_ += static_cast<int64_t>(descs.back().get_size());
    }
    copies_ = CopiesOf(bytes_);
    int64_t size = 0;
    for (const auto& each : descs) size += Aligned(static_cast<int64_t>(each.get_size()));
    Check(arena_.Reserve(size * copies_));
    uint8_t* at = arena_.base();
    for (int copy = 0; copy < copies_; ++copy) {
      auto& bound = bound_.emplace_back();
      for (size_t i = 0; i < arguments.size(); ++i) {
        FillPrimitive(descs[i], at);
        bound.emplace(arguments[i], dnnl::memory(descs[i], CpuEngine(), at));
        at += Aligned(static_cast<int64_t>(descs[i].get_size()));
      }
      Run(copy);
    }
  }

  void Run(int copy) override {
    primitive_.execute(CpuStream(), bound_[copy]);
    CpuStream().wait();
  }
  int64_t bytes() const override { return bytes_; }

 private:
  dnnl::primitive primitive_;
  int64_t bytes_ = 0;
  Arena arena_;
  std::vector<std::unordered_map<int, dnnl::memory>> bound_;
};

class TimedFunction : public Timed {
 public:
  TimedFunction(int64_t bytes, std::function<void(uint8_t*)> function) : bytes_(bytes), function_(std::move(function)) {
    copies_ = CopiesOf(bytes);
    Check(arena_.Reserve(Aligned(bytes) * copies_));
    for (int copy = 0; copy < copies_; ++copy) {
      Fill(arena_.base() + copy * Aligned(bytes_), bytes_, DType::kFloat32, 0);
      Run(copy);
    }
  }
  void Run(int copy) override { function_(arena_.base() + copy * Aligned(bytes_)); }
  int64_t bytes() const override { return bytes_; }

 private:
  int64_t bytes_;
  std::function<void(uint8_t*)> function_;
  Arena arena_;
};

double Seconds(Timed& timed, int run) {
  const auto start = std::chrono::steady_clock::now();
  timed.Run(run % timed.copies());
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double Median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + values.size() / 2, values.end());
  return values[values.size() / 2];
}

// One iteration is all runs; its time is the median of the operation's.
void Compare(benchmark::State& state, const OpBenchmark& op, const MakeTimed& make_bare) {
  TimedNode node(op);
  const std::unique_ptr<Timed> bare = make_bare == nullptr ? nullptr : make_bare();
  std::vector<double> own, other;
  for (auto _ : state) {
    double spent = 0;
    for (int run = 0; run < kMostRuns && (run < kLeastRuns || spent < kLeastSeconds); ++run) {
      own.push_back(Seconds(node, run));
      spent += own.back();
      if (bare == nullptr) continue;
      other.push_back(Seconds(*bare, run));
      spent += other.back();
    }
    state.SetIterationTime(Median(own));
  }
  const double seconds = Median(own);
  state.counters["GB/s"] = static_cast<double>(node.bytes()) / seconds / 1e9;
  if (op.flops > 0) state.counters["GFLOP/s"] = op.flops / seconds / 1e9;
  if (bare != nullptr) {
    state.counters["onednn_us"] = Median(other) * 1e6;
    state.counters["ratio"] = Median(other) / seconds;
  }
  state.SetLabel(node.implementation());
}

std::vector<void (*)()>& Families() {
  static auto* const families = new std::vector<void (*)()>;
  return *families;
}

}  // namespace

Layout Tagged(const TensorType& type, dnnl_format_tag_t tag) {
  const dnnl::memory::dims dims = ToDnnl(type.shape);
  dnnl_memory_desc_t desc;
  const dnnl_status_t status = dnnl_memory_desc_init_by_tag(&desc, static_cast<int>(dims.size()), dims.data(),
                                                            dnnl::memory::convert_to_c(ToDnnl(type.dtype)), tag);
  return status == dnnl_success ? Layout(desc) : Layout::Plain(type);
}

BuildNode Single(const char* op, Attrs attrs) {
  return [op, attrs = std::move(attrs)](Graph& graph, const std::vector<Value>& inputs) {
    return graph.Add({op, "timed", inputs, attrs, {}, Stage::kCompute, -1});
  };
}

std::unique_ptr<Timed> BarePrimitive(const dnnl::primitive_desc_base& desc, const std::vector<int>& arguments) {
  return std::make_unique<TimedPrimitive>(desc, arguments);
}

std::unique_ptr<Timed> BareFunction(int64_t bytes, std::function<void(uint8_t* memory)> function) {
  return std::make_unique<TimedFunction>(bytes, std::move(function));
}

void AddOpBenchmark(const std::string& name, const OpBenchmark& op, const MakeTimed& bare) {
  benchmark::RegisterBenchmark(name.c_str(), [op, bare](benchmark::State& state) { Compare(state, op, bare); })
      ->UseManualTime()
      ->Iterations(1)
      ->Unit(benchmark::kMicrosecond);
}

bool RegisterOpBenchmarks(void (*add)()) {
  Families().push_back(add);
  return true;
}

}  // namespace gradus

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  for (const auto add : gradus::Families()) add();
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
