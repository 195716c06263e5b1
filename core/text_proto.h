// Reads what users write: protobuf text into messages, with every mistake of a file reported at once, each with its
// place, the nearest valid name, and what was expected:
//
//   lenet.textproto:5:38: message 'Conv' has no field 'kernal'; did you mean 'kernel'?
//   lenet.textproto:6:32: 'MAXX' is not a value of 'pool.kind'; did you mean 'MAX'?
//
// The values are made by the protobuf library alone; our own pass over the tokens (core/text_scanner.h) finds mistakes
// and places. Text is hostile until proven otherwise: its size and its nesting are limited, and nothing recurses
// before the limits are checked. Groups and google.protobuf.Any are no part of our language.
//
// Everything here is thread-safe for distinct messages.
#ifndef GRADUS_CORE_TEXT_PROTO_H_
#define GRADUS_CORE_TEXT_PROTO_H_

#include <google/protobuf/message.h>

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/source_location.h"
#include "core/source_map.h"

namespace gradus {

// The newest version of the language that this program reads.
inline constexpr int kLanguageVersion = 1;

// Messages inside messages.
inline constexpr int kMaxTextNesting = 100;

// Bytes.
inline constexpr int64_t kMaxTextBytes = int64_t{64} << 20;

// Parses `text` into `message` (cleared first, and left empty after an error). `file_name` is what places show. A text
// whose field `language_version` is newer than kLanguageVersion is refused for that alone, whatever else is in it.
absl::StatusOr<SourceMap> ParseText(absl::string_view text, const std::string& file_name,
                                    google::protobuf::Message* message);

struct TextFile {
  std::string text;  // as it was read, byte for byte
  SourceMap source;
};

// The same for a file; `path` is what places show. NotFound when there is none.
absl::StatusOr<TextFile> ParseTextFile(const std::string& path, google::protobuf::Message* message);

// One `--set=path.to.field=value`: `assignment` is "path.to.field=value". It is checked as the text is, and later
// mistakes cite the flag as their place. An error changes nothing.
//
//   checkpoint.every_steps=50      a message on the way is made if it is not there
//   optimizer.adam.beta1=0.8       another member of a oneof replaces the one that is set
//   optimizer={sgd {momentum: 0}}  a message in braces replaces the whole field
//   model=lenet.textproto          a string needs no quotes
//   model.output=["a", "b"]        a list replaces a repeated field, a single value makes it a list of one
//   param_group[2].freeze=true     an index names an element that is there
//   layer[0].[acme.roi_align].n=1  an extension stands in brackets
absl::Status ApplyOverride(absl::string_view assignment, google::protobuf::Message* message, SourceMap* source);

// An error at `where` if `version` is not one that this program reads. `what` is the thing that needs it: "the model".
absl::Status CheckLanguageVersion(int version, const SourceLocation& where, absl::string_view what);

}  // namespace gradus

#endif  // GRADUS_CORE_TEXT_PROTO_H_
