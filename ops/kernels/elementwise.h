// What kernels that treat each stored element alike have in common: one layout for all operands, whatever it is, and
// padding that stays zero.
#ifndef GRADUS_OPS_KERNELS_ELEMENTWISE_H_
#define GRADUS_OPS_KERNELS_ELEMENTWISE_H_

#include <vector>

#include "core/layout.h"
#include "graph/kernel.h"
#include "ops/kernels/strided_loops.h"

namespace gradus {

// Whether a buffer of the layout can be treated as stored_elements() numbers.
bool IsElementwise(const Layout& layout);

// The layout in which inputs of one type shall meet: the one that most of them are at hand in, of equals one that is
// not plain. A flexible input (a variable) has no vote but when all are flexible.
Layout CommonLayout(const KernelContext& context);

// Writes zeros to the padding of a buffer, which a function with f(0) != 0 has spoilt. A value; safe to share.
class PaddingZeros {
 public:
  explicit PaddingZeros(const Layout& layout);
  void Write(float* data) const;

 private:
  std::vector<StridedLoops> loops_;
};

// `candidate`, after which the padding of its output 0 is written with zeros. Only where `candidate` leaves other
// things there.
Candidate WithPaddingZeros(Candidate candidate);

}  // namespace gradus

#endif  // GRADUS_OPS_KERNELS_ELEMENTWISE_H_
