#include "core/check.h"

#include <cstdio>
#include <cstdlib>

namespace gradus {

void CheckFailed(const char* file, int line, const char* condition) {
  std::fprintf(stderr, "%s:%d: broken invariant (a bug in Gradus, please report it): %s\n", file, line, condition);
  std::abort();
}

}  // namespace gradus
