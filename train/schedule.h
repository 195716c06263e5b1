// The learning rate of each step (proto/schedule.proto has the formulas).
// Pure functions; thread-safe.
#ifndef GRADUS_TRAIN_SCHEDULE_H_
#define GRADUS_TRAIN_SCHEDULE_H_

#include <cstdint>

#include "absl/status/status.h"
#include "proto/schedule.pb.h"

namespace gradus {

// The run that a schedule is laid over.
struct ScheduleSpan {
  int64_t total_steps = 0;     // of the whole run, those before a resume included; above 0
  double steps_per_epoch = 0;  // not whole when batches wrap around; 0: unknown, then the unit EPOCH is an error
};

// OK, or all that is wrong at once, each with its field ("schedule.step.every must be above 0, not -1").
absl::Status CheckSchedule(const Schedule& schedule, const ScheduleSpan& span);

// The learning rate of step `step` (from 0) for a schedule that CheckSchedule accepts.
double LearningRate(const Schedule& schedule, const ScheduleSpan& span, double base, int64_t step);

}  // namespace gradus

#endif  // GRADUS_TRAIN_SCHEDULE_H_
