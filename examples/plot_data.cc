// What a chart is made of: ticks, thinned points, histograms, contours.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>

#include "absl/strings/str_format.h"
#include "examples/svg_plot.h"

namespace gradus {
namespace {

// The least of 1, 2, 5, 10, ... times a power of ten that is not below `distance`.
double RoundDistance(double distance) {
  const double power = std::pow(10, std::floor(std::log10(distance)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * power >= distance * (1 - 1e-9)) return factor * power;
  }
  return 10 * power;
}

std::vector<double> LinearTicks(Range range, int most) {
  const double distance = RoundDistance((range.high - range.low) / most), slack = distance * 1e-9;
  const double first = std::ceil((range.low - slack) / distance);
  std::vector<double> ticks;
  for (int i = 0; i <= most + 1; ++i) {
    const double tick = (first + i) * distance + 0.0;  // no -0
    if (!(tick <= range.high + slack)) break;
    // Where a range is only a few of the numbers that there are, several multiples are one number.
    if (ticks.empty() || tick > ticks.back()) ticks.push_back(tick);
  }
  return ticks;
}

std::vector<double> LogarithmicTicks(Range range, int most) {
  const int first = static_cast<int>(std::ceil(std::log10(range.low) - 1e-9));
  const int last = static_cast<int>(std::floor(std::log10(range.high) + 1e-9));
  const int every = std::max(1, static_cast<int>(std::ceil((last - first + 1) / static_cast<double>(most))));
  std::vector<double> ticks;
  for (int power = first - 1; power <= last; ++power) {
    for (const double factor : {1.0, 2.0, 5.0}) {
      const double tick = factor * std::pow(10, power);
      const bool inside = tick >= range.low * (1 - 1e-9) && tick <= range.high * (1 + 1e-9);
      const bool wanted = last - first < 2 || (factor == 1 && (power - first) % every == 0);
      if (inside && wanted) ticks.push_back(tick);
    }
  }
  return ticks.size() < 2 ? LinearTicks(range, most) : ticks;
}

// Where a level lies between two corners, if it does.
void AddCrossing(Point a, double va, Point b, double vb, double level, std::vector<Point>* crossings) {
  if ((va < level) == (vb < level)) return;
  const double t = (level - va) / (vb - va);
  crossings->push_back({a.x + t * (b.x - a.x), a.y + t * (b.y - a.y)});
}

}  // namespace

std::vector<double> Ticks(Range range, int most, bool logarithmic) {
  if (!(range.high > range.low) || most < 1) return {range.low};
  if (logarithmic) return LogarithmicTicks(range, most);
  return LinearTicks(range, most);
}

std::string TickLabel(double tick, double distance) {
  const double size = std::max(std::fabs(tick), distance);
  if (size >= 1e6 || size < 1e-3) {
    const double digits = std::floor(std::log10(size)) - std::floor(std::log10(distance) + 1e-9) + 1;
    return absl::StrFormat("%.*g", static_cast<int>(std::clamp(digits, 3.0, 17.0)), tick);
  }
  const int digits = std::max(0, static_cast<int>(std::ceil(-std::log10(distance) - 1e-9)));
  return absl::StrFormat("%.*f", digits, tick);
}

std::vector<Point> Thinned(std::vector<Point> points, int buckets) {
  if (points.size() <= 4 * static_cast<size_t>(buckets)) return points;
  const double low = points.front().x, width = (points.back().x - low) / buckets;
  if (!(width > 0)) return points;
  std::vector<Point> thinned;
  for (size_t begin = 0; begin < points.size();) {
    const double bucket = std::floor((points[begin].x - low) / width);
    size_t end = begin, least = begin, largest = begin;
    for (; end < points.size() && std::floor((points[end].x - low) / width) == bucket; ++end) {
      if (points[end].y < points[least].y) least = end;
      if (points[end].y > points[largest].y) largest = end;
    }
    std::array<size_t, 4> kept = {begin, least, largest, end - 1};
    std::sort(kept.begin(), kept.end());
    for (size_t i = 0; i < kept.size(); ++i) {
      if (i == 0 || kept[i] != kept[i - 1]) thinned.push_back(points[kept[i]]);
    }
    begin = end;
  }
  return thinned;
}

std::vector<Point> HistogramOf(absl::Span<const float> values, int bins) {
  double low = INFINITY, high = -INFINITY;
  for (const float value : values) {
    if (!std::isfinite(value)) continue;
    low = std::min<double>(low, value), high = std::max<double>(high, value);
  }
  if (low > high) return {};
  if (low == high) {
    const double margin = std::max(0.5, 1e-3 * std::fabs(low));  // that makes a difference to large numbers, too
    low -= margin, high += margin;
  }
  std::vector<Point> points;
  for (int i = 0; i <= bins; ++i) points.push_back({low + (high - low) * i / bins, 0});
  for (const float value : values) {
    if (!std::isfinite(value)) continue;
    ++points[std::min(bins - 1, static_cast<int>((value - low) / (high - low) * bins))].y;
  }
  return points;
}

std::vector<Point> ContourOf(const Grid& grid, double level) {
  std::vector<Point> segments;
  for (int row = 0; row + 1 < grid.rows; ++row) {
    for (int column = 0; column + 1 < grid.columns; ++column) {
      // The two triangles share the diagonal from the first to the last corner.
      for (const bool upper : {false, true}) {
        const int i[3] = {column, column + 1, upper ? column : column + 1};
        const int j[3] = {row, row + 1, upper ? row + 1 : row};
        std::vector<Point> crossings;
        bool finite = true;
        for (int a = 0; a < 3; ++a) finite = finite && std::isfinite(grid.at(i[a], j[a]));
        for (int a = 0; a < 3 && finite; ++a) {
          const int b = (a + 1) % 3;
          AddCrossing(grid.place(i[a], j[a]), grid.at(i[a], j[a]), grid.place(i[b], j[b]), grid.at(i[b], j[b]), level,
                      &crossings);
        }
        if (crossings.size() == 2) segments.insert(segments.end(), crossings.begin(), crossings.end());
      }
    }
  }
  return segments;
}

}  // namespace gradus
