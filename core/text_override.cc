// ApplyOverride of core/text_proto.h.
//
//   1. Split "path=value"; follow the path along descriptors and what the message holds, changing nothing.
//   2. Parse "field: value" into an empty message of the type that holds the field.
//   3. Only then go down again, making messages on the way, and put the new value in the place of the old one.
#include <google/protobuf/text_format.h>

#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "core/text_proto.h"
#include "core/text_scanner.h"

namespace gradus {
namespace {

using ::google::protobuf::Descriptor;
using ::google::protobuf::FieldDescriptor;
using ::google::protobuf::Message;
using ::google::protobuf::Reflection;

struct Step {
  const FieldDescriptor* field;
  int index;  // -1: none
};

bool IsMessage(const FieldDescriptor& field) { return field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE; }

absl::Status FlagError(absl::string_view flag, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(flag, ": ", what));
}

// `message` is what the path has reached, or null where there is nothing yet.
absl::Status CheckIndex(const PathPart& part, const FieldDescriptor& field, const Message* message,
                        absl::string_view flag) {
  if (part.index < 0) return absl::OkStatus();
  if (!field.is_repeated()) return FlagError(flag, absl::StrCat("'", part.name, "' is no list: it takes no index"));
  const int size = message == nullptr ? 0 : message->GetReflection()->FieldSize(*message, &field);
  if (part.index < size) return absl::OkStatus();
  return FlagError(flag, absl::StrCat("there is no ", part.name, "[", part.index, "]: '", part.name, "' has ", size,
                                      size == 1 ? " element" : " elements"));
}

const Message* Child(const Message* message, const Step& step) {
  if (message == nullptr) return nullptr;
  const Reflection& reflection = *message->GetReflection();
  if (step.index >= 0) return &reflection.GetRepeatedMessage(*message, step.field, step.index);
  return reflection.HasField(*message, step.field) ? &reflection.GetMessage(*message, step.field) : nullptr;
}

absl::StatusOr<std::vector<Step>> FollowPath(absl::string_view path, const Message& root, absl::string_view flag) {
  const absl::StatusOr<std::vector<PathPart>> parts = ParsePath(path);
  if (!parts.ok()) return FlagError(flag, parts.status().message());
  const Descriptor* type = root.GetDescriptor();
  const Message* message = &root;
  std::vector<Step> steps;
  for (const PathPart& part : *parts) {
    if (!steps.empty()) {
      const Step& last = steps.back();
      if (!IsMessage(*last.field)) {
        return FlagError(flag,
                         absl::StrCat("'", last.field->name(), "' is no message: it has no field '", part.name, "'"));
      }
      if (last.field->is_repeated() && last.index < 0) {
        return FlagError(flag, absl::StrCat("'", last.field->name(), "' is a list: say which one, like ",
                                            last.field->name(), "[0].", part.name));
      }
      message = Child(message, last);
      type = last.field->message_type();
    }
    const FieldDescriptor* field = FindTextField(*type, part.name);
    if (field == nullptr) return FlagError(flag, UnknownField(*type, part.name));
    GRADUS_RETURN_IF_ERROR(CheckIndex(part, *field, message, flag));
    steps.push_back(Step{field, part.index});
  }
  return steps;
}

// A shell takes quotes away, so a string needs none: what does not begin like a string or a list is taken as it is.
std::string AsText(const FieldDescriptor& field, absl::string_view name, absl::string_view value) {
  const bool bare = field.cpp_type() == FieldDescriptor::CPPTYPE_STRING && !absl::StartsWith(value, "\"") &&
                    !absl::StartsWith(value, "'") && !(field.is_repeated() && absl::StartsWith(value, "["));
  return bare ? absl::StrCat(name, ": \"", absl::CEscape(value), "\"") : absl::StrCat(name, ": ", value);
}

// A message that holds nothing but the field with its value.
absl::StatusOr<std::unique_ptr<Message>> ParseValue(const Step& step, absl::string_view name, absl::string_view value,
                                                    const Message& root, const std::string& flag) {
  const FieldDescriptor& field = *step.field;
  const Descriptor* type = field.containing_type();
  std::unique_ptr<Message> holder(root.GetReflection()->GetMessageFactory()->GetPrototype(type)->New());
  const std::string text = AsText(field, name, value);
  GRADUS_RETURN_IF_ERROR(ScanText(text, flag, PlaceStyle::kNameOnly, *type).status());
  google::protobuf::TextFormat::Parser parser;
  parser.SetRecursionLimit(kMaxTextNesting + 1);
  if (!parser.ParseFromString(text, holder.get())) return FlagError(flag, "the value cannot be parsed");
  std::vector<const FieldDescriptor*> set;
  holder->GetReflection()->ListFields(*holder, &set);
  const bool one_field = set.size() <= 1 && (set.empty() || set[0] == &field);
  const bool one_value = step.index < 0 || holder->GetReflection()->FieldSize(*holder, &field) == 1;
  if (!one_field || !one_value) return FlagError(flag, absl::StrCat("'", name, "' takes one value here"));
  return holder;
}

void Put(const Step& step, const Message& holder, Message* message) {
  const Reflection& reflection = *message->GetReflection();
  if (step.index < 0) reflection.ClearField(message, step.field);
  message->MergeFrom(holder);
  if (step.index < 0) return;
  reflection.SwapElements(message, step.field, step.index, reflection.FieldSize(*message, step.field) - 1);
  reflection.RemoveLast(message, step.field);
}

}  // namespace

absl::Status ApplyOverride(absl::string_view assignment, Message* message, SourceMap* source) {
  const std::string flag = absl::StrCat("--set=", assignment);
  const size_t equals = assignment.find('=');
  if (equals == absl::string_view::npos) return FlagError(flag, "expected path.to.field=value");
  const absl::string_view path = assignment.substr(0, equals);
  GRADUS_ASSIGN_OR_RETURN(const std::vector<Step> steps, FollowPath(path, *message, flag));
  const Step& last = steps.back();
  const std::string name =
      last.field->is_extension() ? absl::StrCat("[", last.field->PrintableNameForExtension(), "]") : last.field->name();
  GRADUS_ASSIGN_OR_RETURN(const std::unique_ptr<Message> holder,
                          ParseValue(last, name, assignment.substr(equals + 1), *message, flag));
  for (size_t i = 0; i + 1 < steps.size(); ++i) {
    const Reflection& reflection = *message->GetReflection();
    message = steps[i].index < 0 ? reflection.MutableMessage(message, steps[i].field)
                                 : reflection.MutableRepeatedMessage(message, steps[i].field, steps[i].index);
  }
  Put(last, *holder, message);
  source->Override(path, flag);
  return absl::OkStatus();
}

}  // namespace gradus
