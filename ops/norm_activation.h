// The shorthand that layers with a linear part share: `norm { batch {} }` and `activation: RELU` stand for nodes of
// their own after it, `<layer>/norm` and `<layer>/activation`.
#ifndef GRADUS_OPS_NORM_ACTIVATION_H_
#define GRADUS_OPS_NORM_ACTIVATION_H_

#include "absl/status/statusor.h"
#include "graph/layer.h"
#include "ops/unary.h"
#include "proto/layers.pb.h"

namespace gradus {

// Whether a norm follows, so that a bias would be in vain.
bool HasNorm(const Norm& norm);

// x itself when there is none.
absl::StatusOr<Value> AddNorm(LayerContext& context, Value x, const Norm& norm);

// For a message with fields `norm` and `activation`.
template <typename Config>
absl::StatusOr<Value> AddNormAndActivation(LayerContext& context, Value x, const Config& config) {
  absl::StatusOr<Value> y = AddNorm(context, x, config.norm());
  if (!y.ok()) return y;
  return AddActivation(context, *y, config.activation());
}

}  // namespace gradus

#endif  // GRADUS_OPS_NORM_ACTIVATION_H_
