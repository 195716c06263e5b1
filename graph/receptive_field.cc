#include "graph/receptive_field.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "core/check.h"

namespace gradus {
namespace {

absl::flat_hash_map<std::string, ReceptiveFieldRule>& Rules() {
  static auto* const rules = new absl::flat_hash_map<std::string, ReceptiveFieldRule>;
  return *rules;
}

// What a node sees of the network's input through one of its own: `outer` of the node's input, `inner` of that.
AxisField Compose(const ReceptiveField& outer, const AxisField& inner) {
  if (inner.whole() || inner.axis >= static_cast<int>(outer.size())) return AxisField::Whole();
  const AxisField& step = outer[inner.axis];
  if (step.whole()) return AxisField::Whole();
  return AxisField::Along(step.axis, step.stride * inner.stride, inner.first + step.first * inner.stride,
                          inner.last + step.last * inner.stride);
}

AxisField Union(const AxisField& a, const AxisField& b) {
  if (a.axis != b.axis || a.stride != b.stride) return AxisField::Whole();
  return AxisField::Along(a.axis, a.stride, std::min(a.first, b.first), std::max(a.last, b.last));
}

ReceptiveField WholeOf(const TensorType& type) { return ReceptiveField(type.shape.rank(), AxisField::Whole()); }

}  // namespace

void RegisterReceptiveField(absl::string_view op, ReceptiveFieldRule rule) {
  GRADUS_CHECK(Rules().emplace(op, std::move(rule)).second);
}

std::vector<std::optional<ReceptiveField>> ReceptiveFields(const Graph& graph, Value input) {
  std::vector<std::optional<ReceptiveField>> fields(graph.size());
  const TensorType& source = graph.type(input);
  GRADUS_CHECK(source.shape.rank() == 0 || source.shape[0] == 1);
  for (int i = 0; i < graph.size(); ++i) {
    const Node& node = graph.node(i);
    if (i == input.node) {
      fields[i].emplace();
      for (int axis = 0; axis < source.shape.rank(); ++axis) fields[i]->push_back(AxisField::Along(axis));
      continue;
    }
    std::vector<TensorType> types;
    for (Value v : node.inputs) types.push_back(graph.type(v));
    const auto rule = Rules().find(node.op->name());
    for (size_t k = 0; k < node.inputs.size(); ++k) {
      const std::optional<ReceptiveField>& seen = fields[node.inputs[k].node];
      if (!seen) continue;
      const ReceptiveField step = rule == Rules().end()
                                      ? WholeOf(types[k])
                                      : rule->second({types, node.attrs}, static_cast<int>(k), node.outputs);
      const bool had = fields[i].has_value();
      if (!had) fields[i].emplace(seen->size());
      for (size_t axis = 0; axis < seen->size(); ++axis) {
        const AxisField through = Compose(step, (*seen)[axis]);
        AxisField& field = (*fields[i])[axis];
        field = had ? Union(field, through) : through;
      }
    }
  }
  return fields;
}

FieldExtent ExtentOf(const AxisField& field, int64_t size) {
  const auto elements = static_cast<double>(size);
  if (field.whole()) return {elements, elements, (elements - 1) / 2};
  return {field.last - field.first + 1, field.stride, (field.first + field.last) / 2};
}

ReceptiveField SeesItsPlace(const TypeContext& context, int input, absl::Span<const TensorType> outputs) {
  const Shape &x = context.shape(input), &y = outputs[0].shape;
  ReceptiveField field = WholeOf(context.input(input));
  const int shift = y.rank() - x.rank();
  for (int axis = 0; axis < x.rank(); ++axis) {
    const int to = axis + shift;
    if (to >= 0 && x[axis] == y[to]) field[axis] = AxisField::Along(to);
  }
  return field;
}

}  // namespace gradus
