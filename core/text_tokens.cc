#include "core/text_tokens.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace gradus {
namespace {

// The tokenizer's words for what goes wrong most often, and ours. Others stay as they are.
struct Wording {
  absl::string_view theirs;
  absl::string_view ours;
};
constexpr Wording kWordings[] = {
    {"String literals cannot cross line boundaries", "a string is not closed on its line"},
    {"Unexpected end of string", "a string is not closed"},
    {"Interpreting non ascii codepoint", "a character that is not ASCII stands outside quotes"},
    {"Invalid control characters", "a control character stands outside quotes"},
    {"Invalid escape sequence in string literal", "a string has an escape sequence that does not exist"},
    {"Need space between number and identifier", "a space is missing after a number"},
};

std::string InOurWords(const std::string& message) {
  for (const Wording& wording : kWordings) {
    if (absl::StartsWith(message, wording.theirs)) return std::string(wording.ours);
  }
  return message;
}

// The position of the byte at `offset`, as the tokenizer counts: a tab reaches to the next multiple of 8.
SourceMap::Position PositionOf(absl::string_view text, size_t offset) {
  SourceMap::Position position{1, 1};
  for (char c : text.substr(0, offset)) {
    if (c == '\n') {
      position = {position.line + 1, 1};
    } else {
      position.column += c == '\t' ? 8 - (position.column - 1) % 8 : 1;
    }
  }
  return position;
}

bool IsTextByte(unsigned char c) { return c >= 0x20 ? c != 0x7f : c >= '\t' && c <= '\r'; }

}  // namespace

TextTokens::TextTokens(absl::string_view text, OnMistake on_mistake)
    : stream_(text.data(), static_cast<int>(text.size())),
      on_mistake_(std::move(on_mistake)),
      tokenizer_(&stream_, this) {
  tokenizer_.set_comment_style(Tokenizer::SH_COMMENT_STYLE);
  tokenizer_.set_allow_f_after_float(true);
  Next();
}

SourceMap::Position TextTokens::position() { return {current().line + 1, current().column + 1}; }

bool TextTokens::At(char symbol) {
  return current().type == Tokenizer::TYPE_SYMBOL && current().text.size() == 1 && current().text[0] == symbol;
}

// The tokenizer tells of a mistake where it stumbles; that of a string is better told where the string begins.
void TextTokens::AddError(int line, int column, const std::string& message) {
  if (!pending_.empty()) return;
  pending_ = InOurWords(message);
  pending_position_ = {line + 1, column + 1};
}

void TextTokens::Next() {
  tokenizer_.Next();
  if (pending_.empty()) return;
  on_mistake_(current().type == Tokenizer::TYPE_STRING ? position() : pending_position_, pending_);
  pending_.clear();
}

bool TextTokens::Take(char symbol) {
  if (!At(symbol)) return false;
  Next();
  return true;
}

void TextTokens::SkipValue() {
  int depth = 0;
  while (!at_end()) {
    const bool opening = AtOpening() || At('[');
    const bool closing = AtClosing() || At(']');
    if (depth == 0 && !opening) break;
    depth += opening ? 1 : closing ? -1 : 0;
    Next();
    if (depth == 0) return;
  }
  Take('-');
  if (current().type == Tokenizer::TYPE_STRING) {
    while (current().type == Tokenizer::TYPE_STRING) Next();
  } else if (current().type != Tokenizer::TYPE_SYMBOL && !at_end()) {
    Next();
  }
}

TextStructure CheckStructure(absl::string_view text, int max_nesting, const TextTokens::OnMistake& on_mistake) {
  TextStructure structure;
  for (size_t i = 0; i < text.size(); ++i) {
    const unsigned char c = static_cast<unsigned char>(text[i]);
    if (IsTextByte(c)) continue;
    on_mistake(PositionOf(text, i), absl::StrFormat("this is not a text file: it holds the byte 0x%02x", c));
    structure.readable = false;
    return structure;
  }
  SourceMap::Position last{0, 0};
  TextTokens tokens(text, [&](SourceMap::Position position, absl::string_view message) {
    structure.readable = false;
    if (position.line != last.line) on_mistake(position, message);  // one a line: the others follow from it
    last = position;
  });
  for (; !tokens.at_end(); tokens.Next()) {
    if (tokens.AtClosing()) --structure.unclosed;
    if (!tokens.AtOpening() || ++structure.unclosed <= max_nesting) continue;
    on_mistake(tokens.position(), absl::StrCat("messages are nested more than ", max_nesting, " deep"));
    structure.readable = false;
    return structure;
  }
  return structure;
}

}  // namespace gradus
