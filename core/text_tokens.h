// The tokens of a protobuf text, one at a time, without recursion and without surprises: positions are 1-based, the
// text's encoding, lexing, nesting and braces are checked beforehand.
// Not thread-safe. Borrows the text.
#ifndef GRADUS_CORE_TEXT_TOKENS_H_
#define GRADUS_CORE_TEXT_TOKENS_H_

#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include <functional>
#include <string>

#include "absl/strings/string_view.h"
#include "core/source_map.h"

namespace gradus {

class TextTokens : private google::protobuf::io::ErrorCollector {
 public:
  using Token = google::protobuf::io::Tokenizer::Token;
  using Tokenizer = google::protobuf::io::Tokenizer;
  using OnMistake = std::function<void(SourceMap::Position, absl::string_view message)>;

  // Starts at the first token. `on_mistake` hears of what is no token: an open string, a stray byte.
  TextTokens(absl::string_view text, OnMistake on_mistake);

  const Token& current() { return tokenizer_.current(); }
  SourceMap::Position position();
  bool at_end() { return current().type == Tokenizer::TYPE_END; }
  bool at_name() { return current().type == Tokenizer::TYPE_IDENTIFIER; }
  bool At(char symbol);
  bool AtOpening() { return At('{') || At('<'); }
  bool AtClosing() { return At('}') || At('>'); }

  void Next();

  // Moves on if the symbol is there.
  bool Take(char symbol);

  // Moves past a value of whatever kind: a scalar, a string in pieces, a list or a message with all that is inside.
  // Stays where there is none.
  void SkipValue();

 private:
  void AddError(int line, int column, const std::string& message) override;

  google::protobuf::io::ArrayInputStream stream_;
  OnMistake on_mistake_;
  std::string pending_;  // the mistake about the token that is being read
  SourceMap::Position pending_position_;
  Tokenizer tokenizer_;  // after what it refers to
};

// What can be said of a text without knowing its type.
struct TextStructure {
  bool readable = true;  // false: it is not text, does not fall into tokens, or is nested too deep; mistakes were told
  int unclosed = 0;      // opening braces less closing ones
};
TextStructure CheckStructure(absl::string_view text, int max_nesting, const TextTokens::OnMistake& on_mistake);

}  // namespace gradus

#endif  // GRADUS_CORE_TEXT_TOKENS_H_
