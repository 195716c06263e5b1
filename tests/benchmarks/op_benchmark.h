// Operations against oneDNN's bare primitives: both run in turn, each on memory of its own, so that what disturbs one
// disturbs the other. Every tensor exists in as many copies as it takes to find none in the caches.
//
//   REGISTER_OP_BENCHMARKS([] {
//     AddOpBenchmark("Lrn/alexnet1", {inputs, build}, [] { return BarePrimitive(desc, {DNNL_ARG_SRC, DNNL_ARG_DST});
//     });
//   });
//
// Reported: the time of the operation's first candidate (or of `implementation`), and as counters `onednn_us`, `ratio`
// (oneDNN's time over ours: above 1 we are faster), `GB/s` (inputs and outputs of ours, each once) and `GFLOP/s`;
// medians. Nothing here is thread-safe.
#ifndef GRADUS_TESTS_BENCHMARKS_OP_BENCHMARK_H_
#define GRADUS_TESTS_BENCHMARKS_OP_BENCHMARK_H_

#include <oneapi/dnnl/dnnl.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <oneapi/dnnl/dnnl.hpp>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/arena.h"
#include "core/layout.h"
#include "core/shape.h"
#include "graph/attrs.h"
#include "graph/graph.h"
#include "graph/kernel.h"

namespace gradus {

// A layout by its tag; plain for a shape of another rank.
Layout Tagged(const TensorType& type, dnnl_format_tag_t tag);
inline TensorType Floats(std::initializer_list<int64_t> dims) { return {DType::kFloat32, Shape(dims)}; }

// Something that runs on one of several copies of its memory.
class Timed {
 public:
  virtual ~Timed() = default;
  virtual void Run(int copy) = 0;
  virtual int64_t bytes() const = 0;  // of one copy's inputs and outputs
  int copies() const { return copies_; }

 protected:
  int copies_ = 1;
};

struct BenchInput {
  TensorType type;
  Layout layout;        // any: as the kernel likes it
  int64_t classes = 0;  // of whole numbers
};

// A build of one node of the operation on all inputs.
using BuildNode = std::function<absl::StatusOr<Value>(Graph& graph, const std::vector<Value>& inputs)>;
BuildNode Single(const char* op, Attrs attrs = {});

struct OpBenchmark {
  std::vector<BenchInput> inputs;
  // Adds nodes after the inputs and gives an output of the last one to be timed. Those not timed run once, before.
  BuildNode build;
  bool inference = false;
  std::string implementation = "";  // the first candidate of the last node whose name begins so
  double flops = 0;
  int timed_nodes = 1;  // the last ones; views among all nodes take no time, as in a plan
};

using MakeTimed = std::function<std::unique_ptr<Timed>()>;

// A primitive and the arguments that it is given.
std::unique_ptr<Timed> BarePrimitive(const dnnl::primitive_desc_base& desc, const std::vector<int>& arguments);

// Any function of a copy's memory of so many bytes.
std::unique_ptr<Timed> BareFunction(int64_t bytes, std::function<void(uint8_t* memory)> function);

// `bare` may be null: then only times and rates are reported.
void AddOpBenchmark(const std::string& name, const OpBenchmark& op, const MakeTimed& bare);

// Makes `add` run before the benchmarks do.
bool RegisterOpBenchmarks(void (*add)());

}  // namespace gradus

#define REGISTER_OP_BENCHMARKS(family, ...) \
  [[maybe_unused]] static const bool gradus_benchmarks_##family = ::gradus::RegisterOpBenchmarks(__VA_ARGS__)

#endif  // GRADUS_TESTS_BENCHMARKS_OP_BENCHMARK_H_
