// What the messages of a convolution and of a transposed one have in common. `Config`: gradus.Conv or
// gradus.ConvTranspose.
#ifndef GRADUS_OPS_CONV_FIELDS_H_
#define GRADUS_OPS_CONV_FIELDS_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "graph/layer.h"
#include "ops/window.h"

namespace gradus {

template <typename Config>
WindowFields FieldsOf(const Config& config) {
  WindowFields fields;
  fields.kernel = config.kernel();
  fields.stride = config.stride();
  fields.dilation = config.dilation();
  fields.pad = config.pad();
  if (config.has_padding()) fields.padding = config.padding();
  return fields;
}

// That there are filters, and that groups divide them and the input's channels.
template <typename Config>
absl::Status CheckChannels(const LayerContext& context, const Config& config, int64_t channels) {
  if (!config.has_filters()) return context.Error("", "has no filters: the number of output channels");
  if (config.filters() < 1) {
    return context.Error("filters", absl::StrCat("filters is ", config.filters(), "; expected 1 or more"));
  }
  const int64_t groups = config.groups();
  if (groups >= 1 && channels % groups == 0 && config.filters() % groups == 0) return absl::OkStatus();
  return context.Error("groups", absl::StrCat("groups is ", groups, "; expected a divisor of the ", channels,
                                              " input channels and of the ", config.filters(), " filters"));
}

}  // namespace gradus

#endif  // GRADUS_OPS_CONV_FIELDS_H_
