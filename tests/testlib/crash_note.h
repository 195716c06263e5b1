// What a test is about to do, printed when the process dies of a signal in the middle of it.
#ifndef GRADUS_TESTS_TESTLIB_CRASH_NOTE_H_
#define GRADUS_TESTS_TESTLIB_CRASH_NOTE_H_

#include "absl/strings/string_view.h"

namespace gradus {

// From now on `note` is what happens. Cheap; one thread at a time.
void SetCrashNote(absl::string_view note);

}  // namespace gradus

#endif  // GRADUS_TESTS_TESTLIB_CRASH_NOTE_H_
