#include "tests/graph/allocation_trace.h"

#include <dlfcn.h>
#include <execinfo.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstring>

#ifndef GRADUS_ASAN
extern "C" {
void* __libc_malloc(size_t bytes);
void* __libc_calloc(size_t count, size_t bytes);
void* __libc_realloc(void* p, size_t bytes);
void* __libc_memalign(size_t alignment, size_t bytes);
}
#endif

namespace gradus {
namespace {

constexpr int kMostCalls = 4096, kMostFrames = 24;

struct Call {
  void* frames[kMostFrames];
  int count = 0;
};

Call calls[kMostCalls];
std::atomic<int> next_call{0};
std::atomic<bool> tracing{false};
thread_local bool inside = false;

#ifndef GRADUS_ASAN
__attribute__((noinline)) void Note() {
  if (!tracing || inside) return;
  inside = true;
  const int index = next_call++;
  if (index < kMostCalls) calls[index].count = backtrace(calls[index].frames, kMostFrames);
  inside = false;
}
#endif

std::string LibraryOf(void* address) {
  Dl_info info;
  if (dladdr(address, &info) == 0 || info.dli_fname == nullptr) return "unknown";
  const char* slash = std::strrchr(info.dli_fname, '/');
  return slash == nullptr ? info.dli_fname : slash + 1;
}

bool IsStandard(const std::string& library) {
  for (const char* prefix : {"libc.so", "libc-", "libstdc++", "libgcc_s", "ld-linux"}) {
    if (library.rfind(prefix, 0) == 0) return true;
  }
  return false;
}

// The frames are, innermost first: Note and malloc of this program, perhaps operator new, then who called.
std::string CallerOf(const Call& call, const std::string& self) {
  int frame = 0;
  while (frame < call.count && LibraryOf(call.frames[frame]) == self) ++frame;
  if (frame > 2) return "";  // more of this program's frames than the two of the trace
  while (frame < call.count && IsStandard(LibraryOf(call.frames[frame]))) ++frame;
  if (frame == call.count) return "unknown";
  const std::string library = LibraryOf(call.frames[frame]);
  return library == self ? "" : library;
}

}  // namespace

bool CanTraceAllocations() {
#ifdef GRADUS_ASAN
  return false;
#else
  return true;
#endif
}

void StartAllocationTrace() {
  void* frames[kMostFrames];
  backtrace(frames, kMostFrames);  // loads what it needs
  next_call = 0;
  tracing = true;
}

std::map<std::string, int> StopAllocationTrace() {
  tracing = false;
  const std::string self = LibraryOf(reinterpret_cast<void*>(&StopAllocationTrace));
  std::map<std::string, int> by_library;
  for (int i = 0; i < std::min(next_call.load(), kMostCalls); ++i) ++by_library[CallerOf(calls[i], self)];
  return by_library;
}

}  // namespace gradus

#ifndef GRADUS_ASAN
extern "C" {

__attribute__((noinline)) void* malloc(size_t bytes) {
  gradus::Note();
  return __libc_malloc(bytes);
}

__attribute__((noinline)) void* calloc(size_t count, size_t bytes) {
  gradus::Note();
  return __libc_calloc(count, bytes);
}

__attribute__((noinline)) void* realloc(void* p, size_t bytes) {
  gradus::Note();
  return __libc_realloc(p, bytes);
}

__attribute__((noinline)) void* memalign(size_t alignment, size_t bytes) {
  gradus::Note();
  return __libc_memalign(alignment, bytes);
}

__attribute__((noinline)) void* aligned_alloc(size_t alignment, size_t bytes) {
  gradus::Note();
  return __libc_memalign(alignment, bytes);
}

__attribute__((noinline)) int posix_memalign(void** p, size_t alignment, size_t bytes) {
  gradus::Note();
  *p = __libc_memalign(alignment, bytes);
  return *p == nullptr ? ENOMEM : 0;
}

}  // extern "C"
#endif
