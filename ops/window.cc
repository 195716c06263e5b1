#include "ops/window.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/utility/utility.h"
#include "core/status_macros.h"

namespace gradus {
namespace {

absl::Status CheckInput(const TensorType& input) {
  const int rank = input.shape.rank();
  bool good = input.dtype == DType::kFloat32 && rank >= 3 && rank <= 5;
  for (int axis = 1; axis < rank; ++axis) good = good && input.shape[axis] > 0;
  if (good) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("expected f32[N, C, ...] with 1 to 3 spatial dimensions, none but N empty; got ", input.ToString()));
}

absl::Status CheckRange(absl::string_view what, const Dims& values, int count, int64_t least) {
  if (static_cast<int>(values.size()) != count) {
    return absl::InvalidArgumentError(absl::StrCat("expected ", count, " values of ", what, ", one for each spatial ",
                                                   "dimension; got ", values.size()));
  }
  for (int64_t value : values) {
    if (value < least || value >= kMaxWindow) {
      return absl::InvalidArgumentError(
          absl::StrCat("expected every ", what, " in [", least, ", ", kMaxWindow, "); got ", value));
    }
  }
  return absl::OkStatus();
}

int64_t CeilDivide(int64_t a, int64_t b) { return (a + b - 1) / b; }

// The values of a field for each of `count` dimensions.
absl::StatusOr<Dims> Spread(const LayerContext& context, absl::string_view field, absl::Span<const int64_t> values,
                            int count, int64_t fallback) {
  const int given = static_cast<int>(values.size());
  if (given != 0 && given != 1 && given != count) {
    return context.Error(field, absl::StrCat(field, " has ", given, " values; expected 1, or ", count,
                                             ": one for each spatial dimension"));
  }
  for (int i = 0; i < given; ++i) {
    if (values[i] >= 1 && values[i] < kMaxWindow) continue;
    return context.Error(absl::StrCat(field, "[", i, "]"),
                         absl::StrCat(field, " is ", values[i], "; expected a value in [1, ", kMaxWindow, ")"));
  }
  Dims dims(count, given == 0 ? fallback : values[0]);
  if (given == count) dims.assign(values.begin(), values.end());
  return dims;
}

absl::Status SetPad(const LayerContext& context, absl::Span<const int64_t> pad, Window& window) {
  const size_t count = window.kernel.size();
  if (pad.size() != 1 && pad.size() != count && pad.size() != 2 * count) {
    return context.Error("pad",
                         absl::StrCat("pad has ", pad.size(), " values; expected 1, ", count,
                                      " (one for each spatial dimension) or ", 2 * count, " (begin and end of each)"));
  }
  for (size_t i = 0; i < pad.size(); ++i) {
    if (pad[i] >= 0 && pad[i] < kMaxWindow) continue;
    return context.Error(absl::StrCat("pad[", i, "]"),
                         absl::StrCat("pad is ", pad[i], "; expected a value in [0, ", kMaxWindow, ")"));
  }
  for (size_t i = 0; i < count; ++i) {
    const bool both = pad.size() == 2 * count;
    window.pad_begin[i] = pad.size() == 1 ? pad[0] : both ? pad[2 * i] : pad[i];
    window.pad_end[i] = both ? pad[2 * i + 1] : window.pad_begin[i];
  }
  return absl::OkStatus();
}

absl::Status SetSame(const LayerContext& context, const TensorType& input, Padding padding, Window& window) {
  for (int i = 0; i < window.spatial_rank(); ++i) {
    if (padding == SAME) {
      if (window.kernel[i] % 2 == 0) {
        return context.Error("padding", absl::StrCat("padding SAME needs odd kernels; the kernel is ", window.kernel[i],
                                                     ": use SAME_UPPER, SAME_LOWER or pad"));
      }
      window.pad_begin[i] = window.pad_end[i] = window.Reach(i) / 2;
    } else {
      const int64_t size = input.shape[2 + i], last = (CeilDivide(size, window.stride[i]) - 1) * window.stride[i];
      const int64_t total = std::max<int64_t>(0, last + window.Reach(i) - size);
      const int64_t less = total / 2, more = total - less;
      window.pad_begin[i] = padding == SAME_UPPER ? less : more;
      window.pad_end[i] = padding == SAME_UPPER ? more : less;
    }
    if (window.pad_begin[i] >= kMaxWindow || window.pad_end[i] >= kMaxWindow) {
      return context.Error(
          "padding", absl::StrCat("padding would be ", window.pad_end[i], " elements; expected below ", kMaxWindow));
    }
  }
  return absl::OkStatus();
}

// Adds rows to the end so that the last, partial window counts, unless it would start beyond the input.
absl::Status RoundUp(const LayerContext& context, const TensorType& input, ResolvedWindow& resolved) {
  Window& window = resolved.window;
  for (int i = 0; i < window.spatial_rank(); ++i) {
    const int64_t front = window.pad_begin[i] + input.shape[2 + i], end = front + window.pad_end[i];
    const int64_t stride = window.stride[i], reach = window.Reach(i);
    if (end < reach) continue;  // WindowOutput says so
    const int64_t output = std::min(CeilDivide(end - reach, stride) + 1, CeilDivide(front, stride));
    if (output == (end - reach) / stride + 1) continue;
    const int64_t needed = std::max<int64_t>(0, (output - 1) * stride + reach - front);
    resolved.ceil_rows[i] = std::max<int64_t>(0, needed - window.pad_end[i]);
    window.pad_end[i] = needed;
    if (needed >= kMaxWindow) {
      return context.Error(
          "ceil", absl::StrCat("ceil would add ", resolved.ceil_rows[i], " rows; expected below ", kMaxWindow));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Dims> WindowOutput(const Window& window, const TensorType& input) {
  GRADUS_RETURN_IF_ERROR(CheckInput(input));
  const int count = input.shape.rank() - 2;
  GRADUS_RETURN_IF_ERROR(CheckRange("kernel", window.kernel, count, 1));
  GRADUS_RETURN_IF_ERROR(CheckRange("stride", window.stride, count, 1));
  GRADUS_RETURN_IF_ERROR(CheckRange("dilation", window.dilation, count, 1));
  GRADUS_RETURN_IF_ERROR(CheckRange("pad_begin", window.pad_begin, count, 0));
  GRADUS_RETURN_IF_ERROR(CheckRange("pad_end", window.pad_end, count, 0));
  absl::StatusOr<Dims> output(absl::in_place, count, int64_t{0});
  Dims padded(count, 0), reach(count, 0);
  bool fits = true;
  for (int i = 0; i < count; ++i) {
    padded[i] = input.shape[2 + i] + window.pad_begin[i] + window.pad_end[i];
    reach[i] = window.Reach(i);
    fits = fits && padded[i] >= reach[i];
    (*output)[i] = (padded[i] - reach[i]) / window.stride[i] + 1;
  }
  if (fits) return output;
  return absl::InvalidArgumentError(absl::StrCat("the window [", absl::StrJoin(reach, ", "), "] is larger than the ",
                                                 "padded input [", absl::StrJoin(padded, ", "), "]"));
}

absl::StatusOr<ResolvedWindow> ResolveWindow(const LayerContext& context, const TensorType& input,
                                             const WindowFields& fields) {
  if (absl::Status status = CheckInput(input); !status.ok()) return context.Error("", status.message());
  const int count = input.shape.rank() - 2;
  if (fields.kernel.empty()) return context.Error("", "has no kernel");
  ResolvedWindow resolved;
  Window& window = resolved.window;
  GRADUS_ASSIGN_OR_RETURN(window.kernel, Spread(context, "kernel", fields.kernel, count, 1));
  if (fields.stride.empty() && fields.stride_defaults_to_kernel) {
    window.stride = window.kernel;
  } else {
    GRADUS_ASSIGN_OR_RETURN(window.stride, Spread(context, "stride", fields.stride, count, 1));
  }
  GRADUS_ASSIGN_OR_RETURN(window.dilation, Spread(context, "dilation", fields.dilation, count, 1));
  window.pad_begin.assign(count, 0);
  window.pad_end.assign(count, 0);
  resolved.ceil_rows.assign(count, 0);
  if (!fields.pad.empty()) {
    if (fields.padding.has_value()) return context.Error("padding", "pad and padding exclude each other");
    GRADUS_RETURN_IF_ERROR(SetPad(context, fields.pad, window));
  } else if (fields.padding.value_or(VALID) != VALID) {
    GRADUS_RETURN_IF_ERROR(SetSame(context, input, *fields.padding, window));
  }
  if (fields.ceil) GRADUS_RETURN_IF_ERROR(RoundUp(context, input, resolved));
  absl::StatusOr<Dims> output = WindowOutput(window, input);
  if (!output.ok()) return context.Error("kernel", output.status().message());
  resolved.output = *std::move(output);
  return resolved;
}

}  // namespace gradus
