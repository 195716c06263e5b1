#include <string>
#include <vector>

#include "ops/fold_batch_norm.h"
#include "tests/ops/op_cases.h"

namespace gradus {
namespace {

OpCase Row(std::string name, const TensorType& w, bool scale, bool shift, bool bias) {
  const TensorType vector{DType::kFloat32, Shape{w.shape[0]}};
  OpCase row{std::move(name), {w}};
  row.inputs.insert(row.inputs.end(), 2 + scale + shift + bias, vector);
  row.attrs = FoldBatchNormAttrs{{1e-3, scale, shift}, bias};
  row.domains = {Domain{}, Domain{}, Domain::Positive()};
  return row;
}

std::vector<OpCase> Cases() {
  return {
      Row("conv", F32({20, 7, 3, 3}), true, true, false),
      Row("channels_1", F32({5, 1, 3, 3}), true, true, true),
      Row("channels_7", F32({16, 7, 1, 1}), true, false, true),
      Row("channels_20", F32({7, 20, 2, 3}), false, true, false),
      Row("filters_1", F32({1, 4, 2, 2}), false, false, true),
      Row("blocks", F32({16, 16, 3, 3}), true, true, true),
      Row("line", F32({6, 3, 5}), true, true, false),
      Row("volume", F32({9, 2, 2, 3, 2}), true, true, true),
      Row("dense", F32({10, 33}), true, true, true),
      Row("bare", F32({10, 6}), false, false, false),
      Row("depthwise", F32({20, 1, 3, 3}), true, true, false),
      Row("empty", F32({0, 3, 3, 3}), true, true, true),
  };
}

REGISTER_OP_CASES(FoldBatchNorm, Cases(),
                  std::vector<BadCase>{
                      {"scalar",
                       {F32({}), F32({1}), F32({1})},
                       FoldBatchNormAttrs{{1e-3, false, false}, false},
                       "expected weights of f32[filters, ...]; got f32[]"},
                      {"no_bias",
                       {F32({2, 3}), F32({2}), F32({2}), F32({2}), F32({2})},
                       FoldBatchNormAttrs{{1e-3, true, true}, true},
                       "expected 6 inputs for these attributes; got 5"},
                      {"statistics",
                       {F32({2, 3}), F32({3}), F32({2})},
                       FoldBatchNormAttrs{{1e-3, false, false}, false},
                       "expected f32[2] for weights of f32[2, 3]; got f32[3]"},
                  });

}  // namespace
}  // namespace gradus
