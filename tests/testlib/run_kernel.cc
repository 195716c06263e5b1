#include "tests/testlib/run_kernel.h"

#include <omp.h>

#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "core/status_macros.h"
#include "core/tensor.h"
#include "graph/builtin_ops.h"
#include "graph/kernel.h"
#include "graph/op.h"

namespace gradus {

absl::StatusOr<std::vector<float>> RunKernel(absl::string_view op, const std::vector<KernelInput>& inputs,
                                             Attrs attrs) {
  Graph graph;
  std::vector<Value> values;
  std::vector<const void*> input_addresses;
  std::vector<Layout> layouts;
  for (const KernelInput& input : inputs) {
    GRADUS_ASSIGN_OR_RETURN(const Value value,
                            graph.Add({"Input", "x", {}, InputAttrs{input.type}, {}, Stage::kCompute, -1}));
    values.push_back(value);
    input_addresses.push_back(input.data);
    layouts.push_back(Layout::Plain(input.type));
  }
  GRADUS_ASSIGN_OR_RETURN(const Value y, graph.Add({op, "y", values, std::move(attrs), {}, Stage::kCompute, -1}));
  const Node& node = graph.node(y);

  const KernelEntry* entry = Registry<KernelEntry>::Get().Find(node.op->name());
  if (entry == nullptr) return absl::NotFoundError("no kernel");
  const std::vector<bool> flexible(inputs.size(), false);
  const std::vector<Layout> wanted(node.outputs.size());
  GRADUS_ASSIGN_OR_RETURN(
      const std::vector<Candidate> candidates,
      entry->factory({graph, node, layouts, flexible, wanted, nullptr, false, omp_get_max_threads()}));
  const Candidate& candidate = candidates.front();
  std::vector<AlignedBytes> memory;
  std::vector<void*> output_addresses;
  for (const Layout& layout : candidate.outputs) {
    memory.push_back(AllocateAligned(layout.bytes()));
    output_addresses.push_back(memory.back().get());
  }
  const AlignedBytes scratch = AllocateAligned(candidate.scratch_bytes);
  GRADUS_ASSIGN_OR_RETURN(const std::unique_ptr<Kernel> kernel, candidate.make());
  const RunState state;
  kernel->Bind({input_addresses, output_addresses, scratch.get(), &state});
  GRADUS_RETURN_IF_ERROR(kernel->Run());
  const auto* const elements = static_cast<const float*>(output_addresses[0]);
  return std::vector<float>(elements, elements + node.outputs[0].shape.num_elements());
}

}  // namespace gradus
