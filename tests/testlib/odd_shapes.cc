#include <algorithm>
#include <exception>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/layout.h"
#include "graph/kernel.h"
#include "tests/testlib/case_graph.h"
#include "tests/testlib/crash_note.h"
#include "tests/testlib/kernel_check.h"
#include "tests/testlib/op_checks.h"

namespace gradus {
namespace {

constexpr int64_t kSizes[] = {0, 1, 3, int64_t{1} << 31, int64_t{1} << 55};
constexpr int64_t kSmall = 100000;  // elements of all inputs and outputs of what is run

using Types = std::vector<TensorType>;

// Sets of input types, each odd in one way.
class Variants {
 public:
  explicit Variants(Types base) : base_(std::move(base)) {
    for (size_t i = 0; i < base_.size(); ++i) AddShapes(i);
    AddCommonSizes();
    for (size_t i = 0; i < base_.size(); ++i) AddTypes(i);
    if (!base_.empty()) {
      Types fewer(base_.begin(), base_.end() - 1), more = base_;
      more.push_back(base_.back());
      all_.push_back(std::move(fewer));
      all_.push_back(std::move(more));
    } else {
      all_.push_back({TensorType{DType::kFloat32, Shape({3})}});
    }
  }

  const std::vector<Types>& all() const { return all_; }

 private:
  void AddShapes(size_t input) {
    const Dims& dims = base_[input].shape.dims();
    for (int rank : {0, 1, 2, 3, 4, 5, 6, 12}) {
      Dims cut(dims.begin(), dims.begin() + std::min<int>(rank, static_cast<int>(dims.size())));
      cut.resize(rank, 1);
      Add(input, cut);
      Add(input, Dims(rank, 0));
      Add(input, Dims(rank, 5));
      Add(input, Dims(rank, int64_t{1} << (55 / std::max(1, rank))));
    }
    for (size_t d = 0; d < dims.size(); ++d) {
      for (int64_t size : kSizes) Add(input, With(dims, d, size));
      Add(input, With(dims, d, dims[d] + 1));
      for (size_t e = 0; e < d; ++e) Add(input, With(With(dims, d, int64_t{1} << 27), e, int64_t{1} << 27));
    }
  }

  // The same axis of all inputs that agree in it, so that what must match still does.
  void AddCommonSizes() {
    for (int axis = 0; axis < Shape::kMaxRank; ++axis) {
      for (int64_t size : kSizes) {
        for (size_t first = 0; first < base_.size(); ++first) {
          if (axis >= base_[first].shape.rank()) continue;
          Types types = base_;
          bool exists = true;
          for (TensorType& type : types) {
            if (axis >= type.shape.rank() || type.shape[axis] != base_[first].shape[axis]) continue;
            const auto shape = Shape::Make(With(type.shape.dims(), axis, size));
            exists = exists && shape.ok();
            if (shape.ok()) type.shape = *shape;
          }
          if (exists) all_.push_back(std::move(types));
        }
      }
    }
  }

  void AddTypes(size_t input) {
    const Shape scalar;
    for (DType dtype : {DType::kFloat32, DType::kFloat64, DType::kInt32, DType::kUint8, DType::kOpaque}) {
      Types types = base_;
      types[input].dtype = dtype;
      if (dtype == DType::kOpaque) types[input].shape = scalar;
      all_.push_back(std::move(types));
    }
  }

  static Dims With(Dims dims, size_t axis, int64_t size) {
    dims[axis] = size;
    return dims;
  }

  void Add(size_t input, const Dims& dims) {
    const auto shape = Shape::Make(dims);
    if (!shape.ok()) return;
    Types types = base_;
    types[input].shape = *shape;
    all_.push_back(std::move(types));
  }

  Types base_;
  std::vector<Types> all_;
};

absl::StatusOr<Graph> GraphOf(const OpDef& op, const Types& types, const Attrs& attrs) {
  Graph graph;
  Graph::NodeSpec spec;
  spec.op = op.name();
  spec.name = "y";
  spec.attrs = attrs;
  for (size_t i = 0; i < types.size(); ++i) {
    absl::StatusOr<Value> input = AddInput(&graph, absl::StrCat("x", i), types[i]);
    if (!input.ok()) return input.status();
    spec.inputs.push_back(*input);
  }
  absl::StatusOr<Value> added = graph.Add(std::move(spec));
  if (!added.ok()) return added.status();
  return graph;
}

bool HasOpaque(const Types& types) {
  return std::any_of(types.begin(), types.end(), [](const TensorType& type) { return type.dtype == DType::kOpaque; });
}

// A factory may refuse, not crash, whatever the size.
void AskFactory(const Graph& graph, Failures* failures) {
  const Node& node = graph.node(graph.size() - 1);
  const KernelEntry* entry = Registry<KernelEntry>::Get().Find(node.op->name());
  if (entry == nullptr) return;
  std::vector<Layout> at_hand, wanted(node.outputs.size());
  for (Value input : node.inputs) {
    if (graph.type(input).dtype == DType::kFloat64) return;
    at_hand.push_back(Layout::Plain(graph.type(input)));
  }
  const std::vector<bool> flexible(node.inputs.size(), false);
  const KernelContext context{graph, node, at_hand, flexible, wanted};
  const auto candidates = entry->factory(context);
  if (!candidates.ok()) return;
  for (const Candidate& candidate : *candidates) {
    if (candidate.scratch_bytes < 0) failures->push_back(candidate.implementation + " books negative scratch");
  }
}

int64_t Elements(const Graph& graph) {
  int64_t elements = 0;
  for (const Node& node : graph.nodes()) {
    for (const TensorType& type : node.outputs) elements += std::min(type.shape.num_elements(), kSmall);
  }
  return elements;
}

// Reference and kernel agree: on the values, or on refusing the data.
void RunSmall(const OpDef& op, const OpCase& op_case, const Types& types, Failures* failures) {
  OpCase changed = op_case;
  changed.inputs = types;
  const auto graph = BuildCase(op.name(), changed);
  if (!graph.ok()) {
    failures->push_back(std::string(graph.status().message()));
    return;
  }
  const auto expected = EvaluateReference(graph->graph, graph->outputs(), graph->feeds, graph->state);
  if (expected.status().code() == absl::StatusCode::kInternal) {
    failures->push_back(std::string(expected.status().message()));
  }
  if (!expected.ok()) return;
  const Failures found = CheckKernels(*graph, {PlainKernelSetting()}, {op_case.tolerance, op_case.magnitude});
  failures->insert(failures->end(), found.begin(), found.end());
}

// Adds the node; where that works asks for kernels, and runs them if `run` and the node is small.
Failures Try(const OpDef& op, const OpCase& op_case, const Types& types, const Attrs& attrs, bool run) {
  Failures failures;
  try {
    const auto graph = GraphOf(op, types, attrs);
    if (!graph.ok()) {
      if (graph.status().message().empty()) failures.push_back("refused without a message");
    } else if (!op_case.build && !HasOpaque(types)) {
      AskFactory(*graph, &failures);
      if (run && Elements(*graph) < kSmall) RunSmall(op, op_case, types, &failures);
    }
  } catch (const std::exception& exception) {
    failures.push_back(absl::StrCat("throws ", exception.what()));
  }
  return failures;
}

bool SameDTypes(const Types& a, const Types& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const TensorType& x, const TensorType& y) { return x.dtype == y.dtype; });
}

}  // namespace

Failures CheckOddShapes(const OpDef& op, const OpCase& op_case) {
  const auto built = BuildCase(op.name(), op_case);
  if (!built.ok()) return {absl::StrCat(op.name(), " case '", op_case.name, "': ", built.status().message())};
  Types base;
  for (Value input : built->under_test().inputs) base.push_back(built->graph.type(input));
  const Attrs& attrs = built->under_test().attrs;

  Failures failures;
  const Variants variants(base);
  for (const Types& types : variants.all()) {
    const std::string what =
        absl::StrCat(op.name(), " case '", op_case.name, "' as ", Signature(op, types), " {", attrs.text(), "}");
    SetCrashNote(what);
    for (const std::string& failure : Try(op, op_case, types, attrs, SameDTypes(types, base))) {
      failures.push_back(absl::StrCat(what, ": ", failure));
    }
  }
  return failures;
}

}  // namespace gradus
