#include "graph/reference.h"

namespace gradus {
namespace {

absl::Status HardestInBatchReference(ReferenceContext& context) {
  const int64_t n = context.shape(0)[0], d = context.shape(0)[1];
  const std::vector<double>&x = context.in(0), &labels = context.in(1);
  for (int64_t a = 0; a < n; ++a) {
    std::vector<double> distance(n, 0.0);
    for (int64_t i = 0; i < n * d; ++i) {
      const double difference = x[i] - x[a * d + i % d];
      distance[i / d] += difference * difference;
    }
    int64_t far = -1, near = -1;
    for (int64_t i = 0; i < n; ++i) {
      const bool same = labels[i] == labels[a];
      if (same && i != a && (far < 0 || distance[i] > distance[far])) far = i;
      if (!same && (near < 0 || distance[i] < distance[near])) near = i;
    }
    if (far >= 0) context.out(0)[a * n + far] = 1;
    if (near >= 0) context.out(1)[a * n + near] = 1;
  }
  return absl::OkStatus();
}

REGISTER_REFERENCE(HardestInBatch, HardestInBatchReference);

}  // namespace
}  // namespace gradus
