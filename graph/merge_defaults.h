// How `defaults { conv { ... } }` gets underneath `conv { ... }`, by reflection: knows no operation by name.
// Pure functions; thread-safe for distinct messages.
#ifndef GRADUS_GRAPH_MERGE_DEFAULTS_H_
#define GRADUS_GRAPH_MERGE_DEFAULTS_H_

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <vector>

namespace gradus {

// The fields that say what a layer, loss or metric is: set members of its oneof and set extensions that are messages.
std::vector<const google::protobuf::FieldDescriptor*> OperationsOf(const google::protobuf::Message& message);

// The field of `defaults_type` for an operation: that of the same name, or, for an extension, the extension of the same
// message type; null if there is none.
const google::protobuf::FieldDescriptor* DefaultsField(const google::protobuf::Descriptor& defaults_type,
                                                       const google::protobuf::FieldDescriptor& operation);

// Fills in what `message` does not set from `defaults`, of the same type. A repeated field is taken as a whole or not
// at all, messages are merged field by field, and setting one member of a oneof (or one of `pad` and `padding`, which a
// oneof cannot hold) drops another that the defaults set.
void MergeUnderneath(const google::protobuf::Message& defaults, google::protobuf::Message* message);

}  // namespace gradus

#endif  // GRADUS_GRAPH_MERGE_DEFAULTS_H_
