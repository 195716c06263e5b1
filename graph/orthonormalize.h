// Gram and Schmidt's orthogonalisation. Thread-safe.
#ifndef GRADUS_GRAPH_ORTHONORMALIZE_H_
#define GRADUS_GRAPH_ORTHONORMALIZE_H_

#include <cstdint>

#include "absl/types/span.h"

namespace gradus {

// Replaces `count` <= `length` linearly independent vectors, one after the other in `vectors`, by orthonormal ones:
// each is the part of the old one that is orthogonal to those before it, scaled to 1. This is Q of the QR decomposition
// whose R has a positive diagonal, so that normal random numbers become a uniformly distributed (Haar) matrix
// (Mezzadri, "How to generate random matrices from the classical compact groups", Notices of the AMS 54, 2007). Runs on
// the compute threads; the result does not depend on their number. O(length x count^2).
void Orthonormalize(absl::Span<double> vectors, int64_t count, int64_t length);

}  // namespace gradus

#endif  // GRADUS_GRAPH_ORTHONORMALIZE_H_
