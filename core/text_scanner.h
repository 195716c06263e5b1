// Our own pass over the tokens of a protobuf text, along the descriptors: it makes no values, but finds every mistake
// and every field's place. What passes it, the library's parser accepts.
// A pure function; thread-safe. Never recurses, whatever the text.
#ifndef GRADUS_CORE_TEXT_SCANNER_H_
#define GRADUS_CORE_TEXT_SCANNER_H_

#include <google/protobuf/descriptor.h>

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/source_map.h"

namespace gradus {

enum class PlaceStyle {
  kLineAndColumn,  // "lenet.textproto:9:24"
  kNameOnly,       // the text is short and has no lines: a flag
};

// The places of the fields of `text`, a message of `type`; or all its mistakes, one per line.
absl::StatusOr<SourceMap> ScanText(absl::string_view text, const std::string& name, PlaceStyle style,
                                   const google::protobuf::Descriptor& type);

// The field of `type` called `name`, or its extension when the name stands in brackets; null when there is none.
const google::protobuf::FieldDescriptor* FindTextField(const google::protobuf::Descriptor& type,
                                                       absl::string_view name);

// "message 'Conv' has no field 'kernal'; did you mean 'kernel'?"
std::string UnknownField(const google::protobuf::Descriptor& type, absl::string_view name);

}  // namespace gradus

#endif  // GRADUS_CORE_TEXT_SCANNER_H_
