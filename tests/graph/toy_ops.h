// Operations for tests of graph logic: types and gradients, no kernels.
//
//   ToyScale    {factor} (x) -> factor x
//   ToyMultiply (a, b)       -> a b, which broadcast to each other
//   ToySine     (x), ToyCosine (x)
//   ToySplit    (x)          -> x, 2 x
//   ToyNoise    (x)          -> x and something random
//   ToyStop     (x)          -> x, without gradient
//   ToyDense    (x: f32[N, I], w: f32[U, I]) -> f32[N, U]
//   ToySum      (x)          -> f32[]
#ifndef GRADUS_TESTS_GRAPH_TOY_OPS_H_
#define GRADUS_TESTS_GRAPH_TOY_OPS_H_

#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "graph/builtin_ops.h"
#include "graph/graph.h"

namespace gradus {

struct FactorAttrs {
  double factor = 1;
  template <typename F>
  void ForEach(F&& field) const {
    field("factor", factor);
  }
};

inline TensorType F32(std::initializer_list<int64_t> dims) { return {DType::kFloat32, Shape(dims)}; }
inline TensorType I32(std::initializer_list<int64_t> dims) { return {DType::kInt32, Shape(dims)}; }

// Nodes that are known to be right.
inline Value AddInput(Graph* graph, std::string name, const TensorType& type) {
  return graph->Add({"Input", std::move(name), {}, InputAttrs{type}, {}}).value();
}

inline Value AddVariable(Graph* graph, std::string name, const TensorType& type, Role role = Role::kParameter) {
  Variable variable;
  variable.name = std::move(name);
  variable.type = type;
  variable.role = role;
  return graph->AddVariable(std::move(variable)).value();
}

inline Value AddNode(Graph* graph, absl::string_view op, std::string name, std::vector<Value> inputs, Attrs attrs = {},
                     Stage stage = Stage::kCompute) {
  return graph->Add({op, std::move(name), std::move(inputs), std::move(attrs), {}, stage, -1}).value();
}

}  // namespace gradus

#endif  // GRADUS_TESTS_GRAPH_TOY_OPS_H_
