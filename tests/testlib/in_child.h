// Runs a piece of a test in a forked process: for what changes a process for good (limits, signals) or ends it.
#ifndef GRADUS_TESTS_TESTLIB_IN_CHILD_H_
#define GRADUS_TESTS_TESTLIB_IN_CHILD_H_

#include <sys/wait.h>
#include <unistd.h>

#include <string>

namespace gradus {

struct ChildEnd {
  int exit_code = -1;  // -1: ended by a signal
  int signal = 0;
  std::string output;  // what `body` returned
};

// Forks, calls `body` in the child, hands back the string that it returns, and waits for the child's end. A child whose
// body returns exits with 0.
template <typename Body>
ChildEnd InChild(const Body& body) {
  int ends[2];
  if (pipe(ends) != 0) return {};
  const pid_t child = fork();
  if (child == 0) {
    close(ends[0]);
    const std::string output = body();
    const ssize_t written = write(ends[1], output.data(), output.size());
    _exit(written == static_cast<ssize_t>(output.size()) ? 0 : 99);
  }
  close(ends[1]);
  ChildEnd end;
  char buffer[4096];
  for (ssize_t n; (n = read(ends[0], buffer, sizeof(buffer))) > 0;) end.output.append(buffer, n);
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  if (WIFEXITED(status)) end.exit_code = WEXITSTATUS(status);
  if (WIFSIGNALED(status)) end.signal = WTERMSIG(status);
  return end;
}

}  // namespace gradus

#endif  // GRADUS_TESTS_TESTLIB_IN_CHILD_H_
