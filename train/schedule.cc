#include "train/schedule.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace gradus {
namespace {

double StepsPer(Schedule::Unit unit, const ScheduleSpan& span) {
  return unit == Schedule::EPOCH ? span.steps_per_epoch : 1.0;
}

// A length above 0 in whole steps, at least one.
int64_t WholeSteps(double length, Schedule::Unit unit, const ScheduleSpan& span) {
  constexpr double kMost = 0x1p62;
  return std::llround(std::clamp(length * StepsPer(unit, span), 1.0, kMost));
}

Schedule::Unit WarmupUnit(const Schedule& schedule) {
  return schedule.warmup().has_unit() ? schedule.warmup().unit() : schedule.unit();
}

int64_t WarmupSteps(const Schedule& schedule, const ScheduleSpan& span) {
  return schedule.has_warmup() ? WholeSteps(schedule.warmup().length(), WarmupUnit(schedule), span) : 0;
}

// The step at which a polynomial or cosine ends.
template <typename Shape>
int64_t EndStep(const Shape& shape, Schedule::Unit unit, const ScheduleSpan& span) {
  return shape.has_over() ? WholeSteps(shape.over(), unit, span) : span.total_steps;
}

// How far `step` is from the end of the warm-up (0) to that of the shape (1).
template <typename Shape>
double Progressed(const Shape& shape, const Schedule& schedule, const ScheduleSpan& span, int64_t step) {
  const double start = WarmupSteps(schedule, span);
  const double end = EndStep(shape, schedule.unit(), span);
  return std::clamp((step - start) / (end - start), 0.0, 1.0);
}

double ShapeFactor(const Schedule& schedule, const ScheduleSpan& span, int64_t step) {
  const double t = step / StepsPer(schedule.unit(), span);
  switch (schedule.shape_case()) {
    case Schedule::kStep: {
      // Each drop at the step next to its place, as if all were listed.
      const double every = std::max(schedule.step().every() * StepsPer(schedule.unit(), span), 1.0);
      const double drops = std::ceil((static_cast<double>(step) + 0.5) / every) - 1;
      return std::pow(schedule.step().gamma(), drops);
    }
    case Schedule::kMultistep: {
      const auto& at = schedule.multistep().at();
      const auto drops = std::count_if(at.begin(), at.end(),
                                       [&](double drop) { return WholeSteps(drop, schedule.unit(), span) <= step; });
      return std::pow(schedule.multistep().gamma(), drops);
    }
    case Schedule::kExponential:
      return std::pow(schedule.exponential().gamma(), t);
    case Schedule::kInverse:
      return std::pow(1 + schedule.inverse().gamma() * t, -schedule.inverse().power());
    case Schedule::kPolynomial: {
      const PolynomialSchedule& shape = schedule.polynomial();
      const double left = 1 - Progressed(shape, schedule, span, step);
      return shape.end_factor() + (1 - shape.end_factor()) * std::pow(left, shape.power());
    }
    case Schedule::kCosine: {
      const CosineSchedule& shape = schedule.cosine();
      const double progressed = Progressed(shape, schedule, span, step);
      return shape.end_factor() + (1 - shape.end_factor()) * (1 + std::cos(M_PI * progressed)) / 2;
    }
    case Schedule::kConstant:
    case Schedule::SHAPE_NOT_SET:
      return 1;
  }
  return 1;
}

// Collects what is wrong with a schedule.
class Checker {
 public:
  Checker(const Schedule& schedule, const ScheduleSpan& span) : schedule_(schedule), span_(span) {}

  absl::Status Check() {
    CheckUnit("schedule.unit", schedule_.unit());
    if (schedule_.has_warmup()) CheckWarmup(schedule_.warmup());
    switch (schedule_.shape_case()) {
      case Schedule::kStep:
        Required("schedule.step.every", schedule_.step().has_every()) &&
            Above0("schedule.step.every", schedule_.step().every());
        Above0("schedule.step.gamma", schedule_.step().gamma());
        break;
      case Schedule::kMultistep:
        CheckMultistep(schedule_.multistep());
        break;
      case Schedule::kExponential:
        Required("schedule.exponential.gamma", schedule_.exponential().has_gamma()) &&
            Above0("schedule.exponential.gamma", schedule_.exponential().gamma());
        break;
      case Schedule::kInverse:
        Required("schedule.inverse.gamma", schedule_.inverse().has_gamma()) &&
            AtLeast0("schedule.inverse.gamma", schedule_.inverse().gamma());
        AtLeast0("schedule.inverse.power", schedule_.inverse().power());
        break;
      case Schedule::kPolynomial:
        Above0("schedule.polynomial.power", schedule_.polynomial().power());
        CheckFall("schedule.polynomial", schedule_.polynomial());
        break;
      case Schedule::kCosine:
        CheckFall("schedule.cosine", schedule_.cosine());
        break;
      case Schedule::kConstant:
      case Schedule::SHAPE_NOT_SET:
        break;
    }
    return errors_.empty() ? absl::OkStatus() : absl::InvalidArgumentError(absl::StrJoin(errors_, "\n"));
  }

 private:
  bool Fail(std::string error) {
    errors_.push_back(std::move(error));
    return false;
  }

  bool Required(absl::string_view field, bool is_set) { return is_set || Fail(absl::StrCat(field, " is required")); }

  bool Above0(absl::string_view field, double value) {
    return (value > 0 && std::isfinite(value)) || Fail(absl::StrCat(field, " must be above 0, not ", value));
  }

  bool AtLeast0(absl::string_view field, double value) {
    return (value >= 0 && std::isfinite(value)) || Fail(absl::StrCat(field, " must be at least 0, not ", value));
  }

  void CheckUnit(absl::string_view field, Schedule::Unit unit) {
    if (unit == Schedule::EPOCH && !(span_.steps_per_epoch > 0)) {
      Fail(absl::StrCat(field, " is EPOCH, but the training data have no known end; use STEP"));
    }
  }

  void CheckWarmup(const Warmup& warmup) {
    CheckUnit("schedule.warmup.unit", WarmupUnit(schedule_));
    Required("schedule.warmup.length", warmup.has_length()) && Above0("schedule.warmup.length", warmup.length());
    if (!(warmup.start_factor() >= 0 && warmup.start_factor() <= 1)) {
      Fail(absl::StrCat("schedule.warmup.start_factor must be in 0...1, not ", warmup.start_factor()));
    }
  }

  void CheckMultistep(const MultistepSchedule& shape) {
    if (shape.at().empty()) Fail("schedule.multistep.at is required");
    double before = 0;
    for (const double at : shape.at()) {
      if (!(at > before && std::isfinite(at))) {
        Fail(absl::StrCat("schedule.multistep.at must be above 0 and ascend: ", at, " after ", before));
      }
      before = at;
    }
    Above0("schedule.multistep.gamma", shape.gamma());
  }

  template <typename Shape>
  void CheckFall(absl::string_view name, const Shape& shape) {
    AtLeast0(absl::StrCat(name, ".end_factor"), shape.end_factor());
    if (shape.has_over() && !Above0(absl::StrCat(name, ".over"), shape.over())) return;
    if (!errors_.empty()) return;  // lengths in steps may make no sense
    const int64_t start = WarmupSteps(schedule_, span_);
    const int64_t end = EndStep(shape, schedule_.unit(), span_);
    if (start < end) return;
    Fail(absl::StrCat(name, " ends at step ", end, ", but the warm-up before it only at ", start));
  }

  const Schedule& schedule_;
  const ScheduleSpan& span_;
  std::vector<std::string> errors_;
};

}  // namespace

absl::Status CheckSchedule(const Schedule& schedule, const ScheduleSpan& span) {
  return Checker(schedule, span).Check();
}

double LearningRate(const Schedule& schedule, const ScheduleSpan& span, double base, int64_t step) {
  double warmup = 1;
  if (const int64_t length = WarmupSteps(schedule, span); step < length) {
    const double start = schedule.warmup().start_factor();
    warmup = start + (1 - start) * step / length;
  }
  return base * warmup * ShapeFactor(schedule, span, step);
}

}  // namespace gradus
