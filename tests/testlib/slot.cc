#include "tests/testlib/slot.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/status_macros.h"
#include "graph/gradient_check.h"

namespace gradus {
namespace {

std::vector<uint8_t> ToBytes(const ReferenceTensor& tensor, DType dtype) {
  std::vector<uint8_t> bytes(tensor.values.size() * SizeOf(dtype));
  auto fill = [&](auto zero) {
    using T = decltype(zero);
    for (size_t i = 0; i < tensor.values.size(); ++i) {
      const T value = static_cast<T>(tensor.values[i]);
      std::memcpy(bytes.data() + i * sizeof(T), &value, sizeof(T));
    }
  };
  if (dtype == DType::kFloat32) fill(float{});
  if (dtype == DType::kInt32) fill(int32_t{});
  if (dtype == DType::kUint8) fill(uint8_t{});
  return bytes;
}

double ElementAt(const uint8_t* bytes, DType dtype, int64_t index) {
  auto read = [&](auto zero) {
    std::memcpy(&zero, bytes + index * sizeof(zero), sizeof(zero));
    return static_cast<double>(zero);
  };
  if (dtype == DType::kFloat32) return read(float{});
  if (dtype == DType::kInt32) return read(int32_t{});
  return read(uint8_t{});
}

// Elements that only pad must be zero: those are all by which the buffer may differ from its own elements, laid out
// anew.
absl::Status CheckPadding(const Slot& output, const Slot& plain, DType dtype) {
  if (!output.layout.padded()) return absl::OkStatus();
  GRADUS_ASSIGN_OR_RETURN(const Slot clean, Reordered(plain, output.layout));
  for (int64_t i = 0; i < output.layout.stored_elements(); ++i) {
    const int64_t size = SizeOf(dtype);
    if (std::memcmp(output.buffer->data() + i * size, clean.buffer->data() + i * size, size) == 0) continue;
    const double value = ElementAt(output.buffer->data(), dtype, i);
    if (value == 0) continue;
    return absl::InternalError(absl::StrCat("padding at stored element ", i, " is ", value, "; expected 0"));
  }
  return absl::OkStatus();
}

absl::Status CheckValues(const Slot& plain, const TensorType& type, const ReferenceTensor& expected,
                         const KernelTolerance& tolerance) {
  double largest = tolerance.magnitude;
  for (double value : expected.values) {
    if (std::isfinite(value)) largest = std::max(largest, std::abs(value));
  }
  const double allowed = type.dtype == DType::kFloat32 ? tolerance.relative * largest : 0;
  int64_t wrong = 0, worst = 0;
  double worst_distance = -1;
  for (int64_t i = 0; i < type.shape.num_elements(); ++i) {
    const double have = ElementAt(plain.buffer->data(), type.dtype, i), want = expected.values[i];
    if (have == want || (std::isnan(have) && std::isnan(want))) continue;
    double distance = std::abs(have - want);
    if (distance <= allowed) continue;
    if (std::isnan(distance)) distance = HUGE_VAL;
    ++wrong;
    if (distance > worst_distance) worst = i, worst_distance = distance;
  }
  if (wrong == 0) return absl::OkStatus();
  return absl::InternalError(
      absl::StrFormat("%d of %d elements are wrong, most of all %d = %s: expected %.9g, got %.9g "
                      "(allowed distance %.3g)",
                      wrong, type.shape.num_elements(), worst, IndexText(type.shape, worst), expected.values[worst],
                      ElementAt(plain.buffer->data(), type.dtype, worst), allowed));
}

}  // namespace

Slot NewSlot(const Layout& layout, uint32_t poison) {
  Slot slot{layout, std::make_shared<GuardedBuffer>(layout.bytes())};
  slot.buffer->Poison(poison);
  return slot;
}

Slot Copy(const Slot& slot) {
  Slot copy = NewSlot(slot.layout, 0);
  std::copy(slot.buffer->data(), slot.buffer->data() + slot.buffer->bytes(), copy.buffer->data());
  return copy;
}

Slot PlainSlot(const ReferenceTensor& tensor, const TensorType& type) {
  const std::vector<uint8_t> bytes = ToBytes(tensor, type.dtype);
  Slot slot = NewSlot(Layout::Plain(type), 0);
  std::copy(bytes.begin(), bytes.end(), slot.buffer->data());
  return slot;
}

absl::StatusOr<Slot> Reordered(const Slot& from, const Layout& to) {
  if (to.any() || to == from.layout) return from;
  if (from.layout.opaque() || to.opaque()) {
    return absl::InternalError(
        absl::StrCat("wants layout ", to.ToString(), " of opaque bytes; at hand is ", from.layout.ToString()));
  }
  Slot slot = NewSlot(to, 0);
  if (to.bytes() > 0) {
    GRADUS_RETURN_IF_ERROR(Reorder(from.layout, from.buffer->data(), to, slot.buffer->data()));
  }
  return slot;
}

bool SameBytes(const Slot& a, const Slot& b) {
  if (a.layout != b.layout) return true;
  return std::memcmp(a.buffer->data(), b.buffer->data(), a.buffer->bytes()) == 0;
}

absl::Status CheckOutput(const Slot& output, const TensorType& type, const ReferenceTensor& expected,
                         const KernelTolerance& tolerance) {
  GRADUS_ASSIGN_OR_RETURN(const Slot plain, Reordered(output, Layout::Plain(type)));
  GRADUS_RETURN_IF_ERROR(CheckValues(plain, type, expected, tolerance));
  return CheckPadding(output, plain, type.dtype);
}

}  // namespace gradus
