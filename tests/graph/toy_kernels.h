// Toy operations that run, for tests of plans. All on f32; equal shapes, plain layouts and not in place unless said.
//
//   ToyScale    {factor} (x)       factor x, in place if it can (tests/graph/toy_ops.h)
//   ToyMultiply (a, b), ToySine (x)
//   ToyAdd      (a, b)             a + b, in place over a or b if it can
//   ToyBoth     (x)                x, 2 x: both in place over x if they can
//   ToyBlocks   (x: f32[N, C, H, W])  x + 1, reads and writes blocks of 16 channels
//   ToyLines    {shape} (x)        x under another shape: a view
//   ToySilent   (x)                x, but nothing is written
//   ToyInverse  (x)                1 / x
//   ToyRefuse   (x)                an error when an element is negative
//   ToyBackward (x)                x; its kernel is called after its forward partner's
//   ToyKernelless (x)
#ifndef GRADUS_TESTS_GRAPH_TOY_KERNELS_H_
#define GRADUS_TESTS_GRAPH_TOY_KERNELS_H_

#include "core/layout.h"
#include "core/shape.h"

namespace gradus {

// f32[N, C, H, W] in blocks of 16 channels.
Layout BlocksOf16(const Shape& shape);

// How often the factory of ToyScale was called.
int ToyScaleFactoryCalls();

}  // namespace gradus

#endif  // GRADUS_TESTS_GRAPH_TOY_KERNELS_H_
