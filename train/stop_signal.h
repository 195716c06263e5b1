// Ctrl-C and kill, the polite way: while a StopSignal lives, the first SIGINT or SIGTERM only sets a flag, so that the
// run finishes its step and saves; the second ends the process at once.
//
// It also ignores SIGXFSZ and SIGPIPE: a file size limit and a closed terminal or pipe (Ctrl-C also ends the `tee`
// behind a run) become errors of the write instead of the end of the run.
//
// One at a time in a process; earlier handlers come back when it goes. Any thread may ask.
#ifndef GRADUS_TRAIN_STOP_SIGNAL_H_
#define GRADUS_TRAIN_STOP_SIGNAL_H_

#include <signal.h>

namespace gradus {

class StopSignal {
 public:
  StopSignal();
  ~StopSignal();

  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

  bool requested() const { return signal_number() != 0; }

  // The signal that came first, or 0.
  int signal_number() const;

  // The status to exit with, as shells have it: 130 after SIGINT, 143 after SIGTERM, else 0.
  int exit_code() const { return requested() ? 128 + signal_number() : 0; }

 private:
  struct sigaction earlier_int_;
  struct sigaction earlier_term_;
  struct sigaction earlier_xfsz_;
  struct sigaction earlier_pipe_;
};

}  // namespace gradus

#endif  // GRADUS_TRAIN_STOP_SIGNAL_H_
