// Copies of boxes between layouts: the kernels of operations that only move elements.
#ifndef GRADUS_OPS_KERNELS_COPY_H_
#define GRADUS_OPS_KERNELS_COPY_H_

#include "graph/kernel.h"
#include "ops/kernels/strided_loops.h"

namespace gradus {

// The tile's operands are y and x: y = x, where x may stand still.
void CopyTile(const StridedTile& tile, const float* x, float* y);

// Input 0 byte for byte, from all threads; both layouts have the same number of bytes.
Candidate BytesCandidate(const Layout& input, const Layout& output);

}  // namespace gradus

#endif  // GRADUS_OPS_KERNELS_COPY_H_
