#include "core/text_value.h"

#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/nearest_name.h"

namespace gradus {
namespace {

using ::google::protobuf::EnumDescriptor;
using ::google::protobuf::FieldDescriptor;
using ::google::protobuf::io::Tokenizer;

// Of a token, in a message. Unit: characters.
constexpr size_t kMostShown = 60;

struct Value {
  absl::string_view label;
  bool negative;
  const Tokenizer::Token& token;

  std::string Text() const {
    const std::string shown = Shown(token);
    if (!negative) return shown;
    return absl::StartsWith(shown, "'") ? absl::StrCat("'-", shown.substr(1)) : absl::StrCat("-", shown);
  }
  std::string Takes(absl::string_view what) const {
    return absl::StrCat("'", label, "' takes ", what, ", not ", Text());
  }
};

// `largest` and `largest_negative` are the largest magnitudes above and below zero.
std::string IntegerMistake(const Value& value, uint64_t largest, uint64_t largest_negative) {
  if (value.token.type != Tokenizer::TYPE_INTEGER) return value.Takes("an integer");
  uint64_t magnitude = 0;
  if (value.negative && largest_negative == 0) {
    return absl::StrCat("'", value.label, "' cannot be negative: ", value.Text());
  }
  if (Tokenizer::ParseInteger(value.token.text, value.negative ? largest_negative : largest, &magnitude)) return "";
  return absl::StrCat("'", value.label, "' is out of range: ", value.Text(), " (from ",
                      largest_negative == 0 ? "" : "-", largest_negative, " to ", largest, ")");
}

std::string RealMistake(const Value& value, double largest) {
  if (value.token.type == Tokenizer::TYPE_IDENTIFIER) {
    const std::string word = absl::AsciiStrToLower(value.token.text);
    return word == "inf" || word == "infinity" || word == "nan" ? "" : value.Takes("a number");
  }
  if (value.token.type != Tokenizer::TYPE_INTEGER && value.token.type != Tokenizer::TYPE_FLOAT) {
    return value.Takes("a number");
  }
  const std::string& text = value.token.text;
  const bool decimal = text.size() < 2 || text[0] != '0' || !absl::ascii_isalnum(text[1]);
  if (value.token.type == Tokenizer::TYPE_INTEGER && !decimal) return value.Takes("a decimal number");
  if (Tokenizer::ParseFloat(text) <= largest) return "";
  return absl::StrCat("'", value.label, "' is out of range: ", value.Text());
}

std::string BoolMistake(const Value& value) {
  const std::string& text = value.token.text;
  for (absl::string_view word : {"true", "True", "t", "1", "false", "False", "f", "0"}) {
    if (text == word && !value.negative) return "";
  }
  return value.Takes("true or false");
}

std::string StringMistake(const Value& value) {
  if (value.token.type == Tokenizer::TYPE_STRING && !value.negative) return "";
  const bool is_word = value.token.type == Tokenizer::TYPE_IDENTIFIER && !value.negative;
  if (!is_word || value.token.text.size() > kMostShown) return value.Takes("a string in quotes");
  return absl::StrCat("'", value.label, "' takes a string in quotes: \"", value.token.text, "\"");
}

std::string EnumMistake(const Value& value, const EnumDescriptor& type) {
  if (value.token.type == Tokenizer::TYPE_IDENTIFIER && !value.negative) {
    if (type.FindValueByName(value.token.text) != nullptr) return "";
  } else if (value.token.type == Tokenizer::TYPE_INTEGER) {
    uint64_t number = 0;
    const bool fits = Tokenizer::ParseInteger(value.token.text, std::numeric_limits<int32_t>::max(), &number);
    const int signed_number = value.negative ? -static_cast<int>(number) : static_cast<int>(number);
    if (fits && type.FindValueByNumber(signed_number) != nullptr) return "";
  } else if (value.token.type == Tokenizer::TYPE_STRING) {
    return absl::StrCat("'", value.label, "' takes a name without quotes, not ", value.Text());
  }
  std::vector<std::string> names;
  for (int i = 0; i < type.value_count(); ++i) names.push_back(type.value(i)->name());
  return absl::StrCat(value.Text(), " is not a value of '", value.label, "'", Suggestion(value.token.text, names));
}

}  // namespace

std::string Shown(const Tokenizer::Token& token) {
  if (token.type == Tokenizer::TYPE_END) return "the end of the text";
  std::string text = token.text.substr(0, kMostShown);
  if (text.size() < token.text.size()) text += "...";
  return token.type == Tokenizer::TYPE_STRING ? text : absl::StrCat("'", text, "'");
}

std::string ValueMistake(const FieldDescriptor& field, absl::string_view label, bool negative,
                         const Tokenizer::Token& token) {
  const Value value{label, negative, token};
  constexpr uint64_t kInt32Max = std::numeric_limits<int32_t>::max();
  constexpr uint64_t kInt64Max = std::numeric_limits<int64_t>::max();
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return IntegerMistake(value, kInt32Max, kInt32Max + 1);
    case FieldDescriptor::CPPTYPE_INT64:
      return IntegerMistake(value, kInt64Max, kInt64Max + 1);
    case FieldDescriptor::CPPTYPE_UINT32:
      return IntegerMistake(value, std::numeric_limits<uint32_t>::max(), 0);
    case FieldDescriptor::CPPTYPE_UINT64:
      return IntegerMistake(value, std::numeric_limits<uint64_t>::max(), 0);
    case FieldDescriptor::CPPTYPE_FLOAT:
      return RealMistake(value, std::numeric_limits<float>::max());
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return RealMistake(value, std::numeric_limits<double>::max());
    case FieldDescriptor::CPPTYPE_BOOL:
      return BoolMistake(value);
    case FieldDescriptor::CPPTYPE_ENUM:
      return EnumMistake(value, *field.enum_type());
    case FieldDescriptor::CPPTYPE_STRING:
      return StringMistake(value);
    case FieldDescriptor::CPPTYPE_MESSAGE:
      break;
  }
  return value.Takes("a message in braces");
}

}  // namespace gradus
