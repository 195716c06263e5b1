#include "train/stop_signal.h"

#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>

#include "core/check.h"

namespace gradus {
namespace {

// What reaches a process group twice (`timeout` signals its child, then the group; a wrapper passes Ctrl-C on to a
// child that has it already) is one wish, not two.
constexpr int64_t kSameWishMicroseconds = 20'000;

// The first signal's number and time in one word, so that a handler on another thread sees both or neither.
constexpr int64_t kNumbers = 128;
std::atomic<int64_t> first{0};
static_assert(std::atomic<int64_t>::is_always_lock_free, "a signal handler must not wait for a lock");

std::atomic<bool> installed{false};

int64_t NowMicroseconds() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1'000'000 + now.tv_nsec / 1000;
}

void OnSignal(int number) {
  const int64_t now = NowMicroseconds();
  int64_t before = 0;
  if (first.compare_exchange_strong(before, now * kNumbers + number)) return;
  const bool same = number == before % kNumbers && now - before / kNumbers <= kSameWishMicroseconds;
  if (!same) _exit(128 + number);
}

struct sigaction ActionOf(void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  return action;
}

}  // namespace

StopSignal::StopSignal() {
  GRADUS_CHECK(!installed.exchange(true));
  first = 0;
  const struct sigaction stop = ActionOf(OnSignal);
  const struct sigaction ignore = ActionOf(SIG_IGN);
  sigaction(SIGINT, &stop, &earlier_int_);
  sigaction(SIGTERM, &stop, &earlier_term_);
  sigaction(SIGXFSZ, &ignore, &earlier_xfsz_);
  sigaction(SIGPIPE, &ignore, &earlier_pipe_);
}

StopSignal::~StopSignal() {
  sigaction(SIGINT, &earlier_int_, nullptr);
  sigaction(SIGTERM, &earlier_term_, nullptr);
  sigaction(SIGXFSZ, &earlier_xfsz_, nullptr);
  sigaction(SIGPIPE, &earlier_pipe_, nullptr);
  installed = false;
}

int StopSignal::signal_number() const { return static_cast<int>(first % kNumbers); }

}  // namespace gradus
