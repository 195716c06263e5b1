#include "train/schedule.h"

#include <google/protobuf/text_format.h>

#include <cmath>
#include <limits>
#include <string>

#include "gtest/gtest.h"

namespace gradus {
namespace {

Schedule Parse(const std::string& text) {
  Schedule schedule;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &schedule)) << text;
  return schedule;
}

struct Row {
  const char* schedule;
  int64_t step;
  double rate;  // of a base of 2, in a run of 100 steps, 10 an epoch
};

TEST(LearningRate, FollowsTheFormula) {
  const Row rows[] = {
      {"", 0, 2},
      {"", 99, 2},
      {"constant {}", 50, 2},
      {"step { every: 10 gamma: 0.5 }", 9, 2},
      {"step { every: 10 gamma: 0.5 }", 10, 1},
      {"step { every: 10 gamma: 0.5 }", 29, 0.5},
      {"step { every: 3 } unit: EPOCH", 29, 2},
      {"step { every: 3 } unit: EPOCH", 30, 0.2},
      {"step { every: 0.5 gamma: 0.5 } unit: EPOCH", 5, 1},
      {"multistep { at: [30, 60] gamma: 0.5 }", 29, 2},
      {"multistep { at: [30, 60] gamma: 0.5 }", 30, 1},
      {"multistep { at: [30, 60] gamma: 0.5 }", 60, 0.5},
      {"multistep { at: [3, 6] gamma: 0.5 } unit: EPOCH", 59, 1},
      {"multistep { at: [3, 6] gamma: 0.5 } unit: EPOCH", 60, 0.5},
      {"exponential { gamma: 0.5 }", 0, 2},
      {"exponential { gamma: 0.5 }", 3, 0.25},
      {"exponential { gamma: 0.25 } unit: EPOCH", 5, 1},
      {"inverse { gamma: 0.1 power: 2 }", 0, 2},
      {"inverse { gamma: 0.1 power: 2 }", 10, 0.5},
      {"inverse { gamma: 1 } unit: EPOCH", 10, 1},
      {"polynomial {}", 0, 2},
      {"polynomial {}", 25, 1.5},
      {"polynomial { power: 2 }", 50, 0.5},
      {"polynomial { end_factor: 0.5 }", 50, 1.5},
      {"polynomial { end_factor: 0.5 over: 5 } unit: EPOCH", 50, 1},
      {"polynomial { end_factor: 0.5 over: 5 } unit: EPOCH", 99, 1},
      {"cosine {}", 0, 2},
      {"cosine {}", 25, 1 + std::sqrt(0.5)},
      {"cosine {}", 50, 1},
      {"cosine { end_factor: 0.5 }", 50, 1.5},
      {"cosine { over: 50 }", 75, 0},
      // Warm-up: a factor on the shape; polynomial and cosine start at its end.
      {"warmup { length: 10 }", 0, 0},
      {"warmup { length: 10 }", 5, 1},
      {"warmup { length: 10 }", 10, 2},
      {"warmup { length: 10 start_factor: 0.1 }", 0, 0.2},
      {"warmup { length: 10 start_factor: 0.5 }", 5, 1.5},
      {"warmup { length: 2 } unit: EPOCH", 10, 1},
      {"warmup { length: 2 unit: EPOCH }", 10, 1},
      {"warmup { length: 5 unit: STEP } unit: EPOCH step { every: 2 gamma: 0.5 }", 20, 1},
      {"step { every: 4 gamma: 0.5 } warmup { length: 10 }", 5, 0.5},
      {"polynomial {} warmup { length: 20 }", 10, 1},
      {"polynomial {} warmup { length: 20 }", 20, 2},
      {"polynomial {} warmup { length: 20 }", 60, 1},
      {"cosine {} warmup { length: 20 }", 60, 1},
  };
  for (const Row& row : rows) {
    const Schedule schedule = Parse(row.schedule);
    const ScheduleSpan span = {100, 10};
    ASSERT_TRUE(CheckSchedule(schedule, span).ok()) << row.schedule;
    EXPECT_NEAR(LearningRate(schedule, span, 2, row.step), row.rate, 1e-12) << row.schedule << " at " << row.step;
  }
}

// 781.25 steps an epoch: a drop after 30 epochs comes at the nearest whole step.
TEST(LearningRate, RoundsEpochsToWholeSteps) {
  const Schedule schedule = Parse("multistep { at: 30 } unit: EPOCH");
  const ScheduleSpan span = {100000, 781.25};
  EXPECT_DOUBLE_EQ(LearningRate(schedule, span, 1, 23437), 1);
  EXPECT_DOUBLE_EQ(LearningRate(schedule, span, 1, 23438), 0.1);
}

TEST(LearningRate, TakesLengthsBeyondAnyRun) {
  for (const char* text : {"step { every: 1e300 }", "multistep { at: 1e300 }", "cosine { over: 1e300 }"}) {
    const Schedule schedule = Parse(text);
    const ScheduleSpan span = {100, 10};
    ASSERT_TRUE(CheckSchedule(schedule, span).ok()) << text;
    EXPECT_NEAR(LearningRate(schedule, span, 1, 99), 1, 1e-9) << text;
  }
}

struct BadRow {
  const char* schedule;
  const char* message;
};

TEST(CheckSchedule, NamesTheField) {
  const BadRow rows[] = {
      {"step {}", "schedule.step.every is required"},
      {"step { every: 0 }", "schedule.step.every must be above 0, not 0"},
      {"step { every: nan }", "schedule.step.every must be above 0, not nan"},
      {"step { every: inf }", "schedule.step.every must be above 0, not inf"},
      {"step { every: 1 gamma: -1 }", "schedule.step.gamma must be above 0, not -1"},
      {"step { every: -1 gamma: 0 }",
       "schedule.step.every must be above 0, not -1\nschedule.step.gamma must be above 0, not 0"},
      {"multistep {}", "schedule.multistep.at is required"},
      {"multistep { at: [0] }", "schedule.multistep.at must be above 0 and ascend: 0 after 0"},
      {"multistep { at: [30, 20] }", "schedule.multistep.at must be above 0 and ascend: 20 after 30"},
      {"exponential {}", "schedule.exponential.gamma is required"},
      {"exponential { gamma: 0 }", "schedule.exponential.gamma must be above 0, not 0"},
      {"inverse {}", "schedule.inverse.gamma is required"},
      {"inverse { gamma: -1 power: -2 }",
       "schedule.inverse.gamma must be at least 0, not -1\nschedule.inverse.power must be at least 0, not -2"},
      {"polynomial { power: 0 }", "schedule.polynomial.power must be above 0, not 0"},
      {"polynomial { end_factor: -1 }", "schedule.polynomial.end_factor must be at least 0, not -1"},
      {"cosine { over: 0 }", "schedule.cosine.over must be above 0, not 0"},
      {"cosine {} warmup { length: 100 }", "schedule.cosine ends at step 100, but the warm-up before it only at 100"},
      {"polynomial { over: 5 } warmup { length: 6 }",
       "schedule.polynomial ends at step 5, but the warm-up before it only at 6"},
      {"warmup {}", "schedule.warmup.length is required"},
      {"warmup { length: 0 }", "schedule.warmup.length must be above 0, not 0"},
      {"warmup { length: 1 start_factor: 2 }", "schedule.warmup.start_factor must be in 0...1, not 2"},
      {"unit: EPOCH", "schedule.unit is EPOCH, but the training data have no known end; use STEP"},
      {"warmup { length: 1 unit: EPOCH }",
       "schedule.warmup.unit is EPOCH, but the training data have no known end; use STEP"},
  };
  for (const BadRow& row : rows) {
    const ScheduleSpan span = {100, 0};
    EXPECT_EQ(CheckSchedule(Parse(row.schedule), span).message(), row.message) << row.schedule;
  }
}

}  // namespace
}  // namespace gradus
