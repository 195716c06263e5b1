// Convolution (cross-correlation) over 1 to 3 spatial dimensions, and its derivatives, which are linear in each of
// their inputs and so are each other's derivatives:
//
//   Conv {conv} (x, w[, b]) -> y
//       y[n, f, o] = b[f] + sum_{c, k} w[f, c, k] x[n, c, i(o, k)]
//
//   ConvBackwardData {conv, input} (dy, w) -> dx
//       dx[n, c, i] = sum of w[f, c, k] dy[n, f, o] over all f, o, k with i = i(o, k)
//
//   ConvBackwardWeights {conv, has_bias} (x, dy) -> dw[, db]
//       dw[f, c, k] = sum_{n, o} x[n, c, i(o, k)] dy[n, f, o]
//       db[f] = sum_{n, o} dy[n, f, o]
//
// with i(o, k) = o stride - pad_begin + k dilation (zero outside the input) and
//   x: f32[N, C, spatial...], y: f32[N, filters, spatial'...], w: f32[filters, C / groups, kernel...], b: f32[filters].
// Filters and channels are split into `groups` equal runs; filters see the channels of their own group only.
#ifndef GRADUS_OPS_CONV_H_
#define GRADUS_OPS_CONV_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "core/shape.h"
#include "ops/window.h"

namespace gradus {

struct ConvAttrs {
  Window window;
  int64_t groups = 1;
  template <typename F>
  void ForEach(F&& field) const {
    window.ForEach(field);
    field("groups", groups);
  }
};

struct FusedConvAttrs {
  ConvAttrs conv;
  bool has_residual = false, has_bias = false, relu = false;
  template <typename F>
  void ForEach(F&& field) const {
    conv.ForEach(field);
    field("has_residual", has_residual);
    field("has_bias", has_bias);
    field("relu", relu);
  }
};

struct ConvBackwardDataAttrs {
  ConvAttrs conv;
  Dims input;  // spatial dimensions of x
  template <typename F>
  void ForEach(F&& field) const {
    conv.ForEach(field);
    field("input", input);
  }
};

struct ConvBackwardWeightsAttrs {
  ConvAttrs conv;
  bool has_bias = false;
  template <typename F>
  void ForEach(F&& field) const {
    conv.ForEach(field);
    field("has_bias", has_bias);
  }
};

// The type of y, or what is wrong with x and w.
absl::StatusOr<TensorType> ConvOutput(const ConvAttrs& conv, const TensorType& x, const TensorType& w);

}  // namespace gradus

#endif  // GRADUS_OPS_CONV_H_
