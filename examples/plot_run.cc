// Plots runs: see kUsage.
#include <algorithm>
#include <cstdio>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "core/file.h"
#include "core/human.h"
#include "core/status_macros.h"
#include "examples/command_line.h"
#include "examples/run_log.h"
#include "examples/svg_plot.h"
#include "examples/tensorboard_events.h"

namespace {

constexpr char kUsage[] = R"(Plots the course of training runs, and how their weights are distributed.

  plot_run runs/lenet-1
  plot_run runs/lenet-1 runs/lenet-2 --output=comparison.html
  plot_run runs/lenet-1 --tensorboard=events

Writes one HTML file that needs nothing else, no network either: losses, metrics, learning rate and what else the logs
have, over the steps, runs in colours; and a histogram of each variable of the newest checkpoints. Numbers of evaluation
are dashed. Runs may still be going on.

With --tensorboard also files of events, a folder for each run, that TensorBoard reads: tensorboard --logdir=events

Exit code: 0, 1 after an error, 2 for wrong flags.)";

}  // namespace

ABSL_FLAG(std::string, output, "run.html", "HTML file to write");
ABSL_FLAG(std::string, tensorboard, "", "folder for TensorBoard's files of events; empty: none are written");
ABSL_FLAG(bool, log_loss, false, "a logarithmic axis for losses");
ABSL_FLAG(int, bins, 60, "bins of histograms");

namespace gradus {
namespace {

constexpr char kEvaluation[] = "eval_";

// A chart of some keys of all runs: a colour for each run, evaluation dashed.
Chart ChartOf(const std::vector<RunLog>& runs, const std::string& title, const std::vector<std::string>& keys) {
  Chart chart;
  chart.title = title;
  chart.x.label = "step";
  for (size_t run = 0; run < runs.size(); ++run) {
    for (const std::string& key : keys) {
      const auto course = runs[run].course.find(key);
      if (course == runs[run].course.end()) continue;
      absl::string_view name = key;
      const bool evaluation = absl::ConsumePrefix(&name, kEvaluation);
      Series series = {runs[run].name, Thinned(course->second, chart.width)};
      if (keys.size() > 1) absl::StrAppend(&series.name, evaluation ? ", evaluation" : ", training");
      series.color = static_cast<int>(run);
      series.dashed = evaluation && keys.size() > 1;
      series.mark = evaluation ? Mark::kLineAndDots : Mark::kLine;
      chart.series.push_back(std::move(series));
    }
  }
  return chart;
}

// Losses first, then what is measured in evaluation, then the rest.
std::vector<Chart> CurvesOf(const std::vector<RunLog>& runs) {
  std::set<std::string> evaluated, others;
  for (const RunLog& run : runs) {
    for (const auto& [key, points] : run.course) {
      if (key == "loss" || key == "eval_loss" || key == "epoch" || key == "examples") continue;
      (absl::StartsWith(key, kEvaluation) ? evaluated : others).insert(key);
    }
  }
  std::vector<Chart> charts = {ChartOf(runs, "loss", {"loss", "eval_loss"})};
  charts.back().y.logarithmic = absl::GetFlag(FLAGS_log_loss);
  for (const std::string& key : evaluated) {
    charts.push_back(ChartOf(runs, absl::StrCat(absl::StripPrefix(key, kEvaluation), " in evaluation"), {key}));
  }
  for (const char* key : {"learning_rate", "gradient_norm", "examples_per_second", "data_wait"}) {
    if (others.erase(key) > 0) charts.push_back(ChartOf(runs, key, {key}));
  }
  for (const std::string& key : others) charts.push_back(ChartOf(runs, key, {key}));
  return charts;
}

std::vector<Chart> HistogramsOf(const std::vector<RunLog>& runs, int bins) {
  std::vector<std::string> names;
  for (const RunLog& run : runs) {
    for (const NamedWeights& weights : run.weights) {
      if (std::find(names.begin(), names.end(), weights.name) == names.end()) names.push_back(weights.name);
    }
  }
  std::vector<Chart> charts;
  for (const std::string& name : names) {
    Chart chart;
    chart.width = 360, chart.height = 200;
    for (size_t run = 0; run < runs.size(); ++run) {
      for (const NamedWeights& weights : runs[run].weights) {
        if (weights.name != name) continue;
        chart.title = absl::StrCat(name, "  ", weights.values.type().ToString());
        Series series = {runs.size() > 1 ? runs[run].name : "", HistogramOf(weights.values.values<float>(), bins)};
        series.mark = Mark::kSteps;
        series.color = static_cast<int>(run);
        chart.series.push_back(std::move(series));
      }
    }
    charts.push_back(std::move(chart));
  }
  return charts;
}

std::string TableOf(const std::vector<RunLog>& runs) {
  std::string table = "<table>\n<tr><th>run</th><th>steps</th><th>last loss</th><th>weights of step</th></tr>\n";
  for (size_t i = 0; i < runs.size(); ++i) {
    const RunLog& run = runs[i];
    const auto loss = run.course.find("loss");
    absl::StrAppend(&table, "<tr><td style=\"color:", PaletteColor(static_cast<int>(i)), "\">", EscapeXml(run.name),
                    "</td><td>", run.last_step < 0 ? "none yet" : HumanCount(run.last_step), "</td><td>",
                    loss == run.course.end() ? "" : absl::StrCat(loss->second.back().y), "</td><td>",
                    run.weights_step < 0 ? "no checkpoint" : HumanCount(run.weights_step), "</td></tr>\n");
  }
  return table + "</table>\n";
}

std::string Page(const std::vector<RunLog>& runs, int bins) {
  std::string html = R"(<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>)";
  for (size_t i = 0; i < runs.size(); ++i) absl::StrAppend(&html, i > 0 ? ", " : "", EscapeXml(runs[i].name));
  html += R"(</title>
<style>
body { font-family: sans-serif; margin: 2em; color: #202020; }
table { border-collapse: collapse; }
td, th { padding: 0.2em 1em 0.2em 0; text-align: left; }
svg { max-width: 100%; height: auto; margin: 0.5em 1em 0.5em 0; }
</style></head><body>
<h1>Runs</h1>
)";
  html += TableOf(runs);
  html += "<h2>Course</h2>\n";
  for (const Chart& chart : CurvesOf(runs)) html += DrawChart(chart);
  html += "<h2>Weights</h2>\n";
  const std::vector<Chart> histograms = HistogramsOf(runs, bins);
  if (histograms.empty()) html += "<p>None of the runs has a checkpoint yet.</p>\n";
  for (const Chart& chart : histograms) html += DrawChart(chart);
  return html + "</body></html>\n";
}

absl::StatusOr<int> PlotRuns(const std::vector<std::string>& arguments) {
  if (arguments.empty()) return WrongFlags("which runs? Their folders are the arguments");
  GRADUS_RETURN_IF_ERROR(RequireFlags({"output"}));
  const int bins = absl::GetFlag(FLAGS_bins);
  GRADUS_RETURN_IF_ERROR(CheckFlagRange("bins", bins, 1, 10000));
  std::vector<RunLog> runs;
  std::vector<std::string> folders;
  for (const std::string& argument : arguments) folders.push_back(UserPath(argument));
  const std::vector<std::string> names = DistinctNames(folders);
  for (size_t i = 0; i < folders.size(); ++i) {
    std::vector<std::string> skipped;
    GRADUS_ASSIGN_OR_RETURN(RunLog run, ReadRunLog(folders[i], &skipped));
    for (const std::string& message : skipped) std::fprintf(stderr, "skipped: %s\n", message.c_str());
    run.name = names[i];
    runs.push_back(std::move(run));
  }
  const std::string output = absl::GetFlag(FLAGS_output);
  GRADUS_RETURN_IF_ERROR(WriteFileAtomically(UserPath(output), Page(runs, bins)));
  std::printf("%s: %zu %s\n", output.c_str(), runs.size(), runs.size() == 1 ? "run" : "runs");
  const std::string events = absl::GetFlag(FLAGS_tensorboard);
  if (events.empty()) return 0;
  for (const RunLog& run : runs) GRADUS_RETURN_IF_ERROR(WriteEvents(run, UserPath(events)));
  std::printf("%s: events for TensorBoard\n", events.c_str());
  return 0;
}

}  // namespace
}  // namespace gradus

int main(int argc, char** argv) { return gradus::RunProgram(argc, argv, kUsage, gradus::PlotRuns); }
