// Loops over the compute threads. OpenMP is the only compute pool (it is oneDNN's own); threads that load data never
// enter it. The split is static, so the same thread count gives the same bytes.
#ifndef GRADUS_CORE_PARALLEL_H_
#define GRADUS_CORE_PARALLEL_H_

#include <omp.h>

#include <algorithm>
#include <cstdint>

namespace gradus {

// Calls body(begin, end) for contiguous parts of [0, n), one a thread; on the calling thread alone when n < 2 * grain.
// `grain` is the least work worth a thread. Parts start at multiples of `align`.
template <typename Body>
void ParallelFor(int64_t n, int64_t grain, const Body& body, int64_t align = 1) {
  if (n <= 0) return;
  const int64_t most = std::max<int64_t>(1, n / std::max<int64_t>(1, grain));
  const int threads = static_cast<int>(std::min<int64_t>(omp_get_max_threads(), most));
  if (threads <= 1) {
    body(int64_t{0}, n);
    return;
  }
  const int64_t blocks = (n + align - 1) / align;
#pragma omp parallel num_threads(threads)
  {
    const int64_t t = omp_get_thread_num();
    const int64_t count = omp_get_num_threads();
    const int64_t begin = blocks * t / count * align;
    const int64_t end = std::min(n, blocks * (t + 1) / count * align);
    if (begin < end) body(begin, end);
  }
}

}  // namespace gradus

#endif  // GRADUS_CORE_PARALLEL_H_
