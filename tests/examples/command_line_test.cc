// Flags, help, errors and exit codes that all programs share.
#include "examples/command_line.h"

#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/reflection.h"
#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

ABSL_FLAG(std::string, word, "", "a word that has to be given");
ABSL_FLAG(int, number, 3, "a number");
ABSL_FLAG(bool, quick, false, "a switch");
ABSL_FLAG(gradus::RepeatedFlag, pair, {}, "may be given several times");

namespace gradus {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

struct End {
  int exit_code = 0;
  std::string out, err;
};

class CommandLineTest : public testing::Test {
 protected:
  End Run(std::vector<std::string> words, absl::StatusOr<int> result = 0) {
    absl::FlagSaver saver;
    words.insert(words.begin(), "folder/prog");
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    End end;
    end.exit_code = RunProgram(static_cast<int>(argv.size()), argv.data(), "Does nothing.\n",
                               [&](const std::vector<std::string>& arguments) -> absl::StatusOr<int> {
                                 arguments_ = arguments;
                                 word_ = absl::GetFlag(FLAGS_word);
                                 number_ = absl::GetFlag(FLAGS_number);
                                 quick_ = absl::GetFlag(FLAGS_quick);
                                 pairs_ = absl::GetFlag(FLAGS_pair).values;
                                 GRADUS_RETURN_IF_ERROR(RequireFlags({"word"}));
                                 GRADUS_RETURN_IF_ERROR(CheckFlagRange("number", number_, 1, 9));
                                 return result;
                               });
    end.out = testing::internal::GetCapturedStdout();
    end.err = testing::internal::GetCapturedStderr();
    return end;
  }

  std::vector<std::string> arguments_, pairs_;
  std::string word_;
  int number_ = 0;
  bool quick_ = false;
};

TEST_F(CommandLineTest, FlagsAndArgumentsMix) {
  EXPECT_EQ(Run({"one", "--word=a=b", "--number", "7", "two", "--quick", "--", "--three"}).exit_code, 0);
  EXPECT_THAT(arguments_, ElementsAre("one", "two", "--three"));
  EXPECT_EQ(word_, "a=b");
  EXPECT_EQ(number_, 7);
  EXPECT_TRUE(quick_);
}

TEST_F(CommandLineTest, SwitchesTurnOffAndTakeNoFurtherWord) {
  Run({"--word=x", "--quick", "false"});
  EXPECT_TRUE(quick_);
  EXPECT_THAT(arguments_, ElementsAre("false"));
  Run({"--word=x", "--quick", "--noquick"});
  EXPECT_FALSE(quick_);
  Run({"--word=x", "--quick=true"});
  EXPECT_TRUE(quick_);
}

TEST_F(CommandLineTest, RepeatedFlagsKeepAllValuesInOrder) {
  Run({"--word=x"});
  EXPECT_THAT(pairs_, IsEmpty());
  Run({"--word=x", "--pair=b=1, 2", "--pair", "a"});
  EXPECT_THAT(pairs_, ElementsAre("b=1, 2", "a"));
}

TEST_F(CommandLineTest, TheProgramGivesTheExitCode) { EXPECT_EQ(Run({"--word=x"}, 130).exit_code, 130); }

TEST_F(CommandLineTest, ErrorsAreLinesAfterTheProgramsName) {
  const End end = Run({"--word=x"}, absl::NotFoundError("model.textproto:1:2: one\nmodel.textproto:3:4: two\n"));
  EXPECT_EQ(end.exit_code, 1);
  EXPECT_EQ(end.err, "prog: model.textproto:1:2: one\nprog: model.textproto:3:4: two\n");
  EXPECT_EQ(end.out, "");
}

TEST_F(CommandLineTest, WrongFlagsEndWithTwo) {
  const struct {
    std::vector<std::string> words;
    std::string message;
  } kCases[] = {
      {{}, "prog: --word is missing\n"},
      {{"--wrd=x"}, "prog: there is no flag --wrd; did you mean '--word'?\n"},
      {{"--word=x", "--noword"}, "prog: there is no flag --noword; did you mean '--word'?\n"},
      {{"--word=x", "--noquick=1"}, "prog: there is no flag --noquick; did you mean '--quick'?\n"},
      {{"--word"}, "prog: --word has no value\n"},
      {{"--word=x", "--number=many"}, "prog: Illegal value 'many' specified for flag 'number'\n"},
      {{"--word=x", "--number=10"}, "prog: --number is 10; it must be 1 to 9\n"},
  };
  for (const auto& c : kCases) {
    const End end = Run(c.words);
    EXPECT_EQ(end.exit_code, 2) << c.message;
    EXPECT_EQ(end.err, c.message + "prog: see --help\n");
  }
}

TEST_F(CommandLineTest, HelpShowsUsageAndEveryFlag) {
  const End end = Run({"--help", "--number=10"});
  EXPECT_EQ(end.exit_code, 0);
  EXPECT_THAT(end.out, HasSubstr("Does nothing.\n\nFlags:\n"));
  EXPECT_THAT(end.out, HasSubstr("  --number (default: 3)\n      a number\n"));
  EXPECT_THAT(end.out, HasSubstr("  --word\n      a word that has to be given\n"));
}

TEST(RefuseArgumentsTest, NamesTheFirst) {
  EXPECT_TRUE(RefuseArguments({}).ok());
  EXPECT_EQ(RefuseArguments({"a", "b"}).message(), "'a' is no flag, and there are no other arguments");
}

TEST(CheckFlagRangeTest, SaysWhatIsAllowed) {
  EXPECT_TRUE(CheckFlagRange("n", 1, 1).ok());
  EXPECT_EQ(CheckFlagRange("n", 0, 1).message(), "--n is 0; it must be 1 or more");
}

TEST(ParseInputDimsTest, TakesShapesByName) {
  const auto dims = ParseInputDims("dims", {{"image=3,224,200", "x=7"}});
  ASSERT_TRUE(dims.ok()) << dims.status();
  EXPECT_EQ(dims->size(), 2u);
  EXPECT_EQ(dims->at("image"), (Shape{3, 224, 200}));
  EXPECT_EQ(dims->at("x"), Shape{7});
  for (const char* bad : {"image", "image=", "image=3,x", "image=-1", "image=99999999999999999999", "3,4"}) {
    EXPECT_EQ(
        ParseInputDims("dims", {{bad}}).status().message(),
        absl::StrCat("--dims=", bad, ": expected the name and the dimensions of an input, such as image=3,224,224"));
  }
}

TEST(UserPathTest, StartsWhereTheUserIs) {
  setenv("BUILD_WORKING_DIRECTORY", "/home/somebody", 1);
  EXPECT_EQ(UserPath("model.textproto"), "/home/somebody/model.textproto");
  EXPECT_EQ(UserPath("/model.textproto"), "/model.textproto");
  EXPECT_EQ(UserPath(""), "");
  unsetenv("BUILD_WORKING_DIRECTORY");
}

}  // namespace
}  // namespace gradus
