// How an operation runs. A kernel factory looks at a node and gives candidates, best first; a pass chooses one for each
// node, inserts the layout changes that the choice asks for, books memory, then makes the kernels. In the loop a kernel
// only runs.
//
//   absl::StatusOr<std::vector<Candidate>> ReluCandidates(const KernelContext& context);
//   REGISTER_KERNEL(Relu, ReluCandidates);      // ops/kernels/relu.cc
#ifndef GRADUS_GRAPH_KERNEL_H_
#define GRADUS_GRAPH_KERNEL_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/layout.h"
#include "core/registry.h"
#include "graph/graph.h"

namespace gradus {

// What changes from step to step. One for each session; kernels hold a pointer to it.
struct RunState {
  uint64_t seed = 1;
  int64_t step = 0;        // updates done so far
  int64_t micro_step = 0;  // batch within the step, when gradients are accumulated
};

// Addresses that a kernel works on, fixed between two calls of Bind. Null for inputs that the kernel takes in any
// layout and does not read only when the planner knows so; otherwise each points at a buffer of the layout agreed on,
// aligned to 64 bytes.
struct Buffers {
  absl::Span<const void* const> inputs;
  absl::Span<void* const> outputs;
  void* scratch = nullptr;
  const RunState* state = nullptr;

  template <typename T>
  const T* in(int i) const {
    return static_cast<const T*>(inputs[i]);
  }
  template <typename T>
  T* out(int i) const {
    return static_cast<T*>(outputs[i]);
  }
};

// One executable step. Owned by a plan, used by one thread at a time.
class Kernel {
 public:
  virtual ~Kernel() = default;
  // Called before the first Run and again whenever memory has moved. The spans outlive the kernel.
  virtual void Bind(const Buffers& buffers) = 0;
  // Must not allocate. An error is about the data (a label out of range) and stops the step.
  virtual absl::Status Run() = 0;
};

// A kernel that is a function of its buffers.
class FunctionKernel : public Kernel {
 public:
  using Function = std::function<absl::Status(const Buffers&)>;
  explicit FunctionKernel(Function function) : function_(std::move(function)) {}
  void Bind(const Buffers& buffers) override { buffers_ = buffers; }
  absl::Status Run() override { return function_(buffers_); }

 private:
  Function function_;
  Buffers buffers_;
};

// One way to run a node.
struct Candidate {
  std::string implementation;   // "onednn:jit:avx2", "gradus:blocked"; stable, kept in checkpoints
  std::vector<Layout> inputs;   // wanted; a Layout() takes whatever there is
  std::vector<Layout> outputs;  // given; all known
  int64_t scratch_bytes = 0;
  std::function<absl::StatusOr<std::unique_ptr<Kernel>>()> make;
  // The outputs may lie over the inputs that OpDef::InPlace names, if layouts agree.
  bool in_place = true;
  // The input that is copied to output 0 before each run, where that does not lie over it; -1: none. For --explain.
  int copied_input = -1;
};

// A candidate that runs `function`.
Candidate FunctionCandidate(std::string implementation, std::vector<Layout> inputs, std::vector<Layout> outputs,
                            FunctionKernel::Function function, int64_t scratch_bytes = 0);

// What a factory sees.
struct KernelContext {
  const Graph& graph;
  const Node& node;
  // The layout in which each input is at hand.
  absl::Span<const Layout> inputs;
  // Inputs (variables) whose storage is not fixed yet: any layout costs nothing.
  const std::vector<bool>& flexible;
  // For each output the layout that its reader will want, where that is known (a gradient: its parameter's storage);
  // else any. A hint.
  absl::Span<const Layout> wanted;
  // For a node with a forward partner: what was chosen for that; else null.
  const Candidate* forward = nullptr;
  // The plan only infers: nothing will be differentiated.
  bool inference = false;
  int threads = 1;

  const TensorType& input_type(int i) const { return graph.type(node.inputs[i]); }
  const TensorType& output_type(int i) const { return node.outputs[i]; }
  template <typename T>
  const T& attrs() const {
    return node.attrs.as<T>();
  }
};

// Candidates, best first; an empty list is an error of the program ("no kernel"). Errors name what is not possible. A
// factory looks at the operation, attributes and types of its node and of the forward partner, never at names or other
// nodes: nodes that agree in all this share candidates.
using KernelFactory = std::function<absl::StatusOr<std::vector<Candidate>>(const KernelContext&)>;

struct KernelEntry {
  KernelFactory factory;
};

}  // namespace gradus

#define REGISTER_KERNEL(op, factory)                      \
  [[maybe_unused]] static const bool gradus_kernel_##op = \
      ::gradus::Registry<::gradus::KernelEntry>::Get().Add(#op, ::gradus::KernelEntry{factory})

#endif  // GRADUS_GRAPH_KERNEL_H_
