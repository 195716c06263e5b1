// GRADUS_CHECK guards our own invariants: a failure is a bug of this library, never a user's mistake (those are
// absl::Status). It prints the place and the condition and aborts.
#ifndef GRADUS_CORE_CHECK_H_
#define GRADUS_CORE_CHECK_H_

namespace gradus {

[[noreturn]] void CheckFailed(const char* file, int line, const char* condition);

}  // namespace gradus

#define GRADUS_CHECK(condition) \
  ((condition) ? static_cast<void>(0) : ::gradus::CheckFailed(__FILE__, __LINE__, #condition))

#endif  // GRADUS_CORE_CHECK_H_
