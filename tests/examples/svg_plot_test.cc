#include "examples/svg_plot.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace gradus {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

TEST(TicksTest, AreRoundAndFew) {
  EXPECT_THAT(Ticks({0, 1}, 5), ElementsAre(0, 0.2, 0.4, testing::DoubleNear(0.6, 1e-12), 0.8, 1));
  EXPECT_THAT(Ticks({-3, 9}, 6), ElementsAre(-2, 0, 2, 4, 6, 8));
  EXPECT_THAT(Ticks({0, 9380}, 5), ElementsAre(0, 2000, 4000, 6000, 8000));
  EXPECT_THAT(Ticks({2, 2}, 5), ElementsAre(2));
  EXPECT_THAT(Ticks({1e-3, 10}, 8, true), ElementsAre(testing::DoubleNear(1e-3, 1e-12), 0.01, 0.1, 1, 10));
  EXPECT_THAT(Ticks({0.3, 3}, 8, true), ElementsAre(0.5, 1, 2));
  EXPECT_LE(Ticks({1e-30, 1e30}, 8, true).size(), 8u);
  EXPECT_THAT(Ticks({2.19, 4.62}, 8, true), ElementsAre(2.5, 3, 3.5, 4, 4.5));
  EXPECT_THAT(Ticks({2.6, 4.4}, 8, true), ElementsAre(3, 3.5, 4));
}

// Multiples of 0.5 that are no numbers there.
TEST(TicksTest, EndWhereNumbersAreFartherApart) {
  EXPECT_THAT(Ticks({1e16, 1e16 + 2}, 8), ElementsAre(1e16, 1e16 + 2));
  EXPECT_LE(Ticks({-1e300, 1e300}, 5).size(), 6u);
  EXPECT_LE(Ticks({-1.7e308, 1.7e308}, 5).size(), 6u);  // the distance is infinite
}

TEST(TicksTest, LabelsTellThemApart) {
  EXPECT_EQ(TickLabel(1000200, 200), "1.0002e+06");
  EXPECT_EQ(TickLabel(1000, 1e-3), "1000.000");
  EXPECT_EQ(TickLabel(0.00012344, 2e-8), "0.00012344");
  for (const Range range : {Range{1e6, 1e6 + 3}, Range{5e-5, 5.001e-5}, Range{0.99, 1.01}, Range{1e9, 1.2e9}}) {
    const std::vector<double> ticks = Ticks(range, 8);
    ASSERT_GE(ticks.size(), 3u);
    for (size_t i = 1; i < ticks.size(); ++i) {
      const double distance = ticks[1] - ticks[0];
      EXPECT_NE(TickLabel(ticks[i], distance), TickLabel(ticks[i - 1], distance));
    }
  }
  EXPECT_EQ(TickLabel(0.6000000000000001, 0.2), "0.6");
  EXPECT_EQ(TickLabel(1, 0.25), "1.0");
  EXPECT_EQ(TickLabel(20, 5), "20");
  EXPECT_EQ(TickLabel(2e6, 1e6), "2e+06");
  EXPECT_EQ(TickLabel(0, 1e-5), "0");
}

TEST(ThinnedTest, KeepsExtremesAndEnds) {
  std::vector<Point> points;
  for (int i = 0; i <= 10000; ++i) points.push_back({static_cast<double>(i), i == 7777 ? 100.0 : i % 2});
  const std::vector<Point> thinned = Thinned(points, 50);
  EXPECT_LE(thinned.size(), 4u * 51);
  EXPECT_EQ(thinned.front().x, 0);
  EXPECT_EQ(thinned.back().x, 10000);
  bool peak = false;
  for (size_t i = 0; i < thinned.size(); ++i) {
    peak = peak || thinned[i].y == 100;
    EXPECT_TRUE(i == 0 || thinned[i].x > thinned[i - 1].x);
  }
  EXPECT_TRUE(peak);
  EXPECT_EQ(Thinned({{0, 1}, {1, 2}}, 50).size(), 2u);
}

TEST(HistogramTest, CountsFiniteValues) {
  const std::vector<float> values = {0, 0.1f, 0.9f, 1, 2, NAN, INFINITY};
  const std::vector<Point> points = HistogramOf(values, 2);
  ASSERT_EQ(points.size(), 3u);
  EXPECT_EQ(points[0].x, 0);
  EXPECT_EQ(points[0].y, 3);
  EXPECT_EQ(points[1].x, 1);
  EXPECT_EQ(points[1].y, 2);
  EXPECT_EQ(points[2].x, 2);
  EXPECT_EQ(points[2].y, 0);
  EXPECT_TRUE(HistogramOf({}, 4).empty());
  const std::vector<float> same = {3, 3};
  EXPECT_EQ(HistogramOf(same, 1)[0].y, 2);
}

// Half more or less makes no other number of these.
TEST(HistogramTest, OfEqualNumbersOfAnySize) {
  for (const float value : {1e20f, -1e20f, 3e38f, 0.0f, 1e-40f}) {
    const std::vector<Point> points = HistogramOf({value}, 60);
    ASSERT_EQ(points.size(), 61u) << value;
    EXPECT_LT(points.front().x, value);
    EXPECT_GT(points.back().x, value);
    double count = 0;
    for (const Point& point : points) count += point.y;
    EXPECT_EQ(count, 1) << value;
  }
}

TEST(ContourTest, ACircleIsFound) {
  Grid grid = {{-2, 2}, {-2, 2}, 81, 81, std::vector<double>(81 * 81)};
  for (int j = 0; j < 81; ++j) {
    for (int i = 0; i < 81; ++i) {
      const Point p = grid.place(i, j);
      grid.at(i, j) = p.x * p.x + p.y * p.y;
    }
  }
  const std::vector<Point> segments = ContourOf(grid, 1);
  ASSERT_GT(segments.size(), 100u);
  double length = 0;
  for (size_t i = 0; i < segments.size(); i += 2) {
    EXPECT_NEAR(std::hypot(segments[i].x, segments[i].y), 1, 2e-3);
    length += std::hypot(segments[i].x - segments[i + 1].x, segments[i].y - segments[i + 1].y);
  }
  EXPECT_NEAR(length, 2 * M_PI, 0.02);
  EXPECT_TRUE(ContourOf(grid, 100).empty());
  grid.at(60, 40) = NAN;  // on the circle
  EXPECT_LT(ContourOf(grid, 1).size(), segments.size());
}

TEST(ChartTest, HasAxesSeriesAndLegend) {
  Chart chart;
  chart.title = "a < b & \"c\"";
  chart.x.label = "step";
  chart.width = 400, chart.height = 200;
  chart.series.push_back({"first", {{0, 0}, {10, 100}}});
  chart.series.push_back({"", {{0, 50}, {10, 50}}, Mark::kLine, kGrey});
  const std::string svg = DrawChart(chart);
  EXPECT_THAT(svg, HasSubstr("<svg xmlns=\"http://www.w3.org/2000/svg\""));
  EXPECT_THAT(svg, HasSubstr(">a &lt; b &amp; &quot;c&quot;</text>"));
  EXPECT_THAT(svg, HasSubstr(">step</text>"));
  EXPECT_THAT(svg, HasSubstr(">100</text>"));
  EXPECT_THAT(svg, HasSubstr(">first</text>"));
  EXPECT_THAT(svg, HasSubstr("stroke=\"#0072b2\""));
  EXPECT_THAT(svg, HasSubstr("stroke=\"#b0b0b0\""));
  EXPECT_EQ(svg.substr(svg.size() - 7), "</svg>\n");
}

TEST(ChartTest, WhatIsOutsideIsCutOff) {
  Chart chart;
  chart.x.range = {0, 1}, chart.y.range = {0, 1};
  chart.width = 100, chart.height = 100;
  chart.series.push_back({"", {{0, 0.5}, {1e30, 0.5}}});
  chart.series.push_back({"", {{2, 2}, {3, 3}}, Mark::kLineAndDots});
  chart.series.push_back({"", {{0.5, -1e300}, {0.5, 1e300}}});
  const std::string svg = DrawChart(chart);
  EXPECT_THAT(svg, HasSubstr("d=\"M37.8 82.0L137.8 82.0\""));
  EXPECT_THAT(svg, Not(HasSubstr("<circle")));
  EXPECT_THAT(svg, Not(HasSubstr("nan")));
  EXPECT_THAT(svg, Not(HasSubstr("inf")));
}

TEST(ChartTest, NumbersThatAreNotFiniteBreakALine) {
  Chart chart;
  chart.series.push_back({"", {{0, 0}, {1, 1}, {2, NAN}, {3, 1}, {4, 0}}});
  const std::string svg = DrawChart(chart);
  const size_t path = svg.find("<path d=\"M");
  ASSERT_NE(path, std::string::npos);
  const std::string d = svg.substr(path, svg.find('/', path) - path);
  EXPECT_EQ(std::count(d.begin(), d.end(), 'M'), 2);
  EXPECT_THAT(svg, Not(HasSubstr("nan")));
}

TEST(ChartTest, LogarithmicAxesLeaveOutWhatIsNotAbove0) {
  Chart chart;
  chart.y.logarithmic = true;
  chart.series.push_back({"", {{0, 0}, {1, 1e-3}, {2, 10}, {3, -1}}});
  const std::string svg = DrawChart(chart);
  EXPECT_THAT(svg, HasSubstr(">0.001</text>"));
  EXPECT_THAT(svg, HasSubstr(">10</text>"));
  EXPECT_THAT(svg, Not(HasSubstr("nan")));
}

TEST(ChartTest, ALogarithmicAxisWithoutAPowerHasTicks) {
  Chart chart;
  chart.y.logarithmic = true;
  chart.series.push_back({"", {{0, 2.3}, {1, 4.4}}});
  const std::string svg = DrawChart(chart);
  EXPECT_THAT(svg, HasSubstr(">2.5</text>"));
  EXPECT_THAT(svg, HasSubstr(">4.0</text>"));
}

TEST(ChartTest, WithoutDataThereAreAxes) {
  EXPECT_THAT(DrawChart(Chart()), HasSubstr(">0.2</text>"));
  Chart one;
  one.series.push_back({"", {{5, 3}}});
  EXPECT_THAT(DrawChart(one), HasSubstr("<circle"));
}

}  // namespace
}  // namespace gradus
