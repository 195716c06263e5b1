// oneDNN's reorder to plain memory from the input's layout with its dimensions renamed.
#include "ops/transpose.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "core/status_macros.h"
#include "graph/kernel.h"
#include "graph/onednn_kernel.h"
#include "ops/kernels/copy.h"

namespace gradus {
namespace {

// The layout of x as that of y, element for element; any when x's dimensions are not its tensor's own.
absl::StatusOr<Layout> Renamed(const Layout& x, const Shape& shape, const Dims& permutation) {
  if (x.any() || x.opaque() || x.desc().format_kind != dnnl_blocked || x.desc().ndims != shape.rank() ||
      !std::equal(shape.dims().begin(), shape.dims().end(), x.desc().dims)) {
    return Layout();
  }
  std::vector<int> place(permutation.size());  // of each of x's axes in y
  for (size_t k = 0; k < permutation.size(); ++k) place[permutation[k]] = static_cast<int>(k);
  dnnl::memory::desc renamed;
  GRADUS_RETURN_IF_ERROR(TryOneDnn([&] { renamed = ToDesc(x).permute_axes(place); }));
  return Layout(renamed.data);
}

absl::StatusOr<std::vector<Candidate>> TransposeCandidates(const KernelContext& context) {
  if (HasEmptyTensor(context)) return std::vector<Candidate>{ZerosCandidate(context)};
  const TensorType& x = context.input_type(0);
  const Layout y = Layout::Plain(context.output_type(0));
  const Dims& permutation = context.attrs<TransposeAttrs>().permutation;
  if (x.shape.rank() == 0) return std::vector<Candidate>{BytesCandidate(Layout::Plain(x), y)};
  std::vector<Candidate> candidates;
  for (const Layout& layout : {context.inputs[0], Layout::Plain(x)}) {
    GRADUS_ASSIGN_OR_RETURN(const Layout from, Renamed(layout, x.shape, permutation));
    if (from.any()) continue;
    absl::StatusOr<dnnl::reorder::primitive_desc> desc = ReorderDesc(from, y);
    if (!desc.ok()) continue;
    Candidate candidate = OneDnnCandidate(*desc, {{DNNL_ARG_FROM, 0}}, {{DNNL_ARG_TO, 0}});
    candidate.inputs = {layout};
    candidate.outputs = {y};
    candidates.push_back(std::move(candidate));
  }
  return candidates;
}

REGISTER_KERNEL(Transpose, TransposeCandidates);

}  // namespace
}  // namespace gradus
