#include "graph/onednn_kernel.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <memory>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/check.h"
#include "core/status_macros.h"

namespace gradus {
namespace {

class OneDnnKernel : public Kernel {
 public:
  OneDnnKernel(const dnnl::primitive_desc_base& desc, const std::vector<OneDnnArgument>& inputs,
               const std::vector<OneDnnArgument>& outputs)
      : primitive_(desc.get()), inputs_(inputs), outputs_(outputs) {
    memories_.reserve(inputs.size() + outputs.size() + 1);
    arguments_.reserve(inputs.size() + outputs.size() + 1);
    for (const OneDnnArgument& input : inputs) AddArgument(desc, input.argument);
    for (const OneDnnArgument& output : outputs) AddArgument(desc, output.argument);
    if (desc.scratchpad_desc().get_size() > 0) AddArgument(desc, DNNL_ARG_SCRATCHPAD);
  }

  void Bind(const Buffers& buffers) override {
    size_t next = 0;
    for (const OneDnnArgument& input : inputs_) {
      SetAddress(memories_[next++], const_cast<void*>(buffers.inputs[input.index]));
    }
    for (const OneDnnArgument& output : outputs_) SetAddress(memories_[next++], buffers.outputs[output.index]);
    if (next < memories_.size()) SetAddress(memories_[next], buffers.scratch);
  }

  absl::Status Run() override {
    const dnnl_status_t status = dnnl_primitive_execute(primitive_.get(), CpuStream().get(),
                                                        static_cast<int>(arguments_.size()), arguments_.data());
    if (status == dnnl_success) return absl::OkStatus();
    return absl::InternalError(absl::StrCat("oneDNN: a primitive failed with status ", static_cast<int>(status)));
  }

 private:
  static void SetAddress(const dnnl::memory& memory, void* address) {
    GRADUS_CHECK(dnnl_memory_set_data_handle_v2(memory.get(), address, nullptr) == dnnl_success);
  }

  void AddArgument(const dnnl::primitive_desc_base& desc, int argument) {
    memories_.emplace_back(desc.query_md(dnnl::query::exec_arg_md, argument), CpuEngine(), nullptr);
    arguments_.push_back({argument, memories_.back().get()});
  }

  dnnl::primitive primitive_;
  std::vector<OneDnnArgument> inputs_, outputs_;
  std::vector<dnnl::memory> memories_;  // of inputs, outputs and perhaps the scratchpad, in this order
  std::vector<dnnl_exec_arg_t> arguments_;
};

std::vector<Layout> LayoutsOf(const dnnl::primitive_desc_base& desc, const std::vector<OneDnnArgument>& arguments) {
  std::vector<Layout> layouts;
  for (const OneDnnArgument& argument : arguments) {
    const dnnl::memory::desc memory = desc.query_md(dnnl::query::exec_arg_md, argument.argument);
    layouts.resize(std::max<size_t>(layouts.size(), argument.index + 1));
    layouts[argument.index] = argument.argument == DNNL_ARG_WORKSPACE
                                  ? Layout::Bytes(static_cast<int64_t>(memory.get_size()))
                                  : Layout(memory.data);
  }
  return layouts;
}

}  // namespace

std::optional<dnnl::memory::desc> DescWithDims(const Layout& layout, const dnnl::memory::dims& dims) {
  if (layout.any() || layout.opaque()) return std::nullopt;
  if (layout.plain()) {
    dnnl_memory_desc_t desc;
    GRADUS_CHECK(dnnl_memory_desc_init_by_strides(&desc, static_cast<int>(dims.size()), dims.data(),
                                                  layout.desc().data_type, nullptr) == dnnl_success);
    return dnnl::memory::desc(desc);
  }
  const dnnl::memory::desc desc = ToDesc(layout);
  if (desc.dims() != dims) return std::nullopt;
  return desc;
}

dnnl::primitive_attr UserScratchpad() {
  dnnl::primitive_attr attr;
  attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  return attr;
}

Candidate OneDnnCandidate(const dnnl::primitive_desc_base& desc, const std::vector<OneDnnArgument>& inputs,
                          const std::vector<OneDnnArgument>& outputs) {
  Candidate candidate;
  candidate.implementation = absl::StrCat("onednn:", ImplementationName(desc));
  candidate.inputs = LayoutsOf(desc, inputs);
  candidate.outputs = LayoutsOf(desc, outputs);
  candidate.scratch_bytes = static_cast<int64_t>(desc.scratchpad_desc().get_size());
  candidate.in_place = false;
  candidate.make = [desc, inputs, outputs]() -> absl::StatusOr<std::unique_ptr<Kernel>> {
    std::unique_ptr<Kernel> kernel;
    GRADUS_RETURN_IF_ERROR(TryOneDnn([&] { kernel = std::make_unique<OneDnnKernel>(desc, inputs, outputs); }));
    return kernel;
  };
  return candidate;
}

namespace {

bool IsNameOfPlainLoops(absl::string_view implementation) {
  return absl::StrContains(implementation, "ref") || absl::StrContains(implementation, "simple");
}

}  // namespace

bool IsPlainLoops(const dnnl::primitive_desc_base& desc) { return IsNameOfPlainLoops(ImplementationName(desc)); }

bool IsPlainLoops(const Candidate& candidate) {
  return absl::StartsWith(candidate.implementation, "onednn:") && IsNameOfPlainLoops(candidate.implementation);
}

absl::Status CheckSizes(const KernelContext& context) {
  const auto check = [](const TensorType& type) -> absl::Status {
    for (int64_t dim : type.shape.dims()) {
      if (dim > std::numeric_limits<int32_t>::max()) {
        return absl::UnimplementedError(
            absl::StrCat("no kernel for ", type.ToString(), ": a dimension of 2^31 or more"));
      }
    }
    return absl::OkStatus();
  };
  for (Value input : context.node.inputs) GRADUS_RETURN_IF_ERROR(check(context.graph.type(input)));
  for (const TensorType& output : context.node.outputs) GRADUS_RETURN_IF_ERROR(check(output));
  return absl::OkStatus();
}

bool HasEmptyTensor(const KernelContext& context) {
  const auto empty = [](const TensorType& type) {
    return type.dtype != DType::kOpaque && type.shape.num_elements() == 0;
  };
  for (Value input : context.node.inputs) {
    if (empty(context.graph.type(input))) return true;
  }
  return std::any_of(context.node.outputs.begin(), context.node.outputs.end(), empty);
}

Candidate ZerosCandidate(const KernelContext& context) {
  std::vector<Layout> outputs;
  for (const TensorType& type : context.node.outputs) {
    outputs.push_back(type.dtype == DType::kOpaque ? Layout::Bytes(0) : Layout::Plain(type));
  }
  std::vector<int64_t> bytes;
  for (const Layout& layout : outputs) bytes.push_back(layout.bytes());
  return FunctionCandidate("gradus:zeros", std::vector<Layout>(context.node.inputs.size()), std::move(outputs),
                           [bytes](const Buffers& buffers) {
                             for (size_t i = 0; i < bytes.size(); ++i) {
                               if (bytes[i] > 0) std::memset(buffers.outputs[i], 0, bytes[i]);
                             }
                             return absl::OkStatus();
                           });
}

}  // namespace gradus
