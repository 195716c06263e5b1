// Plots activation functions: see kUsage.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "core/file.h"
#include "core/nearest_name.h"
#include "core/status_macros.h"
#include "examples/activation_curves.h"
#include "examples/command_line.h"
#include "examples/svg_plot.h"
#include "examples/text_table.h"

namespace {

constexpr char kUsage[] = R"(Plots activation functions and their derivatives.

  plot_activations
  plot_activations --functions=RELU,LEAKY_RELU,ELU,GELU --range=4 --output=rectifiers.svg

Values come from a node of a graph, derivatives from automatic differentiation, both run as in a network. One SVG file has
a chart of the functions above a chart of their derivatives. The table says for each function the values at both ends of
the range (does it saturate? is it symmetric about zero?), the derivative at both ends and at 0 (does a gradient still
flow?), and the largest derivative.

Exit code: 0, 1 after an error, 2 for wrong flags.)";

}  // namespace

ABSL_FLAG(std::string, functions, "SIGMOID,TANH,RELU", "functions, as the field `activation` names them");
ABSL_FLAG(double, range, 6, "from minus this to this");
ABSL_FLAG(std::string, output, "activations.svg", "SVG file to write");

namespace gradus {
namespace {

constexpr int kPoints = 601;  // odd: 0 is one of them

absl::StatusOr<UnaryFunction> ParseFunction(absl::string_view name) {
  UnaryFunction function = NONE;
  const std::string upper = absl::AsciiStrToUpper(absl::StripAsciiWhitespace(name));
  if (UnaryFunction_Parse(upper, &function) && function != NONE) return function;
  std::vector<std::string> names;
  for (int i = UnaryFunction_MIN; i <= UnaryFunction_MAX; ++i) {
    if (i != NONE && UnaryFunction_IsValid(i)) names.push_back(UnaryFunction_Name(static_cast<UnaryFunction>(i)));
  }
  return WrongFlags(absl::StrCat("--functions: there is no function '", name, "'", Suggestion(upper, names, 100)));
}

std::vector<std::string> Row(const std::string& name, const ActivationCurves& curves) {
  std::vector<std::string> row = {name};
  const auto add = [&row](double number) { row.push_back(absl::StrFormat("%.4g", number)); };
  add(curves.value.front().y);
  add(curves.value.back().y);
  add(curves.slope.front().y);
  add(curves.slope[kPoints / 2].y);
  add(curves.slope.back().y);
  double largest = -INFINITY;
  for (const Point& point : curves.slope) largest = std::fmax(largest, point.y);
  add(largest);
  return row;
}

// Two drawings in one, one below the other.
std::string Stacked(const Chart& above, const Chart& below) {
  const int height = above.height + 90, width = above.width + 220;
  return absl::StrCat("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"", width, "\" height=\"", 2 * height,
                      "\" viewBox=\"0 0 ", width, " ", 2 * height, "\">\n", DrawChart(above),
                      "<g transform=\"translate(0 ", height, ")\">\n", DrawChart(below), "</g>\n</svg>\n");
}

absl::StatusOr<int> PlotActivations(const std::vector<std::string>& arguments) {
  GRADUS_RETURN_IF_ERROR(RefuseArguments(arguments));
  GRADUS_RETURN_IF_ERROR(RequireFlags({"functions", "output"}));
  const double range = absl::GetFlag(FLAGS_range);
  if (!(range > 0 && range <= 1e6)) return WrongFlags(absl::StrCat("--range is ", range, "; it must be above 0"));
  Chart values, slopes;
  values.title = "f(x)", slopes.title = "f'(x)";
  using Align = TextTable::Align;
  TextTable table(
      {Align::kLeft, Align::kRight, Align::kRight, Align::kRight, Align::kRight, Align::kRight, Align::kRight});
  table.Add({"", absl::StrCat("f(-", range, ")"), absl::StrCat("f(", range, ")"), absl::StrCat("f'(-", range, ")"),
             "f'(0)", absl::StrCat("f'(", range, ")"), "largest f'"});
  table.AddRule();
  for (absl::string_view name : absl::StrSplit(absl::GetFlag(FLAGS_functions), ',')) {
    GRADUS_ASSIGN_OR_RETURN(const UnaryFunction function, ParseFunction(name));
    GRADUS_ASSIGN_OR_RETURN(ActivationCurves curves, CurvesOf(function, {-range, range}, kPoints));
    table.Add(Row(UnaryFunction_Name(function), curves));
    values.series.push_back({UnaryFunction_Name(function), std::move(curves.value)});
    slopes.series.push_back({UnaryFunction_Name(function), std::move(curves.slope)});
  }
  GRADUS_RETURN_IF_ERROR(WriteFileAtomically(UserPath(absl::GetFlag(FLAGS_output)), Stacked(values, slopes)));
  std::printf("%s", table.ToString().c_str());
  return 0;
}

}  // namespace
}  // namespace gradus

int main(int argc, char** argv) { return gradus::RunProgram(argc, argv, kUsage, gradus::PlotActivations); }
