#include "core/text_scanner.h"

#include <limits>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/error_list.h"
#include "core/nearest_name.h"
#include "core/text_proto.h"
#include "core/text_tokens.h"
#include "core/text_value.h"

namespace gradus {
namespace {

using ::google::protobuf::Descriptor;
using ::google::protobuf::FieldDescriptor;
using ::google::protobuf::io::Tokenizer;

// Elements of a list of scalars beyond this have the place of their field: a list of millions shall stay cheap.
constexpr int kMostPlacedScalars = 4096;

// Of a name in a message. Unit: characters.
constexpr size_t kLongestShown = 60;

// A field of a message that is being read.
struct Seen {
  const FieldDescriptor* field;
  SourceMap::Position first;
  SourceMap::Node node;
  int count = 0;
};

// A message that is being read.
struct Frame {
  const Descriptor* type;
  const FieldDescriptor* field;  // that holds the message; null for the whole text
  std::string name;              // that of the field, as text
  SourceMap::Node node;
  SourceMap::Position opened;
  char closing;
  bool in_list;            // one of `field: [{...}, {...}]`
  std::vector<Seen> seen;  // few: messages have some 30 fields at most
};

bool IsMessage(const FieldDescriptor& field) { return field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE; }

// Reads the text as a list of steps over a stack of open messages:
//   1. a closing brace pops the message;
//   2. a name is looked up in the message on top; a value that is a message pushes it, another is checked;
//   3. a name that the message does not have is a mistake, and its value is skipped. But when the text lacks closing
//      braces and an enclosing message has the name, a brace is missing here: the messages in between are popped.
class Scanner {
 public:
  Scanner(absl::string_view text, const std::string& name, PlaceStyle style, const Descriptor& type)
      : text_(text), style_(style), source_(name), type_(type) {}

  absl::StatusOr<SourceMap> Scan();

 private:
  void Step();
  void Unexpected();
  void Close();
  void LeaveOpen(size_t size, absl::string_view where);
  std::string ReadName();
  void ReadField();
  void ReadUnknownField(const std::string& name, SourceMap::Position position);
  void ReadMessages(Seen* seen, const std::string& name, SourceMap::Position named);
  void ReadScalars(Seen* seen, const std::string& name, SourceMap::Position named);
  void OpenMessage(const FieldDescriptor& field, const std::string& name, SourceMap::Node node, bool in_list);
  void ReadScalar(const FieldDescriptor& field, const std::string& name);
  void CheckVersion(const FieldDescriptor& field, bool negative);
  Seen* Register(const FieldDescriptor& field, const std::string& name, SourceMap::Position position);
  SourceMap::Node NextElement(Seen* seen, SourceMap::Position position);
  bool ClosesEarlier(const std::string& name, SourceMap::Position position);

  Frame& top() { return frames_.back(); }
  std::string Label(const std::string& name) {
    return frames_.size() == 1 ? name : absl::StrCat(top().name, ".", name);
  }
  SourceLocation At(SourceMap::Position position) const {
    SourceLocation where = source_.Lookup("");
    if (style_ == PlaceStyle::kNameOnly) return where;
    where.line = position.line;
    where.column = position.column;
    return where;
  }
  SourceMap::Position Placed(SourceMap::Position position) const {
    return style_ == PlaceStyle::kNameOnly ? SourceMap::Position() : position;
  }
  void Mistake(SourceMap::Position position, absl::string_view message) { errors_.Add(At(position), message); }

  absl::string_view text_;
  PlaceStyle style_;
  SourceMap source_;
  const Descriptor& type_;
  TextTokens* tokens_ = nullptr;
  std::vector<Frame> frames_;
  int unclosed_ = 0;        // braces that the text lacks
  bool resyncing_ = false;  // the last token made no sense: what follows from it is not told
  ErrorList errors_;
  absl::Status version_;  // a newer language: the one mistake that is told
};

absl::StatusOr<SourceMap> Scanner::Scan() {
  const auto on_mistake = [this](SourceMap::Position position, absl::string_view message) {
    Mistake(position, message);
  };
  const TextStructure structure = CheckStructure(text_, kMaxTextNesting, on_mistake);
  if (!structure.readable) return errors_.ToStatus();
  unclosed_ = structure.unclosed;
  TextTokens tokens(text_, [](SourceMap::Position, absl::string_view) {});
  tokens_ = &tokens;
  frames_.push_back(Frame{&type_, nullptr, "", SourceMap::kRoot, {}, '\0', false, {}});
  while (!tokens.at_end()) Step();
  LeaveOpen(1, "the end");
  if (!version_.ok()) return version_;
  if (!errors_.empty()) return errors_.ToStatus();
  return std::move(source_);
}

void Scanner::Step() {
  if (tokens_->AtClosing()) {
    Close();
  } else if (tokens_->at_name() || tokens_->At('[')) {
    ReadField();
  } else {
    Unexpected();
  }
}

void Scanner::Unexpected() {
  if (!resyncing_) {
    Mistake(tokens_->position(), absl::StrCat("expected the name of a field, not ", Shown(tokens_->current())));
  }
  resyncing_ = true;
  if (tokens_->AtOpening()) {
    tokens_->SkipValue();
  } else {
    tokens_->Next();
  }
}

// Takes a closing brace, and what may follow it in a list of messages.
void Scanner::Close() {
  const SourceMap::Position position = tokens_->position();
  const char brace = tokens_->At('}') ? '}' : '>';
  tokens_->Next();
  resyncing_ = false;
  if (frames_.size() == 1) {
    Mistake(position, absl::StrCat("'", std::string(1, brace), "' closes nothing"));
    return;
  }
  Frame closed = std::move(frames_.back());
  frames_.pop_back();
  if (brace != closed.closing) {
    Mistake(position, absl::StrCat("'", std::string(1, brace), "' does not close '", closed.name, "' of ",
                                   At(closed.opened).ToString(), ": expected '", std::string(1, closed.closing), "'"));
  }
  if (!closed.in_list) {
    if (!tokens_->Take(',')) tokens_->Take(';');
    return;
  }
  if (tokens_->Take(']')) {
    if (!tokens_->Take(',')) tokens_->Take(';');
    return;
  }
  if (!tokens_->Take(',')) {
    Mistake(tokens_->position(), absl::StrCat("expected ',' or ']', not ", Shown(tokens_->current())));
    resyncing_ = true;
    return;
  }
  for (Seen& seen : top().seen) {
    if (seen.field != closed.field) continue;
    const SourceMap::Node node = NextElement(&seen, tokens_->position());
    OpenMessage(*closed.field, closed.name, node, /*in_list=*/true);
    return;
  }
}

// At `where` the text ends, or goes on in an enclosing message, while all but the first `size` frames are open.
void Scanner::LeaveOpen(size_t size, absl::string_view where) {
  for (; frames_.size() > size; frames_.pop_back()) {
    const std::string closing(1, top().closing);
    Mistake(top().opened, absl::StrCat("'", top().name, closing == "}" ? " {" : " <", "' is not closed: a '", closing,
                                       "' is missing before ", where));
  }
}

// Takes "filters" or "[acme.roi_align]"; as it is in the text, without spaces.
std::string Scanner::ReadName() {
  std::string name = tokens_->current().text;
  if (!tokens_->Take('[')) {
    tokens_->Next();
    return name;
  }
  while (tokens_->at_name() || tokens_->At('.') || tokens_->At('/')) {
    name += tokens_->current().text;
    tokens_->Next();
  }
  if (!tokens_->Take(']')) {
    Mistake(tokens_->position(), absl::StrCat("expected ']' after '", name, "', not ", Shown(tokens_->current())));
  }
  return name + "]";
}

void Scanner::ReadField() {
  const SourceMap::Position position = tokens_->position();
  resyncing_ = false;
  const std::string name = ReadName();
  const FieldDescriptor* field = FindTextField(*top().type, name);
  if (field == nullptr && ClosesEarlier(name, position)) field = FindTextField(*top().type, name);
  if (field == nullptr) return ReadUnknownField(name, position);
  Seen* seen = Register(*field, name, position);
  const bool colon = tokens_->Take(':');
  if (!colon && tokens_->At('=')) {
    Mistake(tokens_->position(), absl::StrCat("expected ':' after '", name, "', not '='"));
    tokens_->Next();
  } else if (!colon && !IsMessage(*field) && !tokens_->AtOpening()) {
    Mistake(tokens_->position(), absl::StrCat("expected ':' after '", name, "', not ", Shown(tokens_->current())));
  }
  if (IsMessage(*field)) {
    ReadMessages(seen, name, position);
  } else {
    ReadScalars(seen, name, position);
    if (!tokens_->Take(',')) tokens_->Take(';');
  }
}

// Whether a brace is missing before a field that only an enclosing message has; then that message is on top.
bool Scanner::ClosesEarlier(const std::string& name, SourceMap::Position position) {
  for (int levels = 1; levels <= unclosed_ && levels < static_cast<int>(frames_.size()); ++levels) {
    const size_t size = frames_.size() - levels;
    if (FindTextField(*frames_[size - 1].type, name) == nullptr) continue;
    unclosed_ -= levels;
    LeaveOpen(size, At(position).ToString());
    return true;
  }
  return false;
}

void Scanner::ReadUnknownField(const std::string& name, SourceMap::Position position) {
  if (errors_.full()) {
    Mistake(position, "");
  } else {
    const Descriptor* owner = nullptr;
    for (const Frame& frame : frames_) {
      if (FindTextField(*frame.type, name) != nullptr) owner = frame.type;
    }
    Mistake(position, owner == nullptr ? UnknownField(*top().type, name)
                                       : absl::StrCat("message '", top().type->name(), "' has no field '", name,
                                                      "'; it is a field of the '", owner->name(), "' around it"));
  }
  if (!tokens_->Take(':')) tokens_->Take('=');
  if (!tokens_->AtClosing()) tokens_->SkipValue();
  if (!tokens_->Take(',')) tokens_->Take(';');
}

// Notes that the field is here; a mistake if it, or another of its oneof, was here before.
Seen* Scanner::Register(const FieldDescriptor& field, const std::string& name, SourceMap::Position position) {
  Seen* found = nullptr;
  for (Seen& seen : top().seen) {
    if (seen.field == &field) {
      found = &seen;
      if (!field.is_repeated()) {
        Mistake(position, absl::StrCat("'", Label(name), "' is given twice: first at ", At(seen.first).ToString()));
      }
    } else if (field.real_containing_oneof() != nullptr &&
               seen.field->real_containing_oneof() == field.real_containing_oneof()) {
      Mistake(position, absl::StrCat("'", name, "' besides '", seen.field->name(), "' (", At(seen.first).ToString(),
                                     "): a ", top().type->name(), " has one ", field.real_containing_oneof()->name()));
    }
  }
  if (found != nullptr) return found;
  const SourceMap::Node node = source_.AddField(top().node, name, Placed(position));
  top().seen.push_back(Seen{&field, position, node});
  return &top().seen.back();
}

SourceMap::Node Scanner::NextElement(Seen* seen, SourceMap::Position position) {
  const int index = seen->count++;
  if (!seen->field->is_repeated() || (!IsMessage(*seen->field) && index >= kMostPlacedScalars)) return seen->node;
  return source_.AddElement(seen->node, index, Placed(position));
}

void Scanner::ReadMessages(Seen* seen, const std::string& name, SourceMap::Position named) {
  const FieldDescriptor& field = *seen->field;
  const SourceMap::Position position = tokens_->position();
  if (!tokens_->At('[')) return OpenMessage(field, name, NextElement(seen, named), /*in_list=*/false);
  if (!field.is_repeated()) {
    Mistake(position, absl::StrCat("'", Label(name), "' takes one message, not a list"));
    return tokens_->SkipValue();
  }
  tokens_->Next();
  if (tokens_->Take(']')) return;
  const SourceMap::Node node = NextElement(seen, tokens_->position());
  OpenMessage(field, name, node, /*in_list=*/true);
}

// Takes the opening brace of a message.
void Scanner::OpenMessage(const FieldDescriptor& field, const std::string& name, SourceMap::Node node, bool in_list) {
  const SourceMap::Position position = tokens_->position();
  const bool angle = tokens_->At('<');
  if (!angle && !tokens_->At('{')) {
    Mistake(position, absl::StrCat("'", Label(name), "' takes a message in braces, not ", Shown(tokens_->current())));
    resyncing_ = true;
    if (!tokens_->AtClosing() && !tokens_->at_end()) tokens_->SkipValue();
    return;
  }
  tokens_->Next();
  frames_.push_back(Frame{field.message_type(), &field, name, node, position, angle ? '>' : '}', in_list, {}});
}

void Scanner::ReadScalars(Seen* seen, const std::string& name, SourceMap::Position named) {
  const FieldDescriptor& field = *seen->field;
  const SourceMap::Position position = tokens_->position();
  if (!tokens_->At('[')) {
    NextElement(seen, named);
    return ReadScalar(field, name);
  }
  if (!field.is_repeated()) {
    Mistake(position, absl::StrCat("'", Label(name), "' takes one value, not a list"));
    return tokens_->SkipValue();
  }
  tokens_->Next();
  if (tokens_->Take(']')) return;
  do {
    NextElement(seen, tokens_->position());
    ReadScalar(field, name);
  } while (tokens_->Take(','));
  if (!tokens_->Take(']') && !resyncing_) {
    Mistake(tokens_->position(), absl::StrCat("expected ',' or ']', not ", Shown(tokens_->current())));
    resyncing_ = true;
  }
}

void Scanner::ReadScalar(const FieldDescriptor& field, const std::string& name) {
  const SourceMap::Position position = tokens_->position();
  const bool negative = tokens_->Take('-');
  const std::string mistake = ValueMistake(field, Label(name), negative, tokens_->current());
  if (mistake.empty()) {
    if (frames_.size() == 1 && name == "language_version") CheckVersion(field, negative);
    return tokens_->SkipValue();
  }
  Mistake(position, mistake);
  resyncing_ = true;
  if (!tokens_->AtClosing() && !tokens_->At(']')) tokens_->SkipValue();
}

// A newer file may hold names that we do not know: its version is the better news.
void Scanner::CheckVersion(const FieldDescriptor& field, bool negative) {
  uint64_t version = 0;
  if (field.cpp_type() != FieldDescriptor::CPPTYPE_INT32 || negative ||
      !Tokenizer::ParseInteger(tokens_->current().text, std::numeric_limits<int32_t>::max(), &version)) {
    return;
  }
  version_.Update(CheckLanguageVersion(static_cast<int>(version), At(tokens_->position()), "this file"));
}

}  // namespace

const FieldDescriptor* FindTextField(const Descriptor& type, absl::string_view name) {
  const std::string key(name);
  if (!absl::StartsWith(name, "[")) return type.FindFieldByName(key);
  return type.file()->pool()->FindExtensionByPrintableName(&type, key.substr(1, key.size() - 2));
}

std::string UnknownField(const Descriptor& type, absl::string_view name) {
  const bool bracketed = absl::StartsWith(name, "[");
  std::vector<std::string> names;
  for (int i = 0; i < type.field_count() && !bracketed; ++i) names.push_back(type.field(i)->name());
  std::vector<const FieldDescriptor*> extensions;
  type.file()->pool()->FindAllExtensions(&type, &extensions);
  std::string bare;  // the extension that was meant, but for its brackets and package
  for (const FieldDescriptor* extension : extensions) {
    names.push_back(absl::StrCat("[", extension->PrintableNameForExtension(), "]"));
    if (extension->name() == name) bare = names.back();
  }
  return absl::StrCat("message '", type.name(), "' has no ", bracketed ? "extension" : "field", " '",
                      name.substr(0, kLongestShown), name.size() > kLongestShown ? "..." : "", "'",
                      bare.empty() ? Suggestion(name, names) : absl::StrCat("; did you mean '", bare, "'?"));
}

absl::StatusOr<SourceMap> ScanText(absl::string_view text, const std::string& name, PlaceStyle style,
                                   const Descriptor& type) {
  return Scanner(text, name, style, type).Scan();
}

}  // namespace gradus
