// When each step of a plan ran: for tables, and as Chrome's trace events, which Perfetto (ui.perfetto.dev) opens.
//
//   StepTrace trace(&plan);
//   trace.Start();
//   ... run the plan; trace.Span("step 12", begin) ...
//   trace.Stop();
//
// Used by the thread that runs the plan. Borrows the plan.
#ifndef GRADUS_GRAPH_STEP_TRACE_H_
#define GRADUS_GRAPH_STEP_TRACE_H_

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "graph/plan.h"

namespace gradus {

class StepTrace : public StepObserver {
 public:
  // `before` is called before each step (to empty the caches) and is no part of its time.
  explicit StepTrace(Plan* plan, std::function<void()> before = nullptr) : plan_(plan), before_(std::move(before)) {}
  ~StepTrace() override { Stop(); }

  void Start() { plan_->Observe(this); }
  void Stop() { plan_->Observe(nullptr); }

  void Before(int step) override;
  void After(int step) override;

  // Nanoseconds of a steady clock.
  static int64_t Now();
  // Something that took from `begin` until now and has steps in it, or none: "step 12", "wait for data".
  void Span(std::string name, int64_t begin) { spans_.push_back({std::move(name), begin, Now()}); }

  // The median of each step's times in milliseconds, by step; 0 for one that never ran.
  std::vector<double> Medians() const;

  // {"traceEvents": [...]}: spans on one track, and the steps with kernel, layout, GFLOP/s and GB/s on another.
  std::string ToJson(absl::string_view title) const;

 private:
  struct Event {
    int step;
    int64_t begin, end;
  };
  struct Named {
    std::string name;
    int64_t begin, end;
  };

  Plan* plan_;
  std::function<void()> before_;
  std::vector<Event> events_;
  std::vector<Named> spans_;
};

// What a step does: floating-point operations of sums of products (0 for all else), and bytes that it reads and writes.
struct StepWork {
  double flops = 0;
  double bytes = 0;
};
StepWork WorkOf(const Plan& plan, int step);

}  // namespace gradus

#endif  // GRADUS_GRAPH_STEP_TRACE_H_
