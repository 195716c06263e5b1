// Matrix products by oneDNN's matmul, which takes transposed and broadcast operands as strides, and one GEMM for each
// matrix where it has only plain loops.
#include "ops/matmul.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "core/onednn.h"
#include "core/status_macros.h"
#include "graph/kernel.h"
#include "graph/onednn_kernel.h"

namespace gradus {
namespace {

using dnnl::memory;

// The operand's matrices, with the leading axes of the product (size 1 where it is broadcast), swapped where
// transposed.
memory::desc Operand(const Shape& shape, int rank, bool transpose) {
  memory::dims dims(rank, 1), strides(rank, shape.num_elements());
  const Dims own = shape.Strides();
  const int missing = rank - shape.rank();
  for (int axis = 0; axis < shape.rank(); ++axis) {
    dims[axis + missing] = shape[axis];
    strides[axis + missing] = own[axis];
  }
  if (transpose) {
    std::swap(dims[rank - 2], dims[rank - 1]);
    std::swap(strides[rank - 2], strides[rank - 1]);
  }
  return memory::desc(dims, memory::data_type::f32, strides);
}

// x[..., M, K] as x[M', K]: a product with one matrix on the right needs no leading axes.
Shape Flat(const Shape& shape) { return Shape{shape.ElementsBetween(0, shape.rank() - 1), shape[shape.rank() - 1]}; }

// For each matrix of the product the offset of the operand's matrix, in elements.
std::vector<int64_t> Offsets(const Shape& shape, const Shape& product) {
  const int missing = product.rank() - shape.rank();
  const Dims strides = shape.Strides();
  std::vector<int64_t> offsets = {0};
  for (int axis = 0; axis < product.rank() - 2; ++axis) {
    const int64_t stride = axis < missing || shape[axis - missing] == 1 ? 0 : strides[axis - missing];
    std::vector<int64_t> next;
    next.reserve(offsets.size() * product[axis]);
    for (int64_t offset : offsets) {
      for (int64_t i = 0; i < product[axis]; ++i) next.push_back(offset + i * stride);
    }
    offsets = std::move(next);
  }
  return offsets;
}

Candidate GemmCandidate(const KernelContext& context) {
  const auto attrs = context.attrs<MatMulAttrs>();
  const Shape a = context.input_type(0).shape, b = context.input_type(1).shape;
  const MatMulSizes sizes = SizesOf(attrs, a, b);
  const std::vector<int64_t> a_offsets = Offsets(a, context.output_type(0).shape);
  const std::vector<int64_t> b_offsets = Offsets(b, context.output_type(0).shape);
  const int64_t a_row = a[a.rank() - 1], b_row = b[b.rank() - 1];
  const auto run = [=](const Buffers& buffers) -> absl::Status {
    for (size_t i = 0; i < a_offsets.size(); ++i) {
      const dnnl_status_t status =
          dnnl_sgemm(attrs.transpose_a ? 'T' : 'N', attrs.transpose_b ? 'T' : 'N', sizes.m, sizes.n, sizes.k, 1.0f,
                     buffers.in<float>(0) + a_offsets[i], a_row, buffers.in<float>(1) + b_offsets[i], b_row, 0.0f,
                     buffers.out<float>(0) + static_cast<int64_t>(i) * sizes.m * sizes.n, sizes.n);
      if (status != dnnl_success) return absl::InternalError(absl::StrCat("oneDNN: sgemm failed with status ", status));
    }
    return absl::OkStatus();
  };
  return FunctionCandidate("gradus:sgemm", {Layout::Plain(context.input_type(0)), Layout::Plain(context.input_type(1))},
                           {Layout::Plain(context.output_type(0))}, run);
}

absl::StatusOr<std::vector<Candidate>> MatMulCandidates(const KernelContext& context) {
  GRADUS_RETURN_IF_ERROR(CheckSizes(context));
  if (HasEmptyTensor(context)) return std::vector<Candidate>{ZerosCandidate(context)};
  const auto& attrs = context.attrs<MatMulAttrs>();
  Shape a = context.input_type(0).shape, b = context.input_type(1).shape, y = context.output_type(0).shape;
  if (!attrs.transpose_a && b.ElementsBetween(0, b.rank() - 2) == 1) {
    a = Flat(a);
    b = Shape{b[b.rank() - 2], b[b.rank() - 1]};
    y = Flat(y);
  }
  std::vector<Candidate> candidates;
  dnnl::matmul::primitive_desc desc;
  const absl::Status status = TryOneDnn([&] {
    desc = {dnnl::matmul::desc(Operand(a, y.rank(), attrs.transpose_a), Operand(b, y.rank(), attrs.transpose_b),
                               Operand(y, y.rank(), false)),
            UserScratchpad(), CpuEngine(), /*allow_empty=*/true};
  });
  if (status.ok() && desc && !IsPlainLoops(desc)) {
    Candidate candidate = OneDnnCandidate(desc, {{DNNL_ARG_SRC, 0}, {DNNL_ARG_WEIGHTS, 1}}, {{DNNL_ARG_DST, 0}});
    candidate.inputs = {Layout::Plain(context.input_type(0)), Layout::Plain(context.input_type(1))};
    candidate.outputs = {Layout::Plain(context.output_type(0))};
    candidates.push_back(std::move(candidate));
  }
  candidates.push_back(GemmCandidate(context));
  return candidates;
}

REGISTER_KERNEL(MatMul, MatMulCandidates);

}  // namespace
}  // namespace gradus
