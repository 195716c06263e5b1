#include "train/stop_signal.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/testlib/in_child.h"

namespace gradus {
namespace {

void SleepMilliseconds(int n) { std::this_thread::sleep_for(std::chrono::milliseconds(n)); }

TEST(StopSignal, OnlyNotesTheFirst) {
  for (const auto& [number, code] : {std::make_pair(SIGINT, 130), {SIGTERM, 143}}) {
    StopSignal stop;
    EXPECT_FALSE(stop.requested());
    EXPECT_EQ(stop.exit_code(), 0);
    raise(number);
    EXPECT_TRUE(stop.requested());
    EXPECT_EQ(stop.signal_number(), number);
    EXPECT_EQ(stop.exit_code(), code);
  }
}

TEST(StopSignal, EndsTheProcessAtTheSecond) {
  for (const auto& [number, code] : {std::make_pair(SIGINT, 130), {SIGTERM, 143}}) {
    const ChildEnd end = InChild([number = number] {
      StopSignal stop;
      raise(number);
      SleepMilliseconds(60);
      raise(number);
      return std::string("still here");
    });
    EXPECT_EQ(end.exit_code, code);
    EXPECT_EQ(end.output, "");
  }
}

TEST(StopSignal, EndsTheProcessAtAnotherSignal) {
  const ChildEnd end = InChild([] {
    StopSignal stop;
    raise(SIGINT);
    raise(SIGTERM);
    return std::string("still here");
  });
  EXPECT_EQ(end.exit_code, 143);
}

// `timeout` signals its child, and then the whole group.
TEST(StopSignal, TakesTwoAtOnceForOne) {
  ChildEnd end;
  for (int attempt = 0; attempt < 10 && end.output.empty(); ++attempt) {  // a busy machine may make them two
    end = InChild([] {
      StopSignal stop;
      raise(SIGTERM);
      raise(SIGTERM);
      return absl::StrCat("saved, ", stop.exit_code());
    });
  }
  EXPECT_EQ(end.output, "saved, 143");
}

TEST(StopSignal, GivesTheHandlersBack) {
  const ChildEnd end = InChild([] {
    { StopSignal stop; }
    raise(SIGTERM);
    return std::string("still here");
  });
  EXPECT_EQ(end.signal, SIGTERM);
}

TEST(StopSignal, IgnoresClosedPipes) {
  const ChildEnd end = InChild([] {
    StopSignal stop;
    int ends[2];
    if (pipe(ends) != 0) return std::string("no pipe");
    close(ends[0]);
    const bool closed = write(ends[1], "x", 1) < 0 && errno == EPIPE;
    return std::string(closed ? "closed" : "written");
  });
  EXPECT_EQ(end.output, "closed");
}

}  // namespace
}  // namespace gradus
