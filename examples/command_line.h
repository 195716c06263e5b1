// What every program of this folder does alike: flags, help, errors and exit codes. A program is one function:
//
//   ABSL_FLAG(std::string, model, "", "the model file");
//
//   absl::StatusOr<int> Summarize(const std::vector<std::string>& arguments) {
//     GRADUS_RETURN_IF_ERROR(RequireFlags({"model"}));
//     ...
//     return 0;
//   }
//
//   int main(int argc, char** argv) { return RunProgram(argc, argv, kUsage, Summarize); }
//
// Exit codes: what the function returns; 1 with a message on stderr when it returns an error, or when stdout cannot be
// written; 2 with a message for wrong flags. Nothing here is thread-safe.
#ifndef GRADUS_EXAMPLES_COMMAND_LINE_H_
#define GRADUS_EXAMPLES_COMMAND_LINE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "core/shape.h"

namespace gradus {

// A flag that may be given several times ("--set=a=1 --set=b=2"): all of its values, in order.
struct RepeatedFlag {
  std::vector<std::string> values;
};
bool AbslParseFlag(absl::string_view text, RepeatedFlag* flag, std::string* error);
std::string AbslUnparseFlag(const RepeatedFlag& flag);

// What a program does: `arguments` are the words of the command line that are no flags. Gives the exit code.
using ProgramBody = absl::FunctionRef<absl::StatusOr<int>(const std::vector<std::string>& arguments)>;

// Sets the Abseil flags of the program from the command line (`--flag=value`, `--flag value`, `--flag` and `--noflag`
// for bools; "--" ends the flags), answers --help with `usage` and all flags, else runs `body`. Gives main's result.
int RunProgram(int argc, char** argv, absl::string_view usage, ProgramBody body);

// The error of a command line that is wrong in itself: the program ends with 2 and points to --help.
absl::Status WrongFlags(absl::string_view message);

// WrongFlags when one of these flags is empty.
absl::Status RequireFlags(absl::Span<const absl::string_view> names);

// WrongFlags when one of these flags has another value than its default: nobody reads it. `why` ends the message: "with
// --evaluate".
absl::Status RefuseFlags(absl::Span<const absl::string_view> names, absl::string_view why);

// WrongFlags when there are arguments: for programs that take none.
absl::Status RefuseArguments(absl::Span<const std::string> arguments);

// WrongFlags unless least <= value <= most: "--batch is 0; it must be 1 or more".
absl::Status CheckFlagRange(absl::string_view name, int64_t value, int64_t least, int64_t most = INT64_MAX);

// The dimensions that a flag gives to inputs, "image=3,224,224" in each of its values. WrongFlags for anything else.
absl::StatusOr<absl::flat_hash_map<std::string, Shape>> ParseInputDims(absl::string_view name,
                                                                       const RepeatedFlag& flag);

// A user's path (core/file.h: ResolvePath); an empty one stays empty.
std::string UserPath(absl::string_view path);

}  // namespace gradus

#endif  // GRADUS_EXAMPLES_COMMAND_LINE_H_
