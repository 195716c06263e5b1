#include "ops/embedding.h"

#include "absl/strings/str_cat.h"
#include "graph/reference.h"

namespace gradus {
namespace {

absl::Status EmbeddingReference(ReferenceContext& context) {
  const int64_t size = context.shape(1)[0], units = context.shape(1)[1];
  for (size_t i = 0; i < context.in(0).size(); ++i) {
    const auto id = static_cast<int64_t>(context.in(0)[i]);
    if (id < 0 || id >= size) return absl::OutOfRangeError(absl::StrCat("id ", id));
    for (int64_t j = 0; j < units; ++j) context.out(0)[i * units + j] = context.in(1)[id * units + j];
  }
  return absl::OkStatus();
}

absl::Status EmbeddingBackwardReference(ReferenceContext& context) {
  const int64_t size = context.attrs<EmbeddingBackwardAttrs>().size, units = context.outputs[0].shape[1];
  for (size_t i = 0; i < context.in(0).size(); ++i) {
    const auto id = static_cast<int64_t>(context.in(0)[i]);
    if (id < 0 || id >= size) return absl::OutOfRangeError(absl::StrCat("id ", id));
    for (int64_t j = 0; j < units; ++j) context.out(0)[id * units + j] += context.in(1)[i * units + j];
  }
  return absl::OkStatus();
}

REGISTER_REFERENCE(Embedding, EmbeddingReference);
REGISTER_REFERENCE(EmbeddingBackward, EmbeddingBackwardReference);

}  // namespace
}  // namespace gradus
