#include "core/text_proto.h"
#include "gtest/gtest.h"
#include "tests/core/foreign.pb.h"

namespace gradus {
namespace {

class ApplyOverrideTest : public testing::Test {
 protected:
  ApplyOverrideTest() {
    source_ = *ParseText("i32: 1 numbers: [1, 2, 3] children { i32: 1 } children { i32: 2 } either { text: 'x' }", "t",
                         &message_);
  }

  std::string Apply(absl::string_view assignment) {
    return std::string(ApplyOverride(assignment, &message_, &source_).message());
  }
  std::string Place(absl::string_view path) { return source_.Lookup(path).ToString(); }

  acme::Everything message_;
  SourceMap source_;
};

TEST_F(ApplyOverrideTest, SetsScalarsAndRemembersTheFlag) {
  EXPECT_EQ(Apply("i32=-5"), "");
  EXPECT_EQ(message_.i32(), -5);
  EXPECT_EQ(Place("i32"), "--set=i32=-5");
  EXPECT_EQ(Apply("i32=6"), "");
  EXPECT_EQ(Place("i32"), "--set=i32=6");
  EXPECT_EQ(Apply("child.child.f64=1e-3"), "");
  EXPECT_EQ(message_.child().child().f64(), 1e-3);
  EXPECT_EQ(Place("child.child.text"), "--set=child.child.f64=1e-3");
  EXPECT_EQ(Apply("color=GREEN"), "");
  EXPECT_EQ(Apply("flag=true"), "");
  EXPECT_TRUE(message_.flag());
}

TEST_F(ApplyOverrideTest, StringsNeedNoQuotes) {
  EXPECT_EQ(Apply("text=runs/a=b \"c\""), "");
  EXPECT_EQ(message_.text(), "runs/a=b \"c\"");
  EXPECT_EQ(Apply("text=\"quo\\ted\""), "");
  EXPECT_EQ(message_.text(), "quo\ted");
  EXPECT_EQ(Apply("text="), "");
  EXPECT_EQ(message_.text(), "");
  EXPECT_EQ(Apply("names=a"), "");
  EXPECT_EQ(Apply("names=['b', \"c\"]"), "");
  EXPECT_EQ(message_.names_size(), 2);
}

TEST_F(ApplyOverrideTest, ReplacesListsAndReachesElements) {
  EXPECT_EQ(Apply("numbers=[7, 8]"), "");
  EXPECT_EQ(message_.numbers_size(), 2);
  EXPECT_EQ(Place("numbers[1]"), "--set=numbers=[7, 8]");
  EXPECT_EQ(Apply("numbers[1]=9"), "");
  EXPECT_EQ(message_.numbers(1), 9);
  EXPECT_EQ(message_.numbers(0), 7);
  EXPECT_EQ(Apply("children[1].text=deep"), "");
  EXPECT_EQ(message_.children(1).i32(), 2);
  EXPECT_EQ(Place("children[1].text"), "--set=children[1].text=deep");
  EXPECT_EQ(Place("children[1].i32"), "t:1:58");
  EXPECT_EQ(Apply("children[0]={ flag: true }"), "");
  EXPECT_FALSE(message_.children(0).has_i32());
  EXPECT_EQ(message_.children_size(), 2);
  EXPECT_EQ(Apply("numbers=[]"), "");
  EXPECT_EQ(message_.numbers_size(), 0);
}

TEST_F(ApplyOverrideTest, ReplacesMessagesAndSwitchesOneofs) {
  EXPECT_EQ(Apply("either={ i32: 3 }"), "");
  EXPECT_FALSE(message_.either().has_text());
  EXPECT_EQ(Place("either.text"), "--set=either={ i32: 3 }");
  EXPECT_EQ(Apply("other.text=y"), "");
  EXPECT_EQ(message_.choice_case(), acme::Everything::kOther);
  EXPECT_EQ(Apply("word=z"), "");
  EXPECT_EQ(message_.choice_case(), acme::Everything::kWord);
}

TEST_F(ApplyOverrideTest, MistakesNameTheFlagAndChangeNothing) {
  const std::string before = message_.SerializeAsString();
  const std::pair<const char*, const char*> rows[] = {
      {"i32", "expected path.to.field=value"},
      {"=5", "'' is no path of fields: expected a name at its end"},
      {"child..i32=5", "'child..i32' is no path of fields: expected a name at '.i32'"},
      {"numbers[x]=5", "'numbers[x]' is no path of fields: expected an index like [0] after 'numbers'"},
      {"child.i31=5", "message 'Everything' has no field 'i31'; did you mean 'i32'?"},
      {"i32.x=5", "'i32' is no message: it has no field 'x'"},
      {"children.i32=5", "'children' is a list: say which one, like children[0].i32"},
      {"children[2].i32=5", "there is no children[2]: 'children' has 2 elements"},
      {"child.children[0].i32=5", "there is no children[0]: 'children' has 0 elements"},
      {"i32[0]=5", "'i32' is no list: it takes no index"},
      {"i32=five", "'i32' takes an integer, not 'five'"},
      {"i32=", "'i32' takes an integer, not the end of the text"},
      {"child.u32=-1", "'u32' cannot be negative: '-1'"},
      {"color=gren", "'gren' is not a value of 'color'; did you mean 'GREEN'?"},
      {"child={ i31: 5 }", "message 'Everything' has no field 'i31'; did you mean 'i32'?"},
      {"i32=5 u32: 7", "'i32' takes one value here"},
      {"i32=5 }", "'}' closes nothing"},
      {"numbers[0]=[1, 2]", "'numbers' takes one value here"},
      {"language_version=9",
       "this file needs version 9 of the language; this program knows version 1: a newer Gradus is needed"},
  };
  for (const auto& [assignment, message] : rows) {
    EXPECT_EQ(Apply(assignment), absl::StrCat("--set=", assignment, ": ", message));
    EXPECT_EQ(message_.SerializeAsString(), before) << assignment;
  }
}

}  // namespace
}  // namespace gradus
