// Stochastic pooling (Zeiler and Fergus, "Stochastic Pooling for Regularization of Deep Convolutional Neural Networks",
// ICLR 2013): of each window one place, drawn with a probability in proportion to what x has there.
//
//   StochasticPool         {window, key}        (x, v)  -> y   y = v at the place drawn; 0 where no x is above 0
//   StochasticPoolBackward {window, key, input} (x, dy) -> dv  dy goes to the place drawn
//
// Elements of x that are not above 0 are never drawn. The draw is a function of x, the run's seed, the key, the step
// and y's row-major index, so nothing is kept between the two, each of which is the other's gradient by v and dy. A
// pooling is a StochasticPool (x, x): no gradient flows through the choice.
#ifndef GRADUS_OPS_STOCHASTIC_POOL_H_
#define GRADUS_OPS_STOCHASTIC_POOL_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "core/shape.h"
#include "graph/layer.h"
#include "ops/window.h"

namespace gradus {

struct StochasticPoolAttrs {
  Window window;
  uint64_t key = 0;  // of the layer: StableHash of its name
  template <typename F>
  void ForEach(F&& field) const {
    window.ForEach(field);
    field("key", key);
  }
};

struct StochasticPoolBackwardAttrs {
  StochasticPoolAttrs forward;
  Shape input;  // x's
  template <typename F>
  void ForEach(F&& field) const {
    forward.ForEach(field);
    field("input", input);
  }
};

// The layer: a draw when training, else what it gives on average, sum(x^2) / sum(x).
absl::StatusOr<Value> LowerStochasticPool(LayerContext& context, const ResolvedWindow& resolved);

}  // namespace gradus

#endif  // GRADUS_OPS_STOCHASTIC_POOL_H_
