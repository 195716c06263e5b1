#include <oneapi/dnnl/dnnl.h>

#include "absl/strings/str_cat.h"
#include "core/onednn.h"
#include "tests/testlib/kernel_check.h"

namespace gradus {
namespace {

Layout TaggedLayout(const TensorType& type, dnnl_format_tag_t tag) {
  const dnnl::memory::dims dims = ToDnnl(type.shape);
  dnnl_memory_desc_t desc;
  const dnnl_status_t status = dnnl_memory_desc_init_by_tag(&desc, static_cast<int>(dims.size()), dims.data(),
                                                            dnnl::memory::convert_to_c(ToDnnl(type.dtype)), tag);
  return status == dnnl_success ? Layout(desc) : Layout::Plain(type);
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
