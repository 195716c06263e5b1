// Walks through docs/course.md as a reader does: every command in it is run, in order, in one folder. Training stops
// after a few steps, MNIST and the folder of photographs are stand-ins, so that results mean nothing here; that every
// command still works does.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "core/tensor.h"
#include "data/png.h"
#include "gtest/gtest.h"
#include "tests/data/idx_testing.h"
#include "tests/examples/run_program.h"
#include "tests/testlib/scratch_folder.h"

namespace gradus {
namespace {

namespace fs = std::filesystem;

constexpr char kPage[] = "docs/course.md";
constexpr char kCommand[] = "bazel run -c opt //examples:";

struct Command {
  std::string program;
  std::vector<std::string> arguments;
  std::string line;
};

// Words as a shell sees them: apart at blanks, together within quotes.
std::vector<std::string> Words(absl::string_view line) {
  std::vector<std::string> words;
  bool open = false;
  char quote = 0;
  for (char c : line) {
    if (quote == 0 && c == ' ') {
      open = false;
    } else if (c == quote) {
      quote = 0;
    } else {
      if (!open) words.emplace_back();
      open = true;
      if (quote == 0 && (c == '"' || c == '\'')) {
        quote = c;
      } else {
        words.back().push_back(c);
      }
    }
  }
  return words;
}

std::vector<std::string> PageLines() {
  std::vector<std::string> lines = absl::StrSplit(GetFile(kPage), '\n');
  EXPECT_GT(lines.size(), 100u) << "is " << kPage << " there?";
  return lines;
}

// What stands between ``` and ```; a line that ends with a backslash goes on in the next.
std::vector<Command> PageCommands() {
  std::vector<Command> commands;
  bool code = false;
  std::string line;
  for (const std::string& part : PageLines()) {
    if (absl::StartsWith(part, "```")) {
      code = !code;
      continue;
    }
    if (!code || (line.empty() && !absl::StartsWith(part, "bazel "))) continue;
    absl::StrAppend(&line, absl::StripSuffix(part, "\\"));
    if (absl::EndsWith(part, "\\")) continue;
    EXPECT_TRUE(absl::StartsWith(line, kCommand)) << line;
    Command command;
    command.line = line;
    command.arguments = Words(line.substr(std::string(kCommand).size()));
    command.program = command.arguments[0];
    command.arguments.erase(command.arguments.begin());
    if (!command.arguments.empty()) {
      EXPECT_EQ(command.arguments[0], "--") << line;
      command.arguments.erase(command.arguments.begin());
    }
    commands.push_back(std::move(command));
    line.clear();
  }
  return commands;
}

// The command's arguments with flags that make it short, and change nothing else: steps in place of epochs.
std::vector<std::string> Quick(const Command& command) {
  std::vector<std::string> flags = command.arguments;
  if (command.program == "benchmark") flags.insert(flags.end(), {"--seconds=0", "--limit=false"});
  if (command.program != "train") return flags;
  flags.erase(std::remove_if(flags.begin(), flags.end(),
                             [](const std::string& flag) { return absl::StrContains(flag, "epochs="); }),
              flags.end());
  flags.push_back("--set=steps=2");
  for (const std::string& argument : command.arguments) {
    if (!absl::StartsWith(argument, "--config=")) continue;
    int stages = 0;
    for (absl::string_view line : absl::StrSplit(GetFile(argument.substr(argument.find('=') + 1)), '\n')) {
      if (absl::StartsWith(line, "stage {")) flags.push_back(absl::StrCat("--set=stage[", stages++, "].steps=2"));
    }
  }
  return flags;
}

void PutMnist(const std::string& folder) {
  fs::create_directories(folder);
  for (const std::string& split : {std::string("train"), std::string("t10k")}) {
    constexpr uint32_t kImages = 640;
    std::string pixels, labels;
    for (uint32_t i = 0; i < kImages; ++i) {
      for (uint32_t p = 0; p < 28 * 28; ++p) pixels.push_back(static_cast<char>(i * 7 + p * (i % 10 + 1)));
      labels.push_back(static_cast<char>(i % 10));
    }
    PutFile(folder + "/" + split + "-images-idx3-ubyte", IdxBytes(0x803, {kImages, 28, 28}, pixels));
    PutFile(folder + "/" + split + "-labels-idx1-ubyte", IdxBytes(0x801, {kImages}, labels));
  }
}

// A folder of photographs with annotations, as the page's own example has it.
void PutPhotos(const std::string& folder) {
  fs::create_directories(folder);
  Tensor image(TensorType{DType::kUint8, {3, 60, 80}});
  for (int64_t i = 0; i < image.bytes(); ++i) image.data()[i] = static_cast<uint8_t>(i * 7 % 251);
  const absl::StatusOr<std::string> png = EncodePng(image);
  ASSERT_TRUE(png.ok()) << png.status();
  std::string csv = "image,left,top,right,bottom\n";
  for (int i = 0; i < 40; ++i) {
    PutFile(absl::StrCat(folder, "/", i, ".png"), *png);
    absl::StrAppend(&csv, i, ".png,20,10,60,50\n");
  }
  PutFile(folder + "/train.csv", csv);
  PutFile(folder + "/test.csv", csv);
}

// Every section of the outline that the page follows, each with a command.
TEST(CourseTest, HasEverySectionWithACommand) {
  absl::flat_hash_map<std::string, int> commands;
  std::string open_section;
  bool code = false;
  for (const std::string& line : PageLines()) {
    if (absl::StartsWith(line, "```")) code = !code;
    if (!code && absl::StartsWith(line, "#")) {
      const std::vector<std::string> words = absl::StrSplit(line, ' ');
      open_section = words.size() > 1 ? words[1] : "";
      commands[open_section] = 0;
    }
    if (code && absl::StartsWith(line, kCommand)) ++commands[open_section];
  }
  for (const char* section :
       {"1",   "2.1", "2.2",  "2.3",  "2.4",  "2.5",  "2.6",  "3.1",  "3.3",  "3.4",  "3.5",  "3.6",
        "3.7", "3.9", "3.10", "3.11", "3.12", "3.13", "3.14", "3.15", "3.16", "3.17", "3.18", "3.19"}) {
    EXPECT_TRUE(commands.contains(section)) << "there is no section " << section;
    EXPECT_GT(commands[section], 0) << "section " << section << " has no command";
  }
}

TEST(CourseTest, PicturesAndFilesAreThere) {
  const std::string page = GetFile(kPage);
  int links = 0;
  for (size_t at = page.find("]("); at != std::string::npos; at = page.find("](", at + 2)) {
    const std::string target = page.substr(at + 2, page.find_first_of(")#", at + 2) - at - 2);
    if (target.empty() || absl::StartsWith(target, "http")) continue;
    ++links;
    EXPECT_TRUE(fs::exists("docs/" + target)) << target;
  }
  EXPECT_GT(links, 0);
}

TEST(CourseTest, EveryCommandRuns) {
  const std::string folder = ScratchFolder();
  fs::create_directory_symlink(fs::absolute("examples"), folder + "/examples");
  PutMnist(folder + "/mnist");
  PutPhotos(folder + "/photos");
  setenv("BUILD_WORKING_DIRECTORY", folder.c_str(), 1);
  const std::vector<Command> commands = PageCommands();
  EXPECT_GT(commands.size(), 20u);
  for (const Command& command : commands) {
    SCOPED_TRACE(command.line);
    const ProgramEnd end = RunExample(command.program, Quick(command));
    EXPECT_EQ(end.exit_code, 0) << end.out << end.err;
    for (const std::string& argument : command.arguments) {
      constexpr char kOutput[] = "--output=";
      if (!absl::StartsWith(argument, kOutput)) continue;
      EXPECT_TRUE(fs::exists(folder + "/" + argument.substr(sizeof kOutput - 1))) << argument;
    }
  }
}

}  // namespace
}  // namespace gradus
