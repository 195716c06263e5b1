#include "ops/kernels/elementwise.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "core/status_macros.h"

namespace gradus {
namespace {

class KernelWithPaddingZeros : public Kernel {
 public:
  KernelWithPaddingZeros(std::unique_ptr<Kernel> kernel, const Layout& layout)
      : kernel_(std::move(kernel)), zeros_(layout) {}

  void Bind(const Buffers& buffers) override {
    output_ = buffers.out<float>(0);
    kernel_->Bind(buffers);
  }

  absl::Status Run() override {
    GRADUS_RETURN_IF_ERROR(kernel_->Run());
    zeros_.Write(output_);
    return absl::OkStatus();
  }

 private:
  std::unique_ptr<Kernel> kernel_;
  PaddingZeros zeros_;
  float* output_ = nullptr;
};

}  // namespace

bool IsElementwise(const Layout& layout) {
  if (layout.any() || layout.opaque()) return layout.plain();
  return layout.desc().format_kind == dnnl_blocked && (!layout.padded() || Loopable(layout));
}

Layout CommonLayout(const KernelContext& context) {
  Layout best = Layout::Plain(context.input_type(0));
  int64_t best_votes = 0;
  for (size_t i = 0; i < context.inputs.size(); ++i) {
    const Layout& layout = context.inputs[i];
    if (context.flexible[i] || !IsElementwise(layout)) continue;
    int64_t votes = 0;
    for (size_t j = 0; j < context.inputs.size(); ++j) votes += !context.flexible[j] && context.inputs[j] == layout;
    if (votes > best_votes || (votes == best_votes && best.plain())) {
      best = layout;
      best_votes = votes;
    }
  }
  return best;
}

PaddingZeros::PaddingZeros(const Layout& layout) {
  if (!layout.padded()) return;
  const dnnl_memory_desc_t& desc = layout.desc();
  for (int dim = 0; dim < desc.ndims; ++dim) {
    if (desc.dims[dim] != desc.padded_dims[dim]) loops_.push_back(StridedLoops::OverPadding(layout, dim));
  }
}

void PaddingZeros::Write(float* data) const {
  for (const StridedLoops& loops : loops_) {
    loops.Run([data](const StridedTile& tile) {
      for (int64_t r = 0; r < tile.rows; ++r) {
        float* const row = data + tile.offset[0] + r * tile.row_stride[0];
        for (int64_t c = 0; c < tile.cols; ++c) row[c * tile.col_stride[0]] = 0;
      }
    });
  }
}

Candidate WithPaddingZeros(Candidate candidate) {
  const Layout layout = candidate.outputs[0];
  if (!layout.padded()) return candidate;
  candidate.make = [make = std::move(candidate.make), layout]() -> absl::StatusOr<std::unique_ptr<Kernel>> {
    GRADUS_ASSIGN_OR_RETURN(std::unique_ptr<Kernel> kernel, make());
    return std::make_unique<KernelWithPaddingZeros>(std::move(kernel), layout);
  };
  return candidate;
}

}  // namespace gradus
