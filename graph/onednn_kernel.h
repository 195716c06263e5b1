// Candidates made of oneDNN primitives: one place that turns a primitive descriptor into layouts, booked scratch memory
// and a kernel that executes with prebuilt arguments.
//
//   dnnl::pooling_forward::primitive_desc desc;
//   GRADUS_RETURN_IF_ERROR(TryOneDnn([&] { desc = {{..., AnyDesc(...)}, UserScratchpad(), CpuEngine()}; }));
//   candidates.push_back(OneDnnCandidate(desc, {{DNNL_ARG_SRC, 0}}, {{DNNL_ARG_DST, 0}, {DNNL_ARG_WORKSPACE, 1}}));
//
// Binding writes zeros to the padding of blocked buffers (oneDNN does so whenever it is told an address), so memory
// must be bound before it holds anything else. A kernel is used by one thread at a time; candidates may be shared.
#ifndef GRADUS_GRAPH_ONEDNN_KERNEL_H_
#define GRADUS_GRAPH_ONEDNN_KERNEL_H_

#include <oneapi/dnnl/dnnl.hpp>
#include <optional>
#include <vector>

#include "core/onednn.h"
#include "graph/kernel.h"

namespace gradus {

// A primitive's argument (DNNL_ARG_SRC, ...) is this input, or output, of the node.
struct OneDnnArgument {
  int argument;
  int index;
};

// The descriptor of a tensor in this layout with other dimensions that read the same in row-major order (weights with
// their groups apart); none where the layout is no descriptor or cannot be read so.
std::optional<dnnl::memory::desc> DescWithDims(const Layout& layout, const dnnl::memory::dims& dims);

// Attributes that leave the scratchpad to us. Every descriptor that goes into a candidate needs them.
dnnl::primitive_attr UserScratchpad();

// The candidate "onednn:<implementation>". Layouts come from the descriptor (a workspace is bytes); an input or output
// of the node that the primitive does not touch has the layout any. Each input up to the largest index gets a layout.
// It is not to run in place unless the caller says so.
Candidate OneDnnCandidate(const dnnl::primitive_desc_base& desc, const std::vector<OneDnnArgument>& inputs,
                          const std::vector<OneDnnArgument>& outputs);

// oneDNN's plain loops ("ref:any", "simple:any"), which our own are faster than.
bool IsPlainLoops(const dnnl::primitive_desc_base& desc);
bool IsPlainLoops(const Candidate& candidate);

// An error if a dimension of an input or output is 2^31 or more: oneDNN's kernels count in 32 bits.
absl::Status CheckSizes(const KernelContext& context);

// Whether any input or output has no elements: such a node needs no primitive, and oneDNN is not to be trusted with it.
bool HasEmptyTensor(const KernelContext& context);

// The candidate "gradus:zeros" for such a node: its outputs, plain, are all zero.
Candidate ZerosCandidate(const KernelContext& context);

}  // namespace gradus

#endif  // GRADUS_GRAPH_ONEDNN_KERNEL_H_
