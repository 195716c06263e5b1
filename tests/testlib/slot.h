// A value on its own memory in some layout, and its comparison with the reference.
#ifndef GRADUS_TESTS_TESTLIB_SLOT_H_
#define GRADUS_TESTS_TESTLIB_SLOT_H_

#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/layout.h"
#include "core/shape.h"
#include "graph/reference.h"
#include "tests/testlib/guarded_buffer.h"

namespace gradus {

// Copies share the buffer.
struct Slot {
  Layout layout;
  std::shared_ptr<GuardedBuffer> buffer;
};

Slot NewSlot(const Layout& layout, uint32_t poison);  // full of poison
Slot PlainSlot(const ReferenceTensor& tensor, const TensorType& type);
Slot Copy(const Slot& slot);

// The same elements in another layout; `from` itself where `to` is the same or any.
absl::StatusOr<Slot> Reordered(const Slot& from, const Layout& to);

// True as well where layouts, and so bytes, cannot be compared.
bool SameBytes(const Slot& a, const Slot& b);

struct KernelTolerance {
  double relative = 2e-5;  // to the largest magnitude of an output, or to `magnitude` if that is larger
  double magnitude = 0;
};

// Whether the elements are the reference's (whole numbers exactly) and the padding is zero. Errors give the worst
// element.
absl::Status CheckOutput(const Slot& output, const TensorType& type, const ReferenceTensor& expected,
                         const KernelTolerance& tolerance);

}  // namespace gradus

#endif  // GRADUS_TESTS_TESTLIB_SLOT_H_
