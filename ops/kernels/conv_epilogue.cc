#include "ops/kernels/conv_epilogue.h"

#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "core/parallel.h"
#include "core/status_macros.h"
#include "graph/onednn_kernel.h"
#include "graph/op.h"
#include "ops/kernels/multiversion.h"

namespace gradus {
namespace {

constexpr int64_t kElementsWorthAThread = 16384, kFloatsOfACacheLine = 16;

// y = relu(y + r); r may be null.
GRADUS_MULTIVERSION void FinishRange(const float* __restrict r, bool relu, float* __restrict y, int64_t n) {
  if (r != nullptr && relu) {
    for (int64_t i = 0; i < n; ++i) y[i] = y[i] + r[i] < 0 ? 0 : y[i] + r[i];
  } else if (r != nullptr) {
    for (int64_t i = 0; i < n; ++i) y[i] += r[i];
  } else {
    for (int64_t i = 0; i < n; ++i) y[i] = y[i] < 0 ? 0 : y[i];
  }
}

class EpilogueKernel : public Kernel {
 public:
  EpilogueKernel(const ConvEpilogue& epilogue, bool does_itself, int64_t elements, std::unique_ptr<Kernel> kernel)
      : epilogue_(epilogue), does_itself_(does_itself), elements_(elements), kernel_(std::move(kernel)) {}

  void Bind(const Buffers& buffers) override {
    inputs_ = {buffers.inputs[0], buffers.inputs[1]};
    if (epilogue_.has_bias()) inputs_.push_back(buffers.inputs[epilogue_.bias]);
    residual_ = epilogue_.residual < 0 ? nullptr : buffers.in<float>(epilogue_.residual);
    y_ = buffers.out<float>(0);
    kernel_->Bind({inputs_, buffers.outputs, buffers.scratch, buffers.state});
  }

  absl::Status Run() override {
    if (does_itself_ && residual_ != nullptr && residual_ != y_) {
      ForEachRange([this](int64_t begin, int64_t n) { std::memcpy(y_ + begin, residual_ + begin, n * sizeof(float)); });
    }
    GRADUS_RETURN_IF_ERROR(kernel_->Run());
    if (does_itself_) return absl::OkStatus();
    ForEachRange([this](int64_t begin, int64_t n) {
      FinishRange(residual_ == nullptr ? nullptr : residual_ + begin, epilogue_.relu, y_ + begin, n);
    });
    return absl::OkStatus();
  }

 private:
  template <typename Body>
  void ForEachRange(const Body& body) const {
    ParallelFor(
        elements_, kElementsWorthAThread, [&](int64_t begin, int64_t end) { body(begin, end - begin); },
        kFloatsOfACacheLine);
  }

  const ConvEpilogue epilogue_;
  const bool does_itself_;
  const int64_t elements_;
  const std::unique_ptr<Kernel> kernel_;
  std::vector<const void*> inputs_;
  const float* residual_ = nullptr;
  float* y_ = nullptr;
};

Candidate Wrap(const ConvEpilogue& epilogue, bool does_itself, Candidate plain) {
  if (!epilogue.any()) return plain;
  const Layout y = plain.outputs[0];
  Candidate candidate = std::move(plain);
  if (epilogue.residual >= 0) candidate.inputs.insert(candidate.inputs.begin() + epilogue.residual, y);
  candidate.in_place = does_itself && epilogue.residual >= 0;
  if (candidate.in_place) candidate.copied_input = epilogue.residual;
  candidate.make = [=, make = std::move(candidate.make)]() -> absl::StatusOr<std::unique_ptr<Kernel>> {
    GRADUS_ASSIGN_OR_RETURN(std::unique_ptr<Kernel> kernel, make());
    return std::make_unique<EpilogueKernel>(epilogue, does_itself, y.stored_elements(), std::move(kernel));
  };
  return candidate;
}

}  // namespace

ConvEpilogue EpilogueOf(const Node& node) {
  ConvEpilogue epilogue;
  if (node.op->name() == "Conv") {
    if (node.inputs.size() > 2) epilogue.bias = 2;
    return epilogue;
  }
  const auto& attrs = node.attrs.as<FusedConvAttrs>();
  if (attrs.has_residual) epilogue.residual = 2;
  if (attrs.has_bias) epilogue.bias = 2 + attrs.has_residual;
  epilogue.relu = attrs.relu;
  return epilogue;
}

const ConvAttrs& ConvOf(const Node& node) {
  return node.op->name() == "Conv" ? node.attrs.as<ConvAttrs>() : node.attrs.as<FusedConvAttrs>().conv;
}

dnnl::primitive_attr WithPostOps(const ConvEpilogue& epilogue) {
  dnnl::primitive_attr attr = UserScratchpad();
  dnnl::post_ops ops;
  if (epilogue.residual >= 0) ops.append_sum(1.0f);
  if (epilogue.relu) ops.append_eltwise(1.0f, dnnl::algorithm::eltwise_relu, 0.0f, 0.0f);
  attr.set_post_ops(ops);
  return attr;
}

Candidate DoesEpilogue(const ConvEpilogue& epilogue, Candidate plain) { return Wrap(epilogue, true, std::move(plain)); }

Candidate AddEpilogue(const ConvEpilogue& epilogue, Candidate plain) { return Wrap(epilogue, false, std::move(plain)); }

}  // namespace gradus
