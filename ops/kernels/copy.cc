#include "ops/kernels/copy.h"

#include <algorithm>
#include <cstring>

#include "core/check.h"
#include "core/parallel.h"
#include "ops/kernels/multiversion.h"

namespace gradus {

GRADUS_MULTIVERSION void CopyTile(const StridedTile& tile, const float* x, float* y) {
  const int64_t to_stride = tile.col_stride[0], from_stride = tile.col_stride[1];
  for (int64_t r = 0; r < tile.rows; ++r) {
    float* const to = y + tile.offset[0] + r * tile.row_stride[0];
    const float* const from = x + tile.offset[1] + r * tile.row_stride[1];
    if (to_stride == 1 && from_stride == 1) {
      for (int64_t c = 0; c < tile.cols; ++c) to[c] = from[c];
    } else if (to_stride == 1 && from_stride == 0) {
      std::fill(to, to + tile.cols, *from);
    } else {
      for (int64_t c = 0; c < tile.cols; ++c) to[c * to_stride] = from[c * from_stride];
    }
  }
}

Candidate BytesCandidate(const Layout& input, const Layout& output) {
  GRADUS_CHECK(input.bytes() == output.bytes());
  return FunctionCandidate("gradus:copy", {input}, {output}, [bytes = input.bytes()](const Buffers& buffers) {
    constexpr int64_t kBytesWorthAThread = 65536, kCacheLine = 64;
    ParallelFor(
        bytes, kBytesWorthAThread,
        [&](int64_t begin, int64_t end) {
          std::memcpy(buffers.out<char>(0) + begin, buffers.in<char>(0) + begin, end - begin);
        },
        kCacheLine);
    return absl::OkStatus();
  });
}

}  // namespace gradus
