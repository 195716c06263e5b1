#include "examples/svg_plot.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace gradus {
namespace {

// Okabe and Ito's palette, which colour-blind people can tell apart ("Color Universal Design", 2008).
constexpr std::array<const char*, 7> kPalette = {"#0072b2", "#d55e00", "#009e73", "#cc79a7",
                                                 "#e69f00", "#56b4e9", "#000000"};

// Pixels.
constexpr double kLetter = 6.6;  // width of one at a font size of 12, on average
constexpr double kLine = 18;     // of the legend
constexpr double kTop = 32, kBottom = 48, kRight = 16;

std::string Px(double pixels) { return absl::StrFormat("%.1f", pixels); }

std::string Text(double x, double y, absl::string_view anchor, absl::string_view text, absl::string_view more = "") {
  return absl::StrCat("<text x=\"", Px(x), "\" y=\"", Px(y), "\" text-anchor=\"", anchor, "\"", more, ">",
                      EscapeXml(text), "</text>\n");
}

std::string ColorOf(const Series& series, size_t position) {
  if (series.color == kGrey) return "#b0b0b0";
  return PaletteColor(series.color < 0 ? static_cast<int>(position) : series.color);
}

bool Drawable(double value, const Axis& axis) { return std::isfinite(value) && (!axis.logarithmic || value > 0); }

// Of all values that can be drawn, or [0, 1] without any.
Range RangeOf(const Chart& chart, const Axis& axis, double Point::*coordinate) {
  if (axis.range) return *axis.range;
  Range range = {INFINITY, -INFINITY};
  for (const Series& series : chart.series) {
    for (const Point& point : series.points) {
      if (!Drawable(point.x, chart.x) || !Drawable(point.y, chart.y)) continue;
      range.low = std::min(range.low, point.*coordinate), range.high = std::max(range.high, point.*coordinate);
    }
  }
  if (range.low > range.high) return axis.logarithmic ? Range{1, 10} : Range{0, 1};
  if (axis.logarithmic) {
    const double margin = std::max(1.05, std::pow(range.high / range.low, 0.04));
    return {range.low / margin, range.high * margin};
  }
  const double width = range.high - range.low;
  const double margin = width > 0 ? 0.04 * width : std::max(1e-3 * std::fabs(range.low), 1e-9);
  return {range.low - margin, range.high + margin};
}

// From values to pixels along one axis.
class Scale {
 public:
  Scale(Range range, bool logarithmic, double from, double to)
      : logarithmic_(logarithmic), low_(Of(range.low)), from_(from), factor_((to - from) / (Of(range.high) - low_)) {}
  double operator()(double value) const { return from_ + (Of(value) - low_) * factor_; }

 private:
  double Of(double value) const { return logarithmic_ ? std::log10(value) : value; }
  bool logarithmic_;
  double low_, from_, factor_;
};

// The axes' box, and what is in it.
struct Box {
  double left, top, right, bottom;
};

// Cuts a segment to the box (Liang and Barsky, "A New Concept and Method for Line Clipping", 1984); false: outside.
bool Clip(const Box& box, Point* a, Point* b) {
  const double dx = b->x - a->x, dy = b->y - a->y;
  double enter = 0, leave = 1;
  for (const auto& [p, q] : {std::pair<double, double>{-dx, a->x - box.left},
                             {dx, box.right - a->x},
                             {-dy, a->y - box.top},
                             {dy, box.bottom - a->y}}) {
    if (p == 0 && q < 0) return false;
    if (p == 0) continue;
    if (p < 0) enter = std::max(enter, q / p);
    if (p > 0) leave = std::min(leave, q / p);
  }
  if (enter > leave) return false;
  const Point start = *a;
  *a = {start.x + enter * dx, start.y + enter * dy};
  *b = {start.x + leave * dx, start.y + leave * dy};
  return true;
}

class Drawing {
 public:
  explicit Drawing(const Chart& chart)
      : chart_(chart),
        x_range_(RangeOf(chart, chart.x, &Point::x)),
        y_range_(RangeOf(chart, chart.y, &Point::y)),
        x_ticks_(Ticks(x_range_, std::max(2, chart.width / 80), chart.x.logarithmic)),
        y_ticks_(Ticks(y_range_, std::max(2, chart.height / 45), chart.y.logarithmic)),
        box_(BoxOf()),
        x_(x_range_, chart.x.logarithmic, box_.left, box_.right),
        y_(y_range_, chart.y.logarithmic, box_.bottom, box_.top) {}

  std::string Draw() {
    const double legend = LegendWidth(), width = box_.right + (legend > 0 ? 12 + legend : 0) + kRight;
    const double rows = LegendRows() * kLine, height = std::max(box_.bottom, box_.top + rows) + kBottom;
    absl::StrAppend(&svg_, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"", std::ceil(width), "\" height=\"",
                    std::ceil(height), "\" viewBox=\"0 0 ", std::ceil(width), " ", std::ceil(height),
                    "\" font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" "
                    "fill=\"#ffffff\"/>\n");
    svg_ += Text((box_.left + box_.right) / 2, 20, "middle", chart_.title, " font-weight=\"bold\"");
    DrawAxes();
    for (size_t i = 0; i < chart_.series.size(); ++i) DrawSeries(chart_.series[i], ColorOf(chart_.series[i], i));
    absl::StrAppend(&svg_, "<rect x=\"", Px(box_.left), "\" y=\"", Px(box_.top), "\" width=\"", chart_.width,
                    "\" height=\"", chart_.height, "\" fill=\"none\" stroke=\"#606060\"/>\n");
    DrawLegend();
    svg_ += "</svg>\n";
    return std::move(svg_);
  }

 private:
  static double Distance(const std::vector<double>& ticks) { return ticks.size() > 1 ? ticks[1] - ticks[0] : 1; }
  static std::string LabelOf(const Axis& axis, const std::vector<double>& ticks, double tick) {
    const bool powers = axis.logarithmic && ticks.back() >= 4 * ticks.front();
    return powers ? absl::StrFormat("%g", tick) : TickLabel(tick, Distance(ticks));
  }

  // Leaves room for the labels at the left.
  Box BoxOf() const {
    size_t letters = 1;
    for (const double tick : y_ticks_) letters = std::max(letters, LabelOf(chart_.y, y_ticks_, tick).size());
    const double left = kLetter * static_cast<double>(letters) + (chart_.y.label.empty() ? 18 : 36);
    return {left, kTop, left + chart_.width, kTop + chart_.height};
  }

  double LegendWidth() const {
    size_t letters = 0;
    for (const Series& series : chart_.series) letters = std::max(letters, series.name.size());
    return letters == 0 ? 0 : 28 + kLetter * static_cast<double>(letters);
  }
  double LegendRows() const {
    return static_cast<double>(std::count_if(chart_.series.begin(), chart_.series.end(),
                                             [](const Series& series) { return !series.name.empty(); }));
  }

  void DrawLine(Point a, Point b, absl::string_view style) {
    absl::StrAppend(&svg_, "<line x1=\"", Px(a.x), "\" y1=\"", Px(a.y), "\" x2=\"", Px(b.x), "\" y2=\"", Px(b.y), "\"",
                    style, "/>\n");
  }

  void DrawAxes() {
    for (const double tick : x_ticks_) {
      const double at = x_(tick);
      DrawLine({at, box_.top}, {at, box_.bottom}, " stroke=\"#e4e4e4\"");
      svg_ += Text(at, box_.bottom + 16, "middle", LabelOf(chart_.x, x_ticks_, tick));
    }
    for (const double tick : y_ticks_) {
      const double at = y_(tick);
      DrawLine({box_.left, at}, {box_.right, at}, " stroke=\"#e4e4e4\"");
      svg_ += Text(box_.left - 6, at + 4, "end", LabelOf(chart_.y, y_ticks_, tick));
    }
    svg_ += Text((box_.left + box_.right) / 2, box_.bottom + 36, "middle", chart_.x.label);
    if (chart_.y.label.empty()) return;
    const double middle = (box_.top + box_.bottom) / 2;
    svg_ += Text(14, middle, "middle", chart_.y.label, absl::StrCat(" transform=\"rotate(-90 14 ", Px(middle), ")\""));
  }

  // The parts of a series that are inside, as one path: segments that follow each other are joined.
  void DrawSeries(const Series& series, const std::string& color) {
    std::string path;
    Point end = {NAN, NAN};
    const auto add = [&](Point a, Point b) {
      if (!Drawable(a.x, chart_.x) || !Drawable(a.y, chart_.y)) return;
      if (!Drawable(b.x, chart_.x) || !Drawable(b.y, chart_.y)) return;
      Point from = {x_(a.x), y_(a.y)}, to = {x_(b.x), y_(b.y)};
      if (!Clip(box_, &from, &to)) return;
      if (from.x != end.x || from.y != end.y) absl::StrAppend(&path, "M", Px(from.x), " ", Px(from.y));
      absl::StrAppend(&path, "L", Px(to.x), " ", Px(to.y));
      end = to;
    };
    const std::vector<Point>& points = series.points;
    const size_t stride = series.mark == Mark::kSegments ? 2 : 1;
    for (size_t i = 0; i + 1 < points.size() && series.mark != Mark::kDots; i += stride) {
      if (series.mark != Mark::kSteps) {
        add(points[i], points[i + 1]);
        continue;
      }
      const Point corner = {points[i + 1].x, points[i].y};
      add(points[i], corner);
      add(corner, points[i + 1]);
    }
    if (!path.empty()) {
      absl::StrAppend(&svg_, "<path d=\"", path, "\" fill=\"none\" stroke=\"", color, "\" stroke-width=\"",
                      series.color == kGrey ? "0.8" : "1.6", "\" stroke-linejoin=\"round\"",
                      series.dashed ? " stroke-dasharray=\"5 3\"" : "", "/>\n");
    }
    const bool alone = points.size() == 1 && series.mark == Mark::kLine;  // a line of one point would not be seen
    if (alone || series.mark == Mark::kDots || series.mark == Mark::kLineAndDots) DrawDots(series, color);
  }

  void DrawDots(const Series& series, const std::string& color) {
    for (const Point& point : series.points) {
      if (!Drawable(point.x, chart_.x) || !Drawable(point.y, chart_.y)) continue;
      const Point at = {x_(point.x), y_(point.y)};
      if (at.x < box_.left || at.x > box_.right || at.y < box_.top || at.y > box_.bottom) continue;
      absl::StrAppend(&svg_, "<circle cx=\"", Px(at.x), "\" cy=\"", Px(at.y), "\" r=\"2.4\" fill=\"", color, "\"/>\n");
    }
  }

  void DrawLegend() {
    double y = box_.top + 8;
    for (size_t i = 0; i < chart_.series.size(); ++i) {
      const Series& series = chart_.series[i];
      if (series.name.empty()) continue;
      const double x = box_.right + 12;
      DrawLine({x, y}, {x + 20, y},
               absl::StrCat(" stroke=\"", ColorOf(series, i), "\" stroke-width=\"2\"",
                            series.dashed ? " stroke-dasharray=\"5 3\"" : ""));
      svg_ += Text(x + 26, y + 4, "start", series.name);
      y += kLine;
    }
  }

  const Chart& chart_;
  const Range x_range_, y_range_;
  const std::vector<double> x_ticks_, y_ticks_;
  const Box box_;
  const Scale x_, y_;
  std::string svg_;
};

}  // namespace

std::string DrawChart(const Chart& chart) { return Drawing(chart).Draw(); }

std::string EscapeXml(absl::string_view text) {
  std::string escaped;
  for (const char c : text) {
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      default:
        escaped += absl::ascii_iscntrl(static_cast<unsigned char>(c)) ? ' ' : c;
    }
  }
  return escaped;
}

std::string PaletteColor(int color) { return kPalette[static_cast<size_t>(color) % kPalette.size()]; }

}  // namespace gradus
