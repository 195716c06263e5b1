// The checks that every registered operation must pass. Each gives what is wrong, a line each that names the operation,
// case and element; nothing when all is well.
#ifndef GRADUS_TESTS_TESTLIB_OP_CHECKS_H_
#define GRADUS_TESTS_TESTLIB_OP_CHECKS_H_

#include <string>
#include <vector>

#include "graph/op.h"
#include "tests/ops/op_cases.h"

namespace gradus {

using Failures = std::vector<std::string>;

// A gradient or a reason for none, a reference, a kernel, enough cases of the kinds that op_cases.h asks for.
Failures CheckRegistration(const OpDef& op, absl::Span<const OpCase> good, absl::Span<const BadCase> bad);

// Graph::Add accepts the case, twice alike, and the reference gives what was promised.
Failures CheckTypes(const OpDef& op, const OpCase& op_case);

// The gradient rule against differences of the reference: with random gradients of all outputs, then of each alone.
// Nothing to do for operations without a gradient.
Failures CheckGradient(const OpDef& op, const OpCase& op_case);

// The production kernels against the reference.
Failures CheckKernel(const OpDef& op, const OpCase& op_case);

// Graph::Add refuses the case with the message.
Failures CheckRefused(const OpDef& op, const BadCase& bad_case);

// Odd ranks, sizes and types in place of each input of the case's node: refused or typed, never a crash; and run where
// they are small.
Failures CheckOddShapes(const OpDef& op, const OpCase& op_case);

}  // namespace gradus

#endif  // GRADUS_TESTS_TESTLIB_OP_CHECKS_H_
