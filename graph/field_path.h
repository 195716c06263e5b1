// Fields of layers by path, as a block's params name them: names of layers, then the field of the operation.
//
//   "a.conv.filters"         the layers of `a` are tried first, so it may hold others:
//   "res.a.conv.kernel[1]"   layer `a` inside layer `res`; one element of a list
//   "more.use.args[0]"       an argument of another use
//
// Pure functions on messages by reflection: they know no operation by name. Thread-safe for distinct messages.
#ifndef GRADUS_GRAPH_FIELD_PATH_H_
#define GRADUS_GRAPH_FIELD_PATH_H_

#include <google/protobuf/descriptor.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "graph/composite.h"
#include "proto/model.pb.h"

namespace gradus {

// A path that was found. True for every copy of the layers in which it was found.
struct FieldPath {
  struct LayerStep {
    int body = 0;  // of the layer before
    int index = 0;
  };
  struct FieldStep {
    const google::protobuf::FieldDescriptor* field = nullptr;
    int index = -1;  // of a repeated field; -1: the whole list
  };
  std::vector<LayerStep> layers;  // at least one
  std::vector<FieldStep> fields;  // at least one; the last is no message
  std::string written;            // the path in the text: "layer[0].residual.layer[1].conv.filters"

  const google::protobuf::FieldDescriptor& target() const { return *fields.back().field; }
};

// Errors say how far the path led, what is there, and the nearest name.
absl::StatusOr<FieldPath> FindField(LayerList* layers, absl::string_view path);

// Sets the field to `value`, a number times `times`. A list becomes a list of the one value. An error when the field
// takes no such value; it names the value and what is expected.
absl::Status SetField(LayerList* layers, const FieldPath& path, const Use::Argument& value, double times);

}  // namespace gradus

#endif  // GRADUS_GRAPH_FIELD_PATH_H_
