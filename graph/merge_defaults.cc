#include "graph/merge_defaults.h"

#include <memory>
#include <utility>

#include "absl/strings/string_view.h"

namespace gradus {
namespace {

using ::google::protobuf::Descriptor;
using ::google::protobuf::FieldDescriptor;
using ::google::protobuf::Message;

// Fields that exclude each other, but cannot be members of a oneof because one is repeated.
constexpr std::pair<const char*, const char*> kExclusive[] = {{"pad", "padding"}, {"padding", "pad"}};

std::vector<const FieldDescriptor*> SetFields(const Message& message) {
  std::vector<const FieldDescriptor*> fields;
  message.GetReflection()->ListFields(message, &fields);
  return fields;
}

bool IsMessage(const FieldDescriptor& field) {
  return field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE && !field.is_repeated();
}

void ClearExcluded(const FieldDescriptor& set, Message* message) {
  for (const auto& [name, excluded] : kExclusive) {
    const FieldDescriptor* field = message->GetDescriptor()->FindFieldByName(excluded);
    if (field != nullptr && set.name() == name) message->GetReflection()->ClearField(message, field);
  }
}

// Clears in `merged` what MergeFrom(winner) would add to instead of replacing.
void ClearReplaced(const Message& winner, Message* merged) {
  std::vector<std::pair<const Message*, Message*>> pairs = {{&winner, merged}};
  while (!pairs.empty()) {
    const auto [from, to] = pairs.back();
    pairs.pop_back();
    for (const FieldDescriptor* field : SetFields(*from)) {
      ClearExcluded(*field, to);
      if (field->is_repeated()) {
        to->GetReflection()->ClearField(to, field);
      } else if (IsMessage(*field) && to->GetReflection()->HasField(*to, field)) {
        pairs.emplace_back(&from->GetReflection()->GetMessage(*from, field),
                           to->GetReflection()->MutableMessage(to, field));
      }
    }
  }
}

}  // namespace

std::vector<const FieldDescriptor*> OperationsOf(const Message& message) {
  std::vector<const FieldDescriptor*> operations;
  for (const FieldDescriptor* field : SetFields(message)) {
    const bool may_be = field->is_extension() || field->real_containing_oneof() != nullptr;
    if (may_be && IsMessage(*field)) operations.push_back(field);
  }
  return operations;
}

const FieldDescriptor* DefaultsField(const Descriptor& defaults_type, const FieldDescriptor& operation) {
  if (!operation.is_extension()) return defaults_type.FindFieldByName(operation.name());
  std::vector<const FieldDescriptor*> extensions;
  defaults_type.file()->pool()->FindAllExtensions(&defaults_type, &extensions);
  for (const FieldDescriptor* extension : extensions) {
    if (IsMessage(*extension) && extension->message_type() == operation.message_type()) return extension;
  }
  return nullptr;
}

void MergeUnderneath(const Message& defaults, Message* message) {
  const std::unique_ptr<Message> merged(defaults.New());
  merged->CopyFrom(defaults);
  ClearReplaced(*message, merged.get());
  merged->MergeFrom(*message);
  message->CopyFrom(*merged);
}

}  // namespace gradus
