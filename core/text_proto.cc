#include "core/text_proto.h"

#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/text_format.h>

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/error_list.h"
#include "core/named_file.h"
#include "core/status_macros.h"
#include "core/text_scanner.h"

namespace gradus {
namespace {

using ::google::protobuf::Message;
using ::google::protobuf::TextFormat;

constexpr absl::string_view kByteOrderMark = "\xef\xbb\xbf";

// What the library says that our own pass did not: a rule that it does not know, so rare.
class LibraryErrors : public google::protobuf::io::ErrorCollector {
 public:
  explicit LibraryErrors(SourceLocation file) : file_(std::move(file)) {}

  void AddError(int line, int column, const std::string& message) override {
    SourceLocation where = file_;
    where.line = line + 1;
    where.column = column + 1;
    errors_.Add(where, message);
  }
  void AddWarning(int line, int column, const std::string& message) override { AddError(line, column, message); }

  const ErrorList& errors() const { return errors_; }

 private:
  SourceLocation file_;
  ErrorList errors_;
};

}  // namespace

absl::StatusOr<SourceMap> ParseText(absl::string_view text, const std::string& file_name, Message* message) {
  message->Clear();
  if (static_cast<int64_t>(text.size()) > kMaxTextBytes) {
    return absl::OutOfRangeError(absl::StrCat(file_name, ": the text is longer than ", kMaxTextBytes, " bytes"));
  }
  if (absl::StartsWith(text, kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  GRADUS_ASSIGN_OR_RETURN(SourceMap source,
                          ScanText(text, file_name, PlaceStyle::kLineAndColumn, *message->GetDescriptor()));
  LibraryErrors collector(source.Lookup(""));
  TextFormat::Parser parser;
  parser.RecordErrorsTo(&collector);
  parser.SetRecursionLimit(kMaxTextNesting + 1);
  google::protobuf::io::ArrayInputStream stream(text.data(), static_cast<int>(text.size()));
  const bool parsed = parser.Parse(&stream, message);
  if (parsed && collector.errors().empty()) return source;
  message->Clear();
  GRADUS_RETURN_IF_ERROR(collector.errors().ToStatus());
  return absl::InvalidArgumentError(absl::StrCat(file_name, ": the text cannot be parsed"));
}

absl::StatusOr<TextFile> ParseTextFile(const std::string& path, Message* message) {
  message->Clear();
  TextFile file;
  GRADUS_ASSIGN_OR_RETURN(file.text, ReadNamedFile(path));
  GRADUS_ASSIGN_OR_RETURN(file.source, ParseText(file.text, path, message));
  return file;
}

absl::Status CheckLanguageVersion(int version, const SourceLocation& where, absl::string_view what) {
  if (version > kLanguageVersion) {
    return ErrorAt(where,
                   absl::StrCat(what, " needs version ", version, " of the language; this program knows version ",
                                kLanguageVersion, ": a newer Gradus is needed"));
  }
  if (version < 1)
    return ErrorAt(where, absl::StrCat(what, " names version ", version, " of the language; the first is 1"));
  return absl::OkStatus();
}

}  // namespace gradus
