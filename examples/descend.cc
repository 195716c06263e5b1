// Draws gradient descent: see kUsage.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "core/file.h"
#include "core/status_macros.h"
#include "examples/command_line.h"
#include "examples/descent.h"
#include "examples/svg_plot.h"
#include "examples/text_table.h"

namespace {

constexpr char kUsage[] = R"(Draws how optimizers descend over a function of two variables.

  descend --model=examples/descent/bowl.textproto
  descend --model=examples/descent/valley.textproto --steps=300 --start=-1.2,1 \
          --run='learning_rate: 0.001' --run='learning_rate: 0.05 optimizer { adam {} }'

The function is the loss of a model that has no inputs and two numbers as its parameters: `variable`s. Each --run is what
a training file says of the optimizer: learning_rate, optimizer, schedule, clip_norm. The ordinary trainer makes the
steps.

The picture, an SVG file, has the function's contours and the paths, from a dot at each start; the table what became of
each. A descent whose values are no longer finite, or that is 1000 times as far away as the picture is wide, diverges.

Exit code: 0, 1 after an error, 2 for wrong flags.)";

}  // namespace

ABSL_FLAG(std::string, model, "", "model file (gradus.Model as text)");
ABSL_FLAG(gradus::RepeatedFlag, run, {}, "a training in text: learning_rate, optimizer, ...; repeatable");
ABSL_FLAG(gradus::RepeatedFlag, start, {}, "x,y: where to start; repeatable; default: the variables' initial values");
ABSL_FLAG(int64_t, steps, 100, "steps of each descent");
ABSL_FLAG(std::string, x, "-2,2", "low,high: the picture's range of the first variable");
ABSL_FLAG(std::string, y, "-2,2", "low,high: the picture's range of the second variable");
ABSL_FLAG(int, levels, 16, "contours");
ABSL_FLAG(std::string, output, "descent.svg", "SVG file to write");

namespace gradus {
namespace {

constexpr int kGridPoints = 161;  // in each direction

absl::StatusOr<Point> ParsePair(absl::string_view flag, absl::string_view text) {
  const std::pair<absl::string_view, absl::string_view> halves = absl::StrSplit(text, absl::MaxSplits(',', 1));
  Point pair;
  if (absl::SimpleAtod(halves.first, &pair.x) && absl::SimpleAtod(halves.second, &pair.y) && std::isfinite(pair.x) &&
      std::isfinite(pair.y)) {
    return pair;
  }
  return WrongFlags(absl::StrCat("--", flag, "=", text, ": expected two numbers, such as -1.5,2"));
}

absl::StatusOr<Range> ParseRange(absl::string_view flag, absl::string_view text) {
  GRADUS_ASSIGN_OR_RETURN(const Point pair, ParsePair(flag, text));
  if (pair.x < pair.y) return Range{pair.x, pair.y};
  return WrongFlags(absl::StrCat("--", flag, "=", text, ": the first must be below the second"));
}

// Ever farther apart from the least value up, so that the bottom of a steep valley shows as well.
std::vector<double> LevelsOf(const Grid& grid, int count) {
  double low = INFINITY, high = -INFINITY;
  for (const double value : grid.values) {
    if (std::isfinite(value)) low = std::min(low, value), high = std::max(high, value);
  }
  std::vector<double> levels;
  for (int k = 1; k <= count && low < high; ++k) {
    levels.push_back(low + (high - low) * std::pow(static_cast<double>(k) / (count + 1), 3));
  }
  return levels;
}

struct Path {
  std::string label;
  int color;
  Trajectory trajectory;
};

std::string Outcome(const Trajectory& trajectory) {
  if (trajectory.diverged >= 0) return absl::StrCat("diverges at step ", trajectory.diverged);
  const Point end = trajectory.points.back();
  return absl::StrFormat("(%.4g, %.4g)", end.x, end.y);
}

// Of the table: an optimizer, where it started, what became of it.
std::string PathTable(const std::vector<Path>& paths) {
  using Align = TextTable::Align;
  TextTable table({Align::kLeft, Align::kLeft, Align::kLeft, Align::kRight, Align::kRight});
  table.Add({"run", "start", "end", "value", "least value"});
  table.AddRule();
  for (const Path& path : paths) {
    const Trajectory& t = path.trajectory;
    double least = INFINITY;
    for (const double value : t.values) least = std::fmin(least, value);
    table.Add({path.label, absl::StrFormat("(%.4g, %.4g)", t.points[0].x, t.points[0].y), Outcome(t),
               t.diverged >= 0 ? "" : absl::StrFormat("%.4g", t.values.back()), absl::StrFormat("%.4g", least)});
  }
  return table.ToString();
}

Chart Picture(const std::string& title, const std::array<std::string, 2>& names, const Grid& grid,
              const std::vector<Path>& paths) {
  Chart chart;
  chart.title = title;
  chart.width = chart.height = 520;
  chart.x = {names[0], false, grid.x};
  chart.y = {names[1], false, grid.y};
  for (const double level : LevelsOf(grid, absl::GetFlag(FLAGS_levels))) {
    chart.series.push_back({"", ContourOf(grid, level), Mark::kSegments, kGrey});
  }
  int named = -1;  // runs with several starts are in the legend once
  for (const Path& path : paths) {
    const bool first = path.color > named;
    named = std::max(named, path.color);
    const bool few = path.trajectory.points.size() <= 200;
    chart.series.push_back(
        {first ? path.label : "", path.trajectory.points, few ? Mark::kLineAndDots : Mark::kLine, path.color});
    chart.series.push_back({"", {path.trajectory.points[0]}, Mark::kDots, 6});
  }
  return chart;
}

absl::StatusOr<int> Descend(const std::vector<std::string>& arguments) {
  GRADUS_RETURN_IF_ERROR(RefuseArguments(arguments));
  GRADUS_RETURN_IF_ERROR(RequireFlags({"model", "output"}));
  GRADUS_RETURN_IF_ERROR(CheckFlagRange("steps", absl::GetFlag(FLAGS_steps), 1, 1000000));
  GRADUS_RETURN_IF_ERROR(CheckFlagRange("levels", absl::GetFlag(FLAGS_levels), 0, 1000));
  GRADUS_ASSIGN_OR_RETURN(const Range x, ParseRange("x", absl::GetFlag(FLAGS_x)));
  GRADUS_ASSIGN_OR_RETURN(const Range y, ParseRange("y", absl::GetFlag(FLAGS_y)));
  std::vector<Point> starts;
  for (const std::string& text : absl::GetFlag(FLAGS_start).values) {
    GRADUS_ASSIGN_OR_RETURN(const Point start, ParsePair("start", text));
    starts.push_back(start);
  }
  std::vector<std::string> runs = absl::GetFlag(FLAGS_run).values;
  if (runs.empty()) {
    runs = {"learning_rate: 0.01", "learning_rate: 0.01 optimizer { sgd { momentum: 0.9 } }",
            "learning_rate: 0.1 optimizer { adam {} }"};
  }

  const std::string path = UserPath(absl::GetFlag(FLAGS_model));
  GRADUS_ASSIGN_OR_RETURN(const std::string model, ReadFile(path));
  GRADUS_ASSIGN_OR_RETURN(const std::unique_ptr<Descent> surface, Descent::Create("", "--run", model, path));
  if (starts.empty()) {
    GRADUS_ASSIGN_OR_RETURN(const Point start, surface->Get());
    starts.push_back(start);
  }
  GRADUS_ASSIGN_OR_RETURN(const Grid grid, surface->ValuesOver(x, y, kGridPoints, kGridPoints));
  std::vector<Path> paths;
  for (size_t run = 0; run < runs.size(); ++run) {
    for (const Point start : starts) {
      // A learner for each, so that nothing is left of the one before.
      GRADUS_ASSIGN_OR_RETURN(const std::unique_ptr<Descent> descent, Descent::Create(runs[run], "--run", model, path));
      GRADUS_RETURN_IF_ERROR(descent->Set(start));
      GRADUS_ASSIGN_OR_RETURN(Trajectory trajectory, descent->Run(absl::GetFlag(FLAGS_steps), x, y));
      paths.push_back({descent->Label(), static_cast<int>(run), std::move(trajectory)});
    }
  }
  std::printf("%s", PathTable(paths).c_str());
  const std::string title = absl::StrCat(path.substr(path.rfind('/') + 1), ", ", absl::GetFlag(FLAGS_steps), " steps");
  GRADUS_RETURN_IF_ERROR(WriteFileAtomically(UserPath(absl::GetFlag(FLAGS_output)),
                                             DrawChart(Picture(title, surface->names(), grid, paths))));
  return 0;
}

}  // namespace
}  // namespace gradus

int main(int argc, char** argv) { return gradus::RunProgram(argc, argv, kUsage, gradus::Descend); }
