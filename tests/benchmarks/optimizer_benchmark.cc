// Updates of as many parameters as a layer of VGG and of ResNet has. There is no primitive for them; beside them stands
// oneDNN's sum of as many tensors as they read, which moves about the same bytes.
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/onednn.h"
#include "ops/optimizers.h"
#include "tests/benchmarks/op_benchmark.h"

namespace gradus {
namespace {

std::unique_ptr<Timed> Sum(const TensorType& type, int tensors) {
  std::vector<int> arguments = {DNNL_ARG_DST};
  for (int i = 0; i < tensors; ++i) arguments.push_back(DNNL_ARG_MULTIPLE_SRC + i);
  const std::vector<dnnl::memory::desc> descs(tensors, ToDesc(Layout::Plain(type)));
  return BarePrimitive(dnnl::sum::primitive_desc(std::vector<float>(tensors, 0.5F), descs, CpuEngine()), arguments);
}

REGISTER_OP_BENCHMARKS(Optimizer, [] {
  for (int64_t parameters : {int64_t{16} << 20, int64_t{1} << 20, int64_t{64} << 10}) {
    const std::string name = absl::StrCat(parameters);
    const TensorType type = Floats({parameters}), scalar = Floats({});
    const BenchInput w = {type, Layout::Plain(type)}, rate = {scalar, Layout::Plain(scalar)};
    SgdAttrs momentum;
    momentum.momentum = 0.9;
    AddOpBenchmark("Optimizer/sgd/" + name, {{w, w, rate, rate}, Single("SgdUpdate", SgdAttrs{})},
                   [type] { return Sum(type, 2); });
    AddOpBenchmark("Optimizer/momentum/" + name, {{w, w, w, rate, rate}, Single("MomentumUpdate", momentum)},
                   [type] { return Sum(type, 3); });
    AddOpBenchmark("Optimizer/adam/" + name, {{w, w, w, w, rate, rate}, Single("AdamUpdate", AdamAttrs{})},
                   [type] { return Sum(type, 4); });
  }
});

}  // namespace
}  // namespace gradus
