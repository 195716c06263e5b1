// Charts as SVG: lines, dots, steps and segments over two axes with ticks, and a legend. What is outside the axes is
// cut off; points that are not finite are left out and break a line. The text is a whole <svg> element, which stands
// for itself as a file or inside an HTML page, and depends on nothing but its input.
//
//   Chart chart;
//   chart.title = "loss";
//   chart.series.push_back({"run 1", {{0, 2.3}, {100, 0.4}}});
//   const std::string svg = DrawChart(chart);
//
// Pure functions; thread-safe.
#ifndef GRADUS_EXAMPLES_SVG_PLOT_H_
#define GRADUS_EXAMPLES_SVG_PLOT_H_

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace gradus {

struct Point {
  double x = 0, y = 0;
};

enum class Mark {
  kLine,         // through the points in their order
  kLineAndDots,  // the same with a dot on each
  kDots,
  kSteps,     // y from a point's x to the next point's: a histogram's outline
  kSegments,  // points 0 and 1 are joined, 2 and 3, ...: contours
};

struct Series {
  std::string name;  // in the legend; "" is not in it
  std::vector<Point> points;
  Mark mark = Mark::kLine;
  int color = -1;  // index of the palette, which repeats; -1: the position among the series; kGrey: grey
  bool dashed = false;
};
inline constexpr int kGrey = -2;

struct Range {
  double low = 0, high = 1;
};

struct Axis {
  std::string label;
  bool logarithmic = false;    // values that are not above 0 are left out
  std::optional<Range> range;  // default: what the series have, and a little more
};

struct Chart {
  std::string title;
  Axis x, y;
  std::vector<Series> series;
  int width = 640, height = 360;  // of the axes' box, in pixels
};

std::string DrawChart(const Chart& chart);

// At most about `most` round numbers in the range, ascending: 1, 2 or 5 times a power of ten apart. On a logarithmic
// axis powers of ten, or of the thinned powers, or 1, 2 and 5 times them where there are few; where less than two of
// those are in the range, round numbers as on any axis.
std::vector<double> Ticks(Range range, int most, bool logarithmic = false);

// "0.001", "25", "1e+06": the shortest that tells ticks of this distance apart.
std::string TickLabel(double tick, double distance);

// At most 4 points for each of `buckets` equal parts of the points' x: the first, least, largest and last, in their
// order, so that a drawing that wide looks the same. Points must be ascending in x.
std::vector<Point> Thinned(std::vector<Point> points, int buckets);

// The number of values in each of `bins` equal parts of their range, as the points of a kSteps series: the left edges,
// and the right end with 0. Values that are not finite are not counted; of none there are no points.
std::vector<Point> HistogramOf(absl::Span<const float> values, int bins);

// Values over a rectangular grid: value(i, j) at the i-th of `columns` equal steps of x and the j-th of `rows` of y.
struct Grid {
  Range x, y;
  int columns = 0, rows = 0;   // points, at least 2 each
  std::vector<double> values;  // row-major: rows x columns

  double& at(int column, int row) { return values[static_cast<size_t>(row) * columns + column]; }
  double at(int column, int row) const { return values[static_cast<size_t>(row) * columns + column]; }
  Point place(int column, int row) const {
    return {x.low + (x.high - x.low) * column / (columns - 1), y.low + (y.high - y.low) * row / (rows - 1)};
  }
};

// The lines where the grid has a level, as the points of a kSegments series (marching squares, each square in two
// triangles, so that saddles are no special case). None near values that are not finite.
std::vector<Point> ContourOf(const Grid& grid, double level);

// Text for an element or an attribute of XML: &, <, > and quotes escaped; control characters become blanks.
std::string EscapeXml(absl::string_view text);

// A colour of the palette: "#0072b2".
std::string PaletteColor(int color);

}  // namespace gradus

#endif  // GRADUS_EXAMPLES_SVG_PLOT_H_
