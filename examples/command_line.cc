#include "examples/command_line.h"

#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "absl/flags/commandlineflag.h"
#include "absl/flags/reflection.h"
#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "core/file.h"
#include "core/nearest_name.h"
#include "core/status_macros.h"

namespace gradus {
namespace {

constexpr int kFailure = 1;
constexpr int kWrongFlags = 2;

// Marks the statuses of WrongFlags().
constexpr char kWrongFlagsPayload[] = "gradus/wrong_flags";

// Between the values of a RepeatedFlag in its text; no key of a keyboard makes it.
constexpr char kSeparator = '\x1f';

constexpr size_t kHelpColumns = 100;

// GNU's OpenMP lets a thread that waits for its team spin for some 15 ms before it sleeps. Alone on the machine that
// hardly matters; with anybody else on the same cores each wait costs a time slice (a step of LeNet took 236 ms instead
// of 33). The library reads the setting before main, so the program starts once more with a shorter one, unless the
// user has chosen: then this returns.
void WaitPolitely(char** argv) {
  if (std::getenv("GOMP_SPINCOUNT") != nullptr || std::getenv("OMP_WAIT_POLICY") != nullptr) return;
  if (setenv("GOMP_SPINCOUNT", "10000", /*overwrite=*/0) != 0) return;
  execv("/proc/self/exe", argv);  // comes back only if it fails: then it runs as it is
}

std::vector<std::string> FlagNames() {
  std::vector<std::string> names;
  for (const auto& [name, flag] : absl::GetAllFlags()) names.push_back(absl::StrCat("--", name));
  std::sort(names.begin(), names.end());
  return names;
}

// Lines of at most kHelpColumns, each after `indent`.
std::string Wrap(absl::string_view text, absl::string_view indent) {
  std::vector<std::string> lines;
  for (absl::string_view word : absl::StrSplit(text, ' ', absl::SkipEmpty())) {
    if (lines.empty() || lines.back().size() + 1 + word.size() > kHelpColumns) {
      lines.push_back(absl::StrCat(indent, word));
    } else {
      absl::StrAppend(&lines.back(), " ", word);
    }
  }
  return absl::StrJoin(lines, "\n");
}

std::string HelpText(absl::string_view usage) {
  std::string text = absl::StrCat(absl::StripSuffix(usage, "\n"), "\n\nFlags:\n");
  for (const std::string& name : FlagNames()) {
    const absl::CommandLineFlag* flag = absl::FindCommandLineFlag(absl::StripPrefix(name, "--"));
    absl::StrAppend(&text, "  ", name);
    if (!flag->DefaultValue().empty()) absl::StrAppend(&text, " (default: ", flag->DefaultValue(), ")");
    absl::StrAppend(&text, "\n", Wrap(flag->Help(), "      "), "\n");
  }
  return text;
}

absl::Status SetFlag(absl::CommandLineFlag* flag, absl::string_view value) {
  std::string text(value);
  if (flag->IsOfType<RepeatedFlag>() && !flag->CurrentValue().empty()) {
    text = absl::StrCat(flag->CurrentValue(), std::string(1, kSeparator), value);
  }
  std::string error;
  if (flag->ParseFrom(text, &error)) return absl::OkStatus();
  return WrongFlags(error);
}

struct CommandLine {
  std::vector<std::string> arguments;
  bool help = false;
};

// Sets the flags among `words`; the other words are arguments.
absl::StatusOr<CommandLine> ParseCommandLine(absl::Span<char* const> words) {
  CommandLine line;
  for (size_t i = 0; i < words.size(); ++i) {
    const absl::string_view word = words[i];
    if (word == "--") {
      line.arguments.insert(line.arguments.end(), words.begin() + i + 1, words.end());
      break;
    }
    if (word.size() < 2 || word[0] != '-') {
      line.arguments.emplace_back(word);
      continue;
    }
    const std::pair<absl::string_view, absl::string_view> halves = absl::StrSplit(word, absl::MaxSplits('=', 1));
    const bool has_value = halves.first.size() < word.size();
    const absl::string_view name = absl::StripPrefix(absl::StripPrefix(halves.first, "-"), "-");
    if (name == "help" || name == "h") {
      line.help = true;
      continue;
    }
    absl::CommandLineFlag* flag = absl::FindCommandLineFlag(name);
    if (flag != nullptr && has_value) {
      GRADUS_RETURN_IF_ERROR(SetFlag(flag, halves.second));
    } else if (flag != nullptr && flag->IsOfType<bool>()) {
      GRADUS_RETURN_IF_ERROR(SetFlag(flag, "true"));
    } else if (flag != nullptr) {
      if (i + 1 == words.size()) return WrongFlags(absl::StrCat("--", name, " has no value"));
      GRADUS_RETURN_IF_ERROR(SetFlag(flag, words[++i]));
    } else {
      absl::CommandLineFlag* negated = absl::FindCommandLineFlag(absl::StripPrefix(name, "no"));
      if (negated == nullptr || !negated->IsOfType<bool>() || has_value) {
        const std::string given = absl::StrCat("--", name);
        return WrongFlags(absl::StrCat("there is no flag ", given, Suggestion(given, FlagNames())));
      }
      GRADUS_RETURN_IF_ERROR(SetFlag(negated, "false"));
    }
  }
  return line;
}

// Prints an error, every line after the program's name; the exit code for it.
int Report(absl::string_view program, const absl::Status& status) {
  for (absl::string_view line : absl::StrSplit(absl::StripSuffix(status.message(), "\n"), '\n')) {
    std::fprintf(stderr, "%s\n", absl::StrCat(program, ": ", line).c_str());
  }
  if (!status.GetPayload(kWrongFlagsPayload)) return kFailure;
  std::fprintf(stderr, "%s\n", absl::StrCat(program, ": see --help").c_str());
  return kWrongFlags;
}

}  // namespace

bool AbslParseFlag(absl::string_view text, RepeatedFlag* flag, std::string* /*error*/) {
  flag->values = absl::StrSplit(text, kSeparator, absl::SkipEmpty());
  return true;
}

std::string AbslUnparseFlag(const RepeatedFlag& flag) {
  return absl::StrJoin(flag.values, absl::string_view(&kSeparator, 1));
}

int RunProgram(int argc, char** argv, absl::string_view usage, ProgramBody body) {
  WaitPolitely(argv);
  const absl::string_view path = argc > 0 ? argv[0] : "gradus";
  const absl::string_view program = path.substr(path.rfind('/') + 1);  // all of it without a '/'
  const absl::StatusOr<CommandLine> line = ParseCommandLine(absl::MakeConstSpan(argv + 1, std::max(argc - 1, 0)));
  if (!line.ok()) return Report(program, line.status());
  int exit_code = 0;
  if (line->help) {
    std::fputs(HelpText(usage).c_str(), stdout);
  } else {
    const absl::StatusOr<int> result = body(line->arguments);
    if (!result.ok()) {
      std::fflush(stdout);
      return Report(program, result.status());
    }
    exit_code = *result;
  }
  if (std::fflush(stdout) != 0 || std::ferror(stdout)) {
    return Report(program, absl::DataLossError("cannot write to the standard output"));
  }
  return exit_code;
}

absl::Status WrongFlags(absl::string_view message) {
  absl::Status status = absl::InvalidArgumentError(message);
  status.SetPayload(kWrongFlagsPayload, absl::Cord());
  return status;
}

absl::Status RequireFlags(absl::Span<const absl::string_view> names) {
  for (absl::string_view name : names) {
    if (absl::FindCommandLineFlag(name)->CurrentValue().empty()) {
      return WrongFlags(absl::StrCat("--", name, " is missing"));
    }
  }
  return absl::OkStatus();
}

absl::Status RefuseFlags(absl::Span<const absl::string_view> names, absl::string_view why) {
  for (absl::string_view name : names) {
    const absl::CommandLineFlag* flag = absl::FindCommandLineFlag(name);
    if (flag->CurrentValue() != flag->DefaultValue()) {
      return WrongFlags(absl::StrCat("--", name, " means nothing ", why));
    }
  }
  return absl::OkStatus();
}

absl::Status RefuseArguments(absl::Span<const std::string> arguments) {
  if (arguments.empty()) return absl::OkStatus();
  return WrongFlags(absl::StrCat("'", arguments[0], "' is no flag, and there are no other arguments"));
}

absl::Status CheckFlagRange(absl::string_view name, int64_t value, int64_t least, int64_t most) {
  if (value >= least && value <= most) return absl::OkStatus();
  return WrongFlags(absl::StrCat("--", name, " is ", value, "; it must be ", least,
                                 most == INT64_MAX ? " or more" : absl::StrCat(" to ", most)));
}

absl::StatusOr<absl::flat_hash_map<std::string, Shape>> ParseInputDims(absl::string_view name,
                                                                       const RepeatedFlag& flag) {
  absl::flat_hash_map<std::string, Shape> input_dims;
  for (const std::string& value : flag.values) {
    const std::pair<std::string, std::string> halves = absl::StrSplit(value, absl::MaxSplits('=', 1));
    std::vector<int64_t> dims;
    for (absl::string_view text : absl::StrSplit(halves.second, ',', absl::SkipEmpty())) {
      int64_t dim = 0;
      if (!absl::SimpleAtoi(text, &dim)) dim = -1;
      dims.push_back(dim);
    }
    const absl::StatusOr<Shape> shape = Shape::Make(dims);
    if (!shape.ok() || dims.empty()) {
      return WrongFlags(absl::StrCat(
          "--", name, "=", value, ": expected the name and the dimensions of an input, such as ", "image=3,224,224"));
    }
    input_dims[halves.first] = *shape;
  }
  return input_dims;
}

std::string UserPath(absl::string_view path) { return path.empty() ? "" : ResolvePath(path); }

}  // namespace gradus
