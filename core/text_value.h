// Checks one scalar of a protobuf text against the type of its field, by the rules of the library's parser.
// Pure functions; thread-safe.
#ifndef GRADUS_CORE_TEXT_VALUE_H_
#define GRADUS_CORE_TEXT_VALUE_H_

#include <google/protobuf/descriptor.h>
#include <google/protobuf/io/tokenizer.h>

#include <string>

#include "absl/strings/string_view.h"

namespace gradus {

// The token of a value, in quotes unless it has its own, shortened when long: what a message can show.
std::string Shown(const google::protobuf::io::Tokenizer::Token& token);

// What is wrong with `token` (after a '-' if `negative`) as the value of `field`, or "". `label` names the field in the
// message: "conv.filters".
std::string ValueMistake(const google::protobuf::FieldDescriptor& field, absl::string_view label, bool negative,
                         const google::protobuf::io::Tokenizer::Token& token);

}  // namespace gradus

#endif  // GRADUS_CORE_TEXT_VALUE_H_
