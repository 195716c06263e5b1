// What a person sees of a run: on a terminal one line that is redrawn,
//
//   step 1200/9380  epoch 1/10  loss 0.1234  rate 0.01  20513 examples/s  top1 0.9812  2m31s left
//
// elsewhere the same as plain lines, at most one in ten seconds. It goes to stderr: stdout belongs to results. What
// cannot be written is dropped. Not thread-safe.
#ifndef GRADUS_TRAIN_PROGRESS_H_
#define GRADUS_TRAIN_PROGRESS_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"

namespace gradus {

// What the line says; NaN numbers are shown as such, unset ones are left out.
struct ProgressState {
  int64_t step = 0;         // steps done
  int64_t total_steps = 0;  // 0: unknown
  int64_t epoch = 0;        // the one running, from 1; 0: not shown
  int64_t total_epochs = 0;
  std::optional<double> loss;
  std::optional<double> learning_rate;
  std::optional<double> examples_per_second;
  std::optional<double> data_wait;                         // share of the time; shown from a hundredth on
  std::vector<std::pair<std::string, double>> evaluation;  // results of the last evaluation
};

// "2m31s", "1h04m", "3d05h", "45s".
std::string FormatDuration(double seconds);

class Progress {
 public:
  struct Options {
    int fd = 2;                     // stderr
    std::optional<bool> terminal;   // default: whether `fd` is one
    std::function<double()> clock;  // seconds, ascending; default: the system's steady clock
  };

  Progress() : Progress(Options()) {}
  explicit Progress(Options options);
  ~Progress();  // leaves the cursor on a line of its own

  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // Cheap when nothing is due: to be called after every step. Time left is estimated from the first call on, so time
  // before a resume does not count.
  void Update(const ProgressState& state);

  // Shows the last state whether or not it is due, and ends the line.
  void Finish();

  // A line of its own, such as "saved step-00001200"; the progress line is redrawn below.
  void Note(absl::string_view text);

 private:
  std::string Line() const;
  void Draw();

  Options options_;
  ProgressState state_;
  bool started_ = false;
  bool drawn_ = false;   // the cursor is at the end of a progress line (terminal only)
  bool current_ = true;  // `state_` has been shown
  double first_time_ = 0;
  int64_t first_step_ = 0;
  double last_drawn_ = 0;
};

}  // namespace gradus

#endif  // GRADUS_TRAIN_PROGRESS_H_
