#include "train/checkpoint_state.h"

#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/text_format.h>

#include <cstdint>
#include <limits>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/check.h"
#include "core/crc32c.h"

namespace gradus {
namespace {

using google::protobuf::TextFormat;

constexpr char kHead[] =
    "# proto-file: proto/checkpoint.proto\n"
    "# proto-message: gradus.CheckpointState\n";
constexpr absl::string_view kLastLine = "# crc32c: 00000000\n";

std::string LastLine(absl::string_view text) { return absl::StrFormat("# crc32c: %08x\n", Crc32c(text)); }

class FirstError : public google::protobuf::io::ErrorCollector {
 public:
  void AddError(int line, int column, const std::string& message) override {
    if (text_.empty()) text_ = absl::StrCat("line ", line + 1, ", column ", column + 1, ": ", message);
  }
  void AddWarning(int, int, const std::string&) override {}

  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

}  // namespace

std::string PrintCheckpointState(const CheckpointState& state) {
  TextFormat::Printer printer;
  printer.SetUseUtf8StringEscaping(true);
  std::string text;
  GRADUS_CHECK(printer.PrintToString(state, &text));
  text = absl::StrCat(kHead, text);
  return absl::StrCat(text, LastLine(text));
}

absl::StatusOr<CheckpointState> ParseCheckpointState(absl::string_view text) {
  if (text.size() < kLastLine.size() || text.size() > std::numeric_limits<int>::max()) {
    return absl::DataLossError("it has no line with its checksum");
  }
  const absl::string_view body = text.substr(0, text.size() - kLastLine.size());
  const absl::string_view last_line = text.substr(body.size());
  const std::string expected = LastLine(body);
  if (last_line != expected) {
    return absl::DataLossError(absl::StrCat("it should end in '", expected.substr(0, expected.size() - 1),
                                            "', so it has been cut off or changed"));
  }

  CheckpointState state;
  FirstError error;
  TextFormat::Parser parser;
  parser.AllowUnknownField(true);
  parser.RecordErrorsTo(&error);
  google::protobuf::io::ArrayInputStream input(body.data(), static_cast<int>(body.size()));
  if (!parser.Parse(&input, &state)) return absl::DataLossError(error.text());
  if (state.format_version() > kCheckpointFormatVersion) {
    return absl::FailedPreconditionError(absl::StrCat("was written by a newer version (format ", state.format_version(),
                                                      "; this build reads up to ", kCheckpointFormatVersion, ")"));
  }
  if (state.format_version() < 1) return absl::DataLossError("it has no format version");
  return state;
}

}  // namespace gradus
