// The weight gradient of a convolution by Winograd's minimal filtering: see winograd.h, whose terms hold here too.
#ifndef GRADUS_OPS_KERNELS_WINOGRAD_GRADIENT_H_
#define GRADUS_OPS_KERNELS_WINOGRAD_GRADIENT_H_

#include <cstdint>

#include "ops/kernels/winograd.h"

namespace gradus::winograd {

// dw, and db unless it is null, from x and dy.
class BackwardWeights {
 public:
  BackwardWeights(const Convolution& conv, int threads);
  int64_t scratch_bytes() const;
  void Run(const float* x, const float* dy, float* dw, float* db, float* scratch) const;

 private:
  struct Chunk;
  struct Memory;
  Chunk ChunkOf(int64_t part, int64_t number) const;
  Memory MemoryOf(int64_t part, float* scratch) const;
  PanelMatrix gradients(int64_t blocks) const;
  PanelMatrix outputs(int64_t blocks) const;
  int64_t part_floats() const;
  void Accumulate(const Chunk& chunk, const float* x, const float* dy, const Memory& memory) const;
  void Collect(const Chunk& chunk, const Memory& memory, int64_t begin, int64_t end, float* dw) const;
  void CollectBias(const Chunk& chunk, const Memory& memory, float* db) const;

  Convolution conv_;
  // A part has some of the filters and some of the tiles. Few tiles or many filters are better split by filters: no
  // sums over parts are left then.
  int64_t filter_parts_, tile_parts_;
  int64_t tiles_at_once_;
  int64_t chunk_;   // filter blocks of a part at once
  int64_t chunks_;  // of a part
  PanelMatrix data_;
};

}  // namespace gradus::winograd

#endif  // GRADUS_OPS_KERNELS_WINOGRAD_GRADIENT_H_
