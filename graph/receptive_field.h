// What the elements of a value can see of a network's input: the receptive field, by an analysis of the graph.
//
// Along each axis of the input, element o of a value sees the elements from first + o[axis] stride to
// last + o[axis] stride, both included, or the whole axis. The bounds are nominal: they may lie in the padding, and are
// fractions where maps grow. What several paths see is the smallest such range that holds all of them.
//
// An operation says what its outputs see of its inputs by a rule; one without sees all of them. Rules are registered
// before main; everything else only reads and is thread-safe.
#ifndef GRADUS_GRAPH_RECEPTIVE_FIELD_H_
#define GRADUS_GRAPH_RECEPTIVE_FIELD_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "graph/graph.h"
#include "graph/op.h"

namespace gradus {

// What is seen of one axis.
struct AxisField {
  int axis = -1;  // of the value whose elements see; -1: each of them sees the whole axis
  double stride = 1;
  double first = 0, last = 0;  // of the elements with o[axis] = 0

  static AxisField Whole() { return AxisField(); }
  static AxisField Along(int axis, double stride = 1, double first = 0, double last = 0) {
    return {axis, stride, first, last};
  }
  bool whole() const { return axis < 0; }
};

// For each axis of what is seen, the batch included.
using ReceptiveField = absl::InlinedVector<AxisField, 6>;

// What the outputs of a node, in terms of the first one's axes, see of its input number `input`; of an input that is
// another node's second output, in terms of the axes of that node's first.
using ReceptiveFieldRule =
    std::function<ReceptiveField(const TypeContext& context, int input, absl::Span<const TensorType> outputs)>;

// As registered by REGISTER_RECEPTIVE_FIELD; a second rule for an operation is a bug: aborts.
void RegisterReceptiveField(absl::string_view op, ReceptiveFieldRule rule);

// For each node what its outputs see of `input`; nothing for nodes that do not depend on it. The graph is one of a
// batch of 1: where a layer makes one axis of examples and positions, no axis tells the positions of several examples
// apart.
std::vector<std::optional<ReceptiveField>> ReceptiveFields(const Graph& graph, Value input);

// One axis of an input in the terms of the field: how many elements a unit sees, how far the next unit's are from them,
// and the centre of the first unit's, from the centre of the first element. Of a whole axis of `size` elements all are
// seen: {size, size, (size - 1) / 2}.
struct FieldExtent {
  double size = 1, stride = 1, offset = 0;
};
FieldExtent ExtentOf(const AxisField& field, int64_t size);

// ---- Rules.

// An element sees those at its own place; inputs that were broadcast or have other ranks are aligned at the last axis.
ReceptiveField SeesItsPlace(const TypeContext& context, int input, absl::Span<const TensorType> outputs);

}  // namespace gradus

#define REGISTER_RECEPTIVE_FIELD(op, rule) \
  [[maybe_unused]] static const bool gradus_receptive_field_##op = (::gradus::RegisterReceptiveField(#op, rule), true)

#endif  // GRADUS_GRAPH_RECEPTIVE_FIELD_H_
