#include "ops/axis.h"

#include "absl/strings/str_cat.h"

namespace gradus {

absl::StatusOr<int> ResolveAxis(const LayerContext& context, absl::string_view field, int64_t axis,
                                const TensorType& x) {
  const int64_t rank = x.shape.rank();
  if (axis < -rank || axis >= rank) {
    return context.Error(field, absl::StrCat("axis ", axis, " is outside ", x.ToString()));
  }
  return static_cast<int>(axis < 0 ? axis + rank : axis);
}

}  // namespace gradus
