// A tensor whose size a user or a file decides: a Tensor's own constructor aborts when there is no memory for it.
#ifndef GRADUS_CORE_NEW_TENSOR_H_
#define GRADUS_CORE_NEW_TENSOR_H_

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "core/tensor.h"

namespace gradus {

// Zeros, or ResourceExhausted.
inline absl::StatusOr<Tensor> NewTensor(const TensorType& type) {
  AlignedBytes data = AllocateAligned(type.bytes());
  if (data == nullptr) return absl::ResourceExhaustedError(absl::StrCat("no memory for ", type.ToString()));
  return Tensor(type, std::move(data));
}

}  // namespace gradus

#endif  // GRADUS_CORE_NEW_TENSOR_H_
