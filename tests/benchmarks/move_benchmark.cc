// GoogLeNet's concatenations in blocks of 8 channels, and the slices that are their gradients.
#include <string>
#include <vector>

#include "core/onednn.h"
#include "ops/concat.h"
#include "ops/slice.h"
#include "tests/benchmarks/op_benchmark.h"

namespace gradus {
namespace {

const struct {
  const char* name;
  int64_t size;
  std::vector<int64_t> channels;
} kRows[] = {{"3a", 28, {64, 128, 32, 32}},
             {"3b", 28, {128, 192, 96, 64}},
             {"4e", 14, {256, 320, 128, 128}},
             {"5b", 7, {384, 384, 128, 128}}};

Layout Blocked(const TensorType& type) { return Tagged(type, dnnl_aBcd8b); }

std::unique_ptr<Timed> Concatenation(const std::vector<TensorType>& parts, const TensorType& whole) {
  std::vector<dnnl::memory::desc> descs;
  std::vector<int> arguments = {DNNL_ARG_DST};
  for (const TensorType& part : parts) {
    arguments.push_back(DNNL_ARG_MULTIPLE_SRC + static_cast<int>(descs.size()));
    descs.push_back(ToDesc(Blocked(part)));
  }
  return BarePrimitive(dnnl::concat::primitive_desc(ToDesc(Blocked(whole)), 1, descs, CpuEngine()), arguments);
}

std::unique_ptr<Timed> Slicing(const TensorType& whole, const TensorType& part) {
  const dnnl::memory::desc from =
      ToDesc(Blocked(whole)).submemory_desc({part.shape[0], part.shape[1], part.shape[2], part.shape[3]}, {0, 0, 0, 0});
  const dnnl::reorder::primitive_desc desc(CpuEngine(), from, CpuEngine(), ToDesc(Blocked(part)));
  return BarePrimitive(desc, {DNNL_ARG_FROM, DNNL_ARG_TO});
}

REGISTER_OP_BENCHMARKS(Move, [] {
  for (const auto& row : kRows) {
    const std::string name = row.name;
    std::vector<TensorType> parts;
    std::vector<BenchInput> inputs;
    int64_t channels = 0;
    for (int64_t count : row.channels) {
      parts.push_back(Floats({16, count, row.size, row.size}));
      inputs.push_back({parts.back(), Blocked(parts.back())});
      channels += count;
    }
    const TensorType whole = Floats({16, channels, row.size, row.size});
    AddOpBenchmark("Concat/" + name, {inputs, Single("Concat", ConcatAttrs{1})},
                   [parts, whole] { return Concatenation(parts, whole); });
    AddOpBenchmark("Slice/" + name,
                   {{{whole, Blocked(whole)}},
                    Single("Slice", SliceAttrs{{0, 0, 0, 0}, {16, row.channels[0], row.size, row.size}})},
                   [parts, whole] { return Slicing(whole, parts[0]); });
  }
});

}  // namespace
}  // namespace gradus
