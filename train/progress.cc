#include "train/progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <chrono>
#include <cmath>
#include <cstddef>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/file.h"

namespace gradus {
namespace {

constexpr double kSecondsBetweenDrawings = 0.1;
constexpr double kSecondsBetweenLines = 10;
constexpr char kLineStart[] = "\r";
constexpr char kClearToEnd[] = "\x1b[K";

double SteadySeconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// The terminal's width in characters.
size_t WidthOf(int fd) {
  winsize size{};
  return ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 1 ? size.ws_col : 80;
}

std::string Fraction(absl::string_view name, int64_t done, int64_t total) {
  return total > 0 ? absl::StrCat(name, " ", done, "/", total) : absl::StrCat(name, " ", done);
}

}  // namespace

std::string FormatDuration(double seconds) {
  if (!(seconds >= 0 && seconds < 1e9)) return "?";
  const int64_t s = std::llround(seconds);
  if (s < 60) return absl::StrCat(s, "s");
  if (s < 3600) return absl::StrFormat("%dm%02ds", s / 60, s % 60);
  if (s < 86400) return absl::StrFormat("%dh%02dm", s / 3600, s / 60 % 60);
  return absl::StrFormat("%dd%02dh", s / 86400, s / 3600 % 24);
}

Progress::Progress(Options options) : options_(std::move(options)) {
  if (!options_.terminal.has_value()) options_.terminal = isatty(options_.fd) == 1;
  if (options_.clock == nullptr) options_.clock = SteadySeconds;
}

Progress::~Progress() {
  if (drawn_) WriteAll(options_.fd, "", "\n").IgnoreError();
}

void Progress::Update(const ProgressState& state) {
  state_ = state;
  current_ = false;
  const double now = options_.clock();
  if (!started_) {
    started_ = true;
    first_time_ = now;
    first_step_ = state.step;
  } else if (now - last_drawn_ < (*options_.terminal ? kSecondsBetweenDrawings : kSecondsBetweenLines)) {
    return;
  }
  Draw();
}

void Progress::Finish() {
  if (started_ && !current_) Draw();
  if (drawn_) WriteAll(options_.fd, "", "\n").IgnoreError();
  drawn_ = false;
}

void Progress::Note(absl::string_view text) {
  const bool redraw = drawn_;
  const std::string clear = redraw ? absl::StrCat(kLineStart, kClearToEnd) : "";
  WriteAll(options_.fd, "", absl::StrCat(clear, text, "\n")).IgnoreError();
  if (redraw) Draw();
}

std::string Progress::Line() const {
  std::string line = Fraction("step", state_.step, state_.total_steps);
  if (state_.epoch > 0) absl::StrAppend(&line, "  ", Fraction("epoch", state_.epoch, state_.total_epochs));
  if (state_.loss.has_value()) absl::StrAppendFormat(&line, "  loss %.4g", *state_.loss);
  if (state_.learning_rate.has_value()) absl::StrAppendFormat(&line, "  rate %.4g", *state_.learning_rate);
  if (const auto& speed = state_.examples_per_second; speed.has_value()) {
    absl::StrAppend(&line, "  ", *speed < 100 ? absl::StrFormat("%.3g", *speed) : absl::StrFormat("%.0f", *speed),
                    " examples/s");
  }
  if (state_.data_wait.value_or(0) >= 0.01) absl::StrAppendFormat(&line, "  data wait %.0f%%", 100 * *state_.data_wait);
  for (const auto& [metric, value] : state_.evaluation) absl::StrAppendFormat(&line, "  %s %.4g", metric, value);
  if (state_.step > first_step_ && state_.step <= state_.total_steps) {
    const double seconds_per_step = (options_.clock() - first_time_) / (state_.step - first_step_);
    absl::StrAppend(&line, "  ", FormatDuration(seconds_per_step * (state_.total_steps - state_.step)), " left");
  }
  return line;
}

void Progress::Draw() {
  last_drawn_ = options_.clock();
  current_ = true;
  if (*options_.terminal) {
    const std::string line = Line().substr(0, WidthOf(options_.fd) - 1);  // a full line would scroll
    WriteAll(options_.fd, "", absl::StrCat(kLineStart, line, kClearToEnd)).IgnoreError();
    drawn_ = true;
  } else {
    WriteAll(options_.fd, "", absl::StrCat(Line(), "\n")).IgnoreError();
  }
}

}  // namespace gradus
