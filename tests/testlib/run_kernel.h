// Runs an operation's first kernel on plain tensors, for values that rows of tests/ops/op_cases.h do not reach: bad
// labels, NaN.
#ifndef GRADUS_TESTS_TESTLIB_RUN_KERNEL_H_
#define GRADUS_TESTS_TESTLIB_RUN_KERNEL_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/shape.h"
#include "graph/attrs.h"

namespace gradus {

struct KernelInput {
  TensorType type;
  const void* data;  // row-major
};

// The elements of output 0, an f32 tensor, as they lie; or what the kernel says.
absl::StatusOr<std::vector<float>> RunKernel(absl::string_view op, const std::vector<KernelInput>& inputs, Attrs attrs);

}  // namespace gradus

#endif  // GRADUS_TESTS_TESTLIB_RUN_KERNEL_H_
