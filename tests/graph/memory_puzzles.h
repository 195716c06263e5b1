// Families of buffers for tests of the memory planner. Deterministic; thread-safe.
#ifndef GRADUS_TESTS_GRAPH_MEMORY_PUZZLES_H_
#define GRADUS_TESTS_GRAPH_MEMORY_PUZZLES_H_

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "core/random.h"
#include "graph/memory_planner.h"

namespace gradus {

struct ChainOptions {
  double weight_scale = 1;  // of the gradients that wait for the update, against activations
  double last_scale = 1;    // of the last layer's activations against the first's
  bool skips = false;       // every third layer is the beginning of a residual block of three
};

// A chain of `layers` layers that is trained: forward in the steps 0 .. layers - 1, back in layers .. 2 layers - 1,
// then an update. Each layer has an activation and a workspace (from its forward step to its backward step), scratch
// forward and backward, a gradient of its output, and a weight gradient that waits for the update. Sizes are random.
inline std::vector<BufferUse> TrainingChain(int layers, uint64_t seed, const ChainOptions& options = {}) {
  RandomSequence random(seed, "chain");
  const auto bytes = [&](double low, double high) {
    return static_cast<int64_t>(std::exp(random.Uniform(std::log(low), std::log(high))));
  };
  const int last = 2 * layers;
  std::vector<BufferUse> uses;
  for (int forward = 0; forward < layers; ++forward) {
    const int backward = last - 1 - forward;
    const double scale = std::pow(options.last_scale, static_cast<double>(forward) / layers);
    uses.push_back({bytes(5e4 * scale, 4e5 * scale), forward, backward});
    uses.push_back({bytes(1e3 * scale, 1e4 * scale), forward, backward});
    uses.push_back({bytes(1e4 * scale, 4e5 * scale), forward, forward});
    uses.push_back({bytes(1e4 * scale, 4e5 * scale), backward, backward});
    uses.push_back({bytes(5e4 * scale, 4e5 * scale), std::max(layers, backward - 1), backward});
    uses.push_back({bytes(5e3 * options.weight_scale, 2e5 * options.weight_scale), backward, last});
    if (options.skips && forward % 3 == 0) {
      uses.push_back({bytes(5e4 * scale, 4e5 * scale), forward, std::min(layers - 1, forward + 3)});
      uses.push_back({bytes(5e4 * scale, 4e5 * scale), std::max(layers, backward - 3), backward});
    }
  }
  return uses;
}

// Buffers that come at any time and live for up to `longest` of `steps` steps.
inline std::vector<BufferUse> RandomBuffers(int count, int steps, int longest, uint64_t seed) {
  RandomSequence random(seed, "buffers");
  std::vector<BufferUse> uses;
  for (int i = 0; i < count; ++i) {
    const int first = static_cast<int>(random.Below(steps));
    const int last = std::min<int>(steps - 1, first + static_cast<int>(random.Below(longest)));
    uses.push_back({static_cast<int64_t>(random.Below(100'000)), first, last});
  }
  return uses;
}

}  // namespace gradus

#endif  // GRADUS_TESTS_GRAPH_MEMORY_PUZZLES_H_
