#include "tests/testlib/crash_note.h"

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstring>

namespace gradus {
namespace {

char g_note[1024];
size_t g_size = 0;

void PrintNoteAndDie(int signal) {
  const char text[] = "killed by a signal during: ";
  (void)!write(STDERR_FILENO, text, sizeof(text) - 1);
  (void)!write(STDERR_FILENO, g_note, g_size);
  (void)!write(STDERR_FILENO, "\n", 1);
  std::signal(signal, SIG_DFL);
  raise(signal);
}

}  // namespace

void SetCrashNote(absl::string_view note) {
  static const bool installed = [] {
    for (int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT}) std::signal(signal, PrintNoteAndDie);
    return true;
  }();
  (void)installed;
  g_size = std::min(note.size(), sizeof(g_note));
  std::memcpy(g_note, note.data(), g_size);
}

}  // namespace gradus
