// Heights over steps, as in the game of falling blocks: a block falls onto the highest point below it and lifts
// everything there to its top. A segment tree: each call takes O(log steps). Not thread-safe.
#ifndef GRADUS_GRAPH_SKYLINE_H_
#define GRADUS_GRAPH_SKYLINE_H_

#include <cstddef>
#include <cstdint>
#include <vector>

namespace gradus {

class Skyline {
 public:
  explicit Skyline(int steps);  // all heights are 0

  // The area that would be lost under a block that falls on the steps first..last.
  double Waste(int first, int last);

  // Drops a block; the height it comes to lie at.
  int64_t Drop(int first, int last, int64_t size);

  // The height of each step.
  std::vector<int64_t> Heights();

 private:
  struct Part {
    int64_t highest = 0;
    double area = 0;     // sum of the heights; exact up to 2^53
    bool level = false;  // all heights are `highest`, and the halves do not know it yet
  };
  struct Range {
    int64_t highest = 0;
    double area = 0;
  };

  void Push(size_t part, int begin, int middle, int end);
  void Level(size_t part, int begin, int end, int64_t height);
  Range Query(size_t part, int begin, int end, int first, int last);
  void Assign(size_t part, int begin, int end, int first, int last, int64_t height);

  int steps_;
  std::vector<Part> parts_;  // a binary tree: the halves of part i are parts 2 i and 2 i + 1
};

}  // namespace gradus

#endif  // GRADUS_GRAPH_SKYLINE_H_
