#include "train/progress.h"

#include <unistd.h>

#include <cmath>
#include <limits>
#include <string>

#include "gtest/gtest.h"

namespace gradus {
namespace {

// A progress display into a pipe, and a clock that the test turns.
class ProgressTest : public testing::Test {
 protected:
  ProgressTest() { EXPECT_EQ(pipe(ends_), 0); }
  ~ProgressTest() override { close(ends_[0]); }

  Progress::Options Options(bool terminal) {
    return {ends_[1], terminal, [this] { return now_; }};
  }

  // All that was written.
  std::string Output() {
    close(ends_[1]);
    std::string output;
    char buffer[4096];
    for (ssize_t n; (n = read(ends_[0], buffer, sizeof(buffer))) > 0;) output.append(buffer, n);
    return output;
  }

  double now_ = 1000;
  int ends_[2];
};

ProgressState At(int64_t step) {
  ProgressState state;
  state.step = step;
  state.total_steps = 100;
  return state;
}

TEST_F(ProgressTest, IsOneLineOnATerminal) {
  {
    Progress progress(Options(/*terminal=*/true));
    progress.Update(At(1));
    progress.Update(At(2));  // not due
    now_ += 1;
    progress.Update(At(3));
    progress.Note("saved step-00000003");
    now_ += 0.01;
    progress.Update(At(4));
    progress.Finish();
  }
  EXPECT_EQ(Output(),
            "\rstep 1/100\x1b[K"
            "\rstep 3/100  49s left\x1b[K"
            "\r\x1b[Ksaved step-00000003\n"
            "\rstep 3/100  49s left\x1b[K"
            "\rstep 4/100  32s left\x1b[K\n");
}

TEST_F(ProgressTest, LeavesTheCursorOnALineOfItsOwn) {
  { Progress(Options(/*terminal=*/true)).Update(At(1)); }
  EXPECT_EQ(Output(), "\rstep 1/100\x1b[K\n");
}

TEST_F(ProgressTest, IsPlainLinesElsewhere) {
  {
    Progress progress(Options(/*terminal=*/false));
    progress.Update(At(1));
    now_ += 9;
    progress.Update(At(10));
    now_ += 2;
    progress.Update(At(12));
    progress.Note("saved step-00000012");
    progress.Update(At(13));
    progress.Finish();
    progress.Finish();
  }
  EXPECT_EQ(Output(),
            "step 1/100\n"
            "step 12/100  1m28s left\n"
            "saved step-00000012\n"
            "step 13/100  1m20s left\n");
}

TEST_F(ProgressTest, SaysAllThatItKnows) {
  ProgressState state = At(1200);
  state.total_steps = 9380;
  state.epoch = 2;
  state.total_epochs = 10;
  state.loss = 0.123456;
  state.learning_rate = 0.01;
  state.examples_per_second = 20513.4;
  state.evaluation = {{"top1", 0.98123}};
  {
    Progress progress(Options(/*terminal=*/false));
    progress.Update(state);
    state.loss = std::numeric_limits<double>::quiet_NaN();
    state.examples_per_second = 1.2345;
    state.total_steps = 0;
    now_ += 20;
    progress.Update(state);
  }
  EXPECT_EQ(Output(),
            "step 1200/9380  epoch 2/10  loss 0.1235  rate 0.01  20513 examples/s  top1 0.9812\n"
            "step 1200  epoch 2/10  loss nan  rate 0.01  1.23 examples/s  top1 0.9812\n");
}

TEST_F(ProgressTest, DoesNotCountTimeBeforeAResume) {
  {
    Progress progress(Options(/*terminal=*/false));
    progress.Update(At(90));
    now_ += 10;
    progress.Update(At(95));
  }
  EXPECT_EQ(Output(), "step 90/100\nstep 95/100  10s left\n");
}

TEST_F(ProgressTest, SaysNothingWithoutAStep) {
  {
    Progress progress(Options(/*terminal=*/true));
    progress.Finish();
  }
  EXPECT_EQ(Output(), "");
}

TEST(FormatDuration, IsShort) {
  EXPECT_EQ(FormatDuration(0), "0s");
  EXPECT_EQ(FormatDuration(59.4), "59s");
  EXPECT_EQ(FormatDuration(59.6), "1m00s");
  EXPECT_EQ(FormatDuration(151), "2m31s");
  EXPECT_EQ(FormatDuration(3840), "1h04m");
  EXPECT_EQ(FormatDuration(3 * 86400 + 5 * 3600), "3d05h");
  EXPECT_EQ(FormatDuration(-1), "?");
  EXPECT_EQ(FormatDuration(std::nan("")), "?");
  EXPECT_EQ(FormatDuration(1e300), "?");
}

}  // namespace
}  // namespace gradus
