// The rows of the test that walks the registry (tests/ops/registry_test.cc). Every operation registers at least ten
// good cases and three bad ones, in tests/ops/<family>_cases.cc:
//
//   REGISTER_OP_CASES(Softmax,
//                     std::vector<OpCase>{
//                         {"batch_1", {F32({1, 10})}, SoftmaxAttrs{1}},
//                         {"empty", {F32({0, 10})}, SoftmaxAttrs{1}},
//                         {"channels_20", {F32({2, 20, 3, 3})}, SoftmaxAttrs{1}, {Domain::Real(-4, 4)}},
//                     },
//                     std::vector<BadCase>{
//                         {"scalar", {F32({})}, SoftmaxAttrs{0}, "axis 0 is outside a scalar"},
//                     });
//
// Every good case is run four ways:
//   types      Graph::Add accepts it, and the reference gives outputs of the types it promises;
//   gradient   the rule against central differences of the float64 reference, relative error <= 1e-6, with random
//   output
//              gradients, by each f32 input (not for operations with NoGradient);
//   kernels    each candidate of the factory against the reference, for inputs that are plain, channels last, in blocks
//   of 8
//              and 16 and mixed, for one and two threads; outputs and scratch hold NaN before the run; padded tails
//              must be zero, writes beyond a buffer and a second run that gives other bytes are failures;
//   shapes     each input in turn with odd ranks, sizes (0, 1, 2^31, 2^55) and types: a Status or a type, never a
//   signal.
// Among the cases of an operation whose input 0 has rank 4, channels (axis 1) of 1, 7 and 20 must occur.
//
// A case is small: its reference runs hundreds of times. Below 2000 elements for each input is a good measure.
#ifndef GRADUS_TESTS_OPS_OP_CASES_H_
#define GRADUS_TESTS_OPS_OP_CASES_H_

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "core/shape.h"
#include "graph/attrs.h"
#include "graph/graph.h"
#include "graph/kernel.h"

namespace gradus {

inline TensorType F32(std::initializer_list<int64_t> dims) { return {DType::kFloat32, Shape(dims)}; }
inline TensorType I32(std::initializer_list<int64_t> dims) { return {DType::kInt32, Shape(dims)}; }
inline TensorType U8(std::initializer_list<int64_t> dims) { return {DType::kUint8, Shape(dims)}; }
inline TensorType OpaqueType() { return {DType::kOpaque, Shape()}; }

// How the elements of an input are drawn. Real values are multiples of 2^-20, so float32 holds them exactly.
struct Domain {
  enum class Kind : uint8_t { kDefault, kReal, kDistinct, kWhole, kValues };

  // Uniform in [low, high].
  static Domain Real(double low, double high) { return {Kind::kReal, low, high, {}, 0, {}}; }
  static Domain Positive() { return Real(0.25, 2); }
  // Uniform in [low, high], at least `margin` from each of `points`: for functions with kinks and poles.
  static Domain AwayFrom(std::vector<double> points, double margin = 0.05, double low = -2, double high = 2) {
    return {Kind::kReal, low, high, std::move(points), margin, {}};
  }
  // No two elements closer than (high - low) / elements: for maxima and sorting.
  static Domain Distinct(double low = -2, double high = 2) { return {Kind::kDistinct, low, high, {}, 0, {}}; }
  // Whole numbers in [0, classes); in [low, high].
  static Domain Labels(int64_t classes) { return Whole(0, classes - 1); }
  static Domain Whole(int64_t low, int64_t high) {
    return {Kind::kWhole, static_cast<double>(low), static_cast<double>(high), {}, 0, {}};
  }
  // These, over and over.
  static Domain Values(std::vector<double> values) { return {Kind::kValues, 0, 0, {}, 0, std::move(values)}; }

  Kind kind = Kind::kDefault;  // f32: Real(-1, 1); i32 and u8: Whole(0, 1)
  double low = -1, high = 1;
  std::vector<double> avoid = {};
  double margin = 0;
  std::vector<double> values = {};
};

// Adds nodes that end in one of the operation under test and gives one of its outputs. `inputs` are Input nodes of the
// case's types.
using CaseBuilder = std::function<absl::StatusOr<Value>(Graph& graph, const std::vector<Value>& inputs)>;

struct OpCase {
  std::string name;                // letters, digits and _; unique within the operation
  std::vector<TensorType> inputs;  // all that is fed; with `build`, of the whole graph
  Attrs attrs = {};
  std::vector<Domain> domains = {};  // by input; missing ones are Domain{}
  // For an operation that needs a forward partner (Node::forward) or another node's opaque output: builds that too. The
  // node under test is the one whose output it returns. Kernels of the others run as well, each candidate of the
  // forward partner in turn. Empty: Graph::Add of the operation on `inputs` with `attrs`.
  CaseBuilder build = {};

  // Fed inputs by which the rule gives no gradient on purpose (masks, labels held as f32).
  std::vector<int> constant = {};
  double gradient_tolerance = 1e-6;
  // Allowed distance between kernel and reference, relative to the largest magnitude of an output in the reference, or
  // to `magnitude` if that is larger: for outputs that cancel to about zero (batch norm's dx of a batch of one).
  double tolerance = 2e-5;
  double magnitude = 0;
  // Outputs by which nobody differentiates (statistics for the commit phase): the rule ignores their gradients.
  std::vector<int> undifferentiated = {};
  // What random operations, and those that count batches, see.
  RunState state = {};
};

struct BadCase {
  std::string name;
  std::vector<TensorType> inputs;  // Shape holds at most 2^56 elements: 2^55 is as large as a dimension gets
  Attrs attrs = {};
  std::string message;  // a substring of the Status message: the distinctive whole of what the type function says
};

class OpCases {
 public:
  static OpCases& Get();
  bool Register(absl::string_view op, std::vector<OpCase> good, std::vector<BadCase> bad = {});  // adds to earlier ones

  absl::Span<const OpCase> good(const std::string& op) const;
  absl::Span<const BadCase> bad(const std::string& op) const;
  std::vector<std::string> Names() const;

 private:
  std::map<std::string, std::vector<OpCase>> good_;
  std::map<std::string, std::vector<BadCase>> bad_;
};

}  // namespace gradus

#define REGISTER_OP_CASES(op, ...) \
  [[maybe_unused]] static const bool gradus_cases_##op = ::gradus::OpCases::Get().Register(#op, __VA_ARGS__)

#endif  // GRADUS_TESTS_OPS_OP_CASES_H_
