#include "graph/term_mask.h"

#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "graph/builtin_ops.h"

namespace gradus {

absl::StatusOr<Value> TermMask::Apply(Value values, Value mask) const {
  return graph_->Add({"ApplyMask", absl::StrCat(term_, "/masked"), {values, mask}, {}, where_, Stage::kCompute, -1});
}

absl::StatusOr<Value> TermMask::Normalize(Value mask) const {
  return graph_->Add({"NormalizeMask", absl::StrCat(term_, "/mask"), {mask}, {}, where_, Stage::kCompute, -1});
}

absl::StatusOr<Value> TermMask::Weights(Value mask) const {
  const TensorType type = {DType::kFloat32, graph_->type(mask).shape};
  GRADUS_ASSIGN_OR_RETURN(
      const Value ones,
      graph_->Add({"Fill", absl::StrCat(term_, "/ones"), {}, FillAttrs{type, 1}, where_, Stage::kCompute, -1}));
  return graph_->Add({"ApplyMask", absl::StrCat(term_, "/mask"), {ones, mask}, {}, where_, Stage::kCompute, -1});
}

}  // namespace gradus
