#include <oneapi/dnnl/dnnl.h>

#include "absl/strings/str_cat.h"
#include "core/onednn.h"
#include "tests/testlib/kernel_check.h"

namespace gradus {
namespace {

Layout TaggedLayout(const TensorType& type, const dnnl::memory::dims& dims, dnnl_format_tag_t tag) {
  dnnl_memory_desc_t desc;
  const dnnl_status_t status = dnnl_memory_desc_init_by_tag(&desc, static_cast<int>(dims.size()), dims.data(),
                                                            dnnl::memory::convert_to_c(ToDnnl(type.dtype)), tag);
  return status == dnnl_success ? Layout(desc) : Layout::Plain(type);
}

Layout TaggedLayout(const TensorType& type, dnnl_format_tag_t tag) {
  return TaggedLayout(type, ToDnnl(type.shape), tag);
}

using LayoutFunction = Layout (*)(const TensorType&);

Layout ChannelsLast(const TensorType& type) {
  switch (type.shape.rank()) {
    case 2:
      return TaggedLayout(type, dnnl_ba);
    case 3:
      return TaggedLayout(type, dnnl_acb);
    case 4:
      return TaggedLayout(type, dnnl_acdb);
    case 5:
      return TaggedLayout(type, dnnl_acdeb);
    default:
      return Layout::Plain(type);
  }
}

Layout BlocksOf8(const TensorType& type) {
  switch (type.shape.rank()) {
    case 3:
      return TaggedLayout(type, dnnl_aBc8b);
    case 4:
      return TaggedLayout(type, dnnl_aBcd8b);
    case 5:
      return TaggedLayout(type, dnnl_aBcde8b);
    default:
      return Layout::Plain(type);
  }
}

// As convolutions and dense layers keep weights: blocks of both first axes.
Layout BlocksOfBoth(const TensorType& type) {
  switch (type.shape.rank()) {
    case 2:
      return TaggedLayout(type, dnnl_AB16b64a);
    case 3:
      return TaggedLayout(type, dnnl_ABc16b16a);
    case 4:
      return TaggedLayout(type, dnnl_ABcd16b16a);
    case 5:
      return TaggedLayout(type, dnnl_ABcde16b16a);
    default:
      return Layout::Plain(type);
  }
}

// The weights of a dense layer behind a map of 2 x 2 positions: [units, inputs] as [units, inputs / 4, 2, 2] in blocks.
Layout GroupedAxes(const TensorType& type) {
  if (type.shape.rank() != 2 || type.shape[1] % 4 != 0) return Layout::Plain(type);
  return TaggedLayout(type, {type.shape[0], type.shape[1] / 4, 2, 2}, dnnl_ABcd8b8a);
}

std::function<Layout(int, const TensorType&)> Always(LayoutFunction layout) {
  return [layout](int, const TensorType& type) { return layout(type); };
}

// Even inputs in one layout, odd ones in another.
std::function<Layout(int, const TensorType&)> Alternating(LayoutFunction even, LayoutFunction odd) {
  return [even, odd](int input, const TensorType& type) { return input % 2 == 0 ? even(type) : odd(type); };
}

}  // namespace

const std::vector<KernelSetting>& AllKernelSettings() {
  static const auto* const settings = new std::vector<KernelSetting>{
      {"plain", Always(Layout::Plain)},
      {"plain, 2 threads", Always(Layout::Plain), 2},
      {"plain, inputs flexible, blocks wanted", Always(Layout::Plain), 1, true, true},
      {"plain, inference", Always(Layout::Plain), 1, false, false, true},
      {"channels last", Always(ChannelsLast)},
      {"blocks of 8", Always(BlocksOf8)},
      {"blocks of 16, 2 threads", Always(BlocksOf16), 2},
      {"blocks of 8 and plain", Alternating(BlocksOf8, Layout::Plain)},
      {"plain and blocks of 16", Alternating(Layout::Plain, BlocksOf16)},
      {"channels last and blocks of 8", Alternating(ChannelsLast, BlocksOf8), 2},
      {"blocks of both axes", Always(BlocksOfBoth)},
      {"blocks of both axes and plain", Alternating(BlocksOfBoth, Layout::Plain)},
      {"grouped axes", Always(GroupedAxes)},
      {"plain and grouped axes", Alternating(Layout::Plain, GroupedAxes)},
  };
  return *settings;
}

const KernelSetting& PlainKernelSetting() { return AllKernelSettings().front(); }

Layout BlocksOf16(const TensorType& type) {
  switch (type.shape.rank()) {
    case 3:
      return TaggedLayout(type, dnnl_aBc16b);
    case 4:
      return TaggedLayout(type, dnnl_aBcd16b);
    case 5:
      return TaggedLayout(type, dnnl_aBcde16b);
    default:
      return Layout::Plain(type);
  }
}

}  // namespace gradus
