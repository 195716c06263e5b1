#include "graph/skyline.h"

#include <algorithm>

namespace gradus {

// Recursion here is as deep as the tree: the logarithm of the number of steps. Part `part` covers the steps [begin,
// end).

Skyline::Skyline(int steps) : steps_(steps), parts_(4 * static_cast<size_t>(steps) + 4) {}

double Skyline::Waste(int first, int last) {
  const Range range = Query(1, 0, steps_, first, last + 1);
  return static_cast<double>(range.highest) * (last - first + 1) - range.area;
}

int64_t Skyline::Drop(int first, int last, int64_t size) {
  const int64_t height = Query(1, 0, steps_, first, last + 1).highest;
  Assign(1, 0, steps_, first, last + 1, height + size);
  return height;
}

std::vector<int64_t> Skyline::Heights() {
  std::vector<int64_t> heights(steps_);
  for (int step = 0; step < steps_; ++step) heights[step] = Query(1, 0, steps_, step, step + 1).highest;
  return heights;
}

void Skyline::Level(size_t part, int begin, int end, int64_t height) {
  parts_[part] = {height, static_cast<double>(height) * (end - begin), true};
}

void Skyline::Push(size_t part, int begin, int middle, int end) {
  if (!parts_[part].level) return;
  Level(2 * part, begin, middle, parts_[part].highest);
  Level(2 * part + 1, middle, end, parts_[part].highest);
  parts_[part].level = false;
}

Skyline::Range Skyline::Query(size_t part, int begin, int end, int first, int last) {
  if (last <= begin || end <= first) return {};
  if (first <= begin && end <= last) return {parts_[part].highest, parts_[part].area};
  const int middle = begin + (end - begin) / 2;
  Push(part, begin, middle, end);
  const Range left = Query(2 * part, begin, middle, first, last);
  const Range right = Query(2 * part + 1, middle, end, first, last);
  return {std::max(left.highest, right.highest), left.area + right.area};
}

void Skyline::Assign(size_t part, int begin, int end, int first, int last, int64_t height) {
  if (last <= begin || end <= first) return;
  if (first <= begin && end <= last) return Level(part, begin, end, height);
  const int middle = begin + (end - begin) / 2;
  Push(part, begin, middle, end);
  Assign(2 * part, begin, middle, first, last, height);
  Assign(2 * part + 1, middle, end, first, last, height);
  const Part &left = parts_[2 * part], &right = parts_[2 * part + 1];
  parts_[part] = {std::max(left.highest, right.highest), left.area + right.area, false};
}

}  // namespace gradus
