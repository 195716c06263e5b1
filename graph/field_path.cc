#include "graph/field_path.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/nearest_name.h"
#include "core/source_map.h"
#include "core/status_macros.h"
#include "core/text_scanner.h"

namespace gradus {
namespace {

using ::google::protobuf::EnumDescriptor;
using ::google::protobuf::EnumValueDescriptor;
using ::google::protobuf::FieldDescriptor;
using ::google::protobuf::Message;

// The layer of `layers` whose name `rest` begins with, up to a '.' that is taken, too; -1 when there is none.
int TakeLayer(const LayerList& layers, absl::string_view* rest) {
  for (int i = 0; i < layers.size(); ++i) {
    const std::string& name = layers.Get(i).name();
    if (name.empty() || !absl::StartsWith(*rest, name)) continue;
    if (rest->size() > name.size() && (*rest)[name.size()] != '.') continue;
    rest->remove_prefix(std::min(rest->size(), name.size() + 1));
    return i;
  }
  return -1;
}

absl::Status NoLayer(const LayerList& layers, absl::string_view path) {
  std::vector<std::string> names;
  for (const Layer& layer : layers) names.push_back(layer.name());
  const absl::string_view name = path.substr(0, path.find('.'));
  return absl::InvalidArgumentError(absl::StrCat("there is no layer '", name, "'", Suggestion(name, names)));
}

// A layer that is written inside `layer`, if the path goes on with one.
Layer* TakeInnerLayer(Layer* layer, absl::string_view* rest, FieldPath* found) {
  const std::vector<LayerList*> bodies = BodiesOf(layer);
  for (size_t body = 0; body < bodies.size(); ++body) {
    const int index = TakeLayer(*bodies[body], rest);
    if (index < 0) continue;
    found->layers.push_back({static_cast<int>(body), index});
    absl::StrAppend(&found->written, layer->has_residual() ? ".residual" : absl::StrCat(".concat.branch[", body, "]"),
                    ".layer[", index, "]");
    return bodies[body]->Mutable(index);
  }
  return nullptr;
}

// A message whose oneof has another member set, or none.
absl::Status NotSet(const Message& message, const FieldDescriptor& field, absl::string_view owner) {
  const FieldDescriptor* set = message.GetReflection()->GetOneofFieldDescriptor(message, field.real_containing_oneof());
  return absl::InvalidArgumentError(absl::StrCat("'", owner, "' has no '", field.name(), "'",
                                                 set == nullptr ? "" : absl::StrCat(": it is '", set->name(), "'")));
}

bool IsMessage(const FieldDescriptor& field) { return field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE; }

// One step of the path from `message`, the one named `owner`; the message that it leads to, null at the end.
absl::StatusOr<Message*> TakeField(Message* message, const PathPart& part, bool last, absl::string_view owner,
                                   FieldPath* found) {
  const FieldDescriptor* field = FindTextField(*message->GetDescriptor(), part.name);
  if (field == nullptr) return absl::InvalidArgumentError(UnknownField(*message->GetDescriptor(), part.name));
  const auto* reflection = message->GetReflection();
  if (field->real_containing_oneof() != nullptr && !reflection->HasField(*message, field)) {
    return NotSet(*message, *field, owner);
  }
  if (field->is_extension() && !field->is_repeated() && !reflection->HasField(*message, field)) {
    return absl::InvalidArgumentError(absl::StrCat("'", owner, "' has no '", part.name, "'"));
  }
  if (part.index >= 0) {
    if (!field->is_repeated()) return absl::InvalidArgumentError(absl::StrCat("'", part.name, "' is no list"));
    const int size = reflection->FieldSize(*message, field);
    if (part.index >= size) {
      return absl::InvalidArgumentError(absl::StrCat("'", part.name, "[", part.index, "]' is not there: '", part.name,
                                                     "' has ", size, size == 1 ? " element" : " elements"));
    }
  }
  if (found->fields.empty() && !IsMessage(*field)) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", part.name, "' is no part of what layer '", owner, "' does; name its operation"));
  }
  found->fields.push_back({field, part.index});
  absl::StrAppend(&found->written, ".", part.name, part.index < 0 ? "" : absl::StrCat("[", part.index, "]"));
  if (!IsMessage(*field)) {
    if (last) return nullptr;
    return absl::InvalidArgumentError(absl::StrCat("'", part.name, "' has no fields"));
  }
  if (last) {
    return absl::InvalidArgumentError(absl::StrCat("'", part.name, "' is a message; name one of its fields"));
  }
  if (!field->is_repeated()) return reflection->MutableMessage(message, field);
  if (part.index >= 0) return reflection->MutableRepeatedMessage(message, field, part.index);
  return absl::InvalidArgumentError(absl::StrCat("'", part.name, "' is a list: say which, like '", part.name, "[0]'"));
}

std::string ValueText(const Use::Argument& value) {
  switch (value.value_case()) {
    case Use::Argument::kInt:
      return absl::StrCat(value.int_());
    case Use::Argument::kFloat:
      return absl::StrCat(value.float_());
    case Use::Argument::kBool:
      return value.bool_() ? "true" : "false";
    case Use::Argument::kText:
      return absl::StrCat("\"", value.text(), "\"");
    default:
      return "nothing";
  }
}

absl::Status Expected(absl::string_view what, const Use::Argument& value, double times = 1) {
  return absl::InvalidArgumentError(
      absl::StrCat("takes ", what, ", not ", ValueText(value), times == 1 ? "" : absl::StrCat(" times ", times)));
}

// The product as a whole number of the given range, if it is one.
std::optional<int64_t> Whole(const Use::Argument& value, double times, int64_t least, int64_t most) {
  constexpr double kExact = 0x1p53;
  if (value.has_int_() && times == 1) {
    if (value.int_() < least || value.int_() > most) return std::nullopt;
    return value.int_();
  }
  const double product = (value.has_int_() ? static_cast<double>(value.int_()) : value.float_()) * times;
  if (!(std::abs(product) <= kExact) || product != std::floor(product)) return std::nullopt;
  if (product < static_cast<double>(least) || product > static_cast<double>(most)) return std::nullopt;
  return static_cast<int64_t>(product);
}

// Writes to a singular field, to an element, or a list of one element.
template <typename T>
void Put(Message* message, const FieldPath::FieldStep& step, const T& value,
         void (google::protobuf::Reflection::*set)(Message*, const FieldDescriptor*, T) const,
         void (google::protobuf::Reflection::*set_element)(Message*, const FieldDescriptor*, int, T) const,
         void (google::protobuf::Reflection::*add)(Message*, const FieldDescriptor*, T) const) {
  const auto* reflection = message->GetReflection();
  if (!step.field->is_repeated()) {
    (reflection->*set)(message, step.field, value);
  } else if (step.index >= 0) {
    (reflection->*set_element)(message, step.field, step.index, value);
  } else {
    reflection->ClearField(message, step.field);
    (reflection->*add)(message, step.field, value);
  }
}

#define PUT(Kind, value)                                              \
  Put(message, step, value, &google::protobuf::Reflection::Set##Kind, \
      &google::protobuf::Reflection::SetRepeated##Kind, &google::protobuf::Reflection::Add##Kind)

absl::Status PutInteger(Message* message, const FieldPath::FieldStep& step, const Use::Argument& value, double times) {
  const bool number = value.has_int_() || value.has_float_();
  const auto whole = [&](int64_t least, int64_t most) {
    return number ? Whole(value, times, least, most) : std::nullopt;
  };
  using Limits32 = std::numeric_limits<int32_t>;
  using Limits64 = std::numeric_limits<int64_t>;
  std::optional<int64_t> put;
  switch (step.field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      if ((put = whole(Limits32::min(), Limits32::max()))) PUT(Int32, static_cast<int32_t>(*put));
      break;
    case FieldDescriptor::CPPTYPE_UINT32:
      if ((put = whole(0, std::numeric_limits<uint32_t>::max()))) PUT(UInt32, static_cast<uint32_t>(*put));
      break;
    case FieldDescriptor::CPPTYPE_UINT64:
      if ((put = whole(0, Limits64::max()))) PUT(UInt64, static_cast<uint64_t>(*put));
      break;
    default:
      if ((put = whole(Limits64::min(), Limits64::max()))) PUT(Int64, *put);
      break;
  }
  return put.has_value() ? absl::OkStatus() : Expected("a whole number", value, times);
}

absl::Status PutEnum(Message* message, const FieldPath::FieldStep& step, const Use::Argument& value) {
  const EnumDescriptor* type = step.field->enum_type();
  const EnumValueDescriptor* found = value.has_text() ? type->FindValueByName(value.text()) : nullptr;
  if (found != nullptr) {
    PUT(Enum, found);
    return absl::OkStatus();
  }
  std::vector<std::string> names;
  for (int i = 0; i < type->value_count(); ++i) names.push_back(type->value(i)->name());
  const absl::Status expected = Expected(absl::StrCat("a ", type->name(), " as text"), value);
  return absl::InvalidArgumentError(absl::StrCat(expected.message(), Suggestion(value.text(), names)));
}

absl::Status PutValue(Message* message, const FieldPath::FieldStep& step, const Use::Argument& value, double times) {
  const bool number = value.has_int_() || value.has_float_();
  const double real = times * (value.has_int_() ? static_cast<double>(value.int_()) : value.float_());
  switch (step.field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_DOUBLE:
      if (!number) return Expected("a number", value, times);
      PUT(Double, real);
      return absl::OkStatus();
    case FieldDescriptor::CPPTYPE_FLOAT:
      if (!number) return Expected("a number", value, times);
      PUT(Float, static_cast<float>(real));
      return absl::OkStatus();
    case FieldDescriptor::CPPTYPE_BOOL:
      if (!value.has_bool_()) return Expected("true or false", value);
      PUT(Bool, value.bool_());
      return absl::OkStatus();
    case FieldDescriptor::CPPTYPE_STRING:
      if (!value.has_text()) return Expected("text", value);
      PUT(String, value.text());
      return absl::OkStatus();
    case FieldDescriptor::CPPTYPE_ENUM:
      return PutEnum(message, step, value);
    default:
      return PutInteger(message, step, value, times);
  }
}

}  // namespace

absl::StatusOr<FieldPath> FindField(LayerList* layers, absl::string_view path) {
  FieldPath found;
  absl::string_view rest = path;
  const int first = TakeLayer(*layers, &rest);
  if (first < 0) return NoLayer(*layers, path);
  found.layers.push_back({0, first});
  found.written = absl::StrCat("layer[", first, "]");
  Layer* layer = layers->Mutable(first);
  while (Layer* inner = rest.empty() ? nullptr : TakeInnerLayer(layer, &rest, &found)) layer = inner;
  if (rest.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", path, "' is a layer; name a field of its operation, like '", path, ".conv.filters'"));
  }
  GRADUS_ASSIGN_OR_RETURN(const std::vector<PathPart> parts, ParsePath(rest));
  Message* message = layer;
  std::string owner = layer->name();
  for (size_t i = 0; i < parts.size(); ++i) {
    GRADUS_ASSIGN_OR_RETURN(message, TakeField(message, parts[i], i + 1 == parts.size(), owner, &found));
    owner = std::string(parts[i].name);
  }
  return found;
}

absl::Status SetField(LayerList* layers, const FieldPath& path, const Use::Argument& value, double times) {
  LayerList* list = layers;
  Layer* layer = nullptr;
  for (const FieldPath::LayerStep& step : path.layers) {
    if (layer != nullptr) list = BodiesOf(layer)[step.body];
    layer = list->Mutable(step.index);
  }
  Message* message = layer;
  for (const FieldPath::FieldStep& step : path.fields) {
    if (&step == &path.fields.back()) break;
    const auto* reflection = message->GetReflection();
    message = step.field->is_repeated() ? reflection->MutableRepeatedMessage(message, step.field, step.index)
                                        : reflection->MutableMessage(message, step.field);
  }
  return PutValue(message, path.fields.back(), value, times);
}

}  // namespace gradus
