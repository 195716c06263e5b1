#include "data/chosen_member.h"

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/check.h"
#include "google/protobuf/descriptor.h"

namespace gradus {

absl::StatusOr<const google::protobuf::Message*> ChosenMember(const google::protobuf::Message& holder,
                                                              absl::string_view oneof) {
  using google::protobuf::FieldDescriptor;
  const google::protobuf::OneofDescriptor* members = holder.GetDescriptor()->FindOneofByName(std::string(oneof));
  GRADUS_CHECK(members != nullptr);
  std::vector<const FieldDescriptor*> set;
  holder.GetReflection()->ListFields(holder, &set);
  std::vector<std::string> names;
  const google::protobuf::Message* chosen = nullptr;
  for (const FieldDescriptor* field : set) {
    if (!field->is_extension() && field->containing_oneof() != members) continue;
    if (field->is_repeated() || field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) {
      return absl::InvalidArgumentError(
          absl::StrCat("[", field->full_name(), "] is not a single message, so it cannot be a ", oneof));
    }
    names.push_back(field->is_extension() ? absl::StrCat("[", field->full_name(), "]") : field->name());
    chosen = &holder.GetReflection()->GetMessage(holder, field);
  }
  if (names.size() == 1) return chosen;
  if (names.size() > 1) {
    return absl::InvalidArgumentError(
        absl::StrCat(absl::StrJoin(names, " and "), " are given, but only one ", oneof, " may be"));
  }
  for (int i = 0; i < members->field_count(); ++i) names.push_back(members->field(i)->name());
  return absl::InvalidArgumentError(
      absl::StrCat("no ", oneof, " is given; known: ", absl::StrJoin(names, ", "), ", or an extension"));
}

}  // namespace gradus
