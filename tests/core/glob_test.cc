#include "core/glob.h"

#include "gtest/gtest.h"

namespace gradus {
namespace {

bool Matches(absl::string_view pattern, absl::string_view name) { return Glob::Parse(pattern)->Matches(name); }

TEST(Glob, MatchesWithinAndAcrossParts) {
  const struct {
    const char* pattern;
    const char* name;
    bool matches;
  } rows[] = {
      {"conv1/weights", "conv1/weights", true},
      {"conv1/weights", "conv1/weight", false},
      {"conv1", "conv1/weights", false},
      {"conv*/weights", "conv12/weights", true},
      {"conv*/weights", "conv/weights", true},
      {"conv*/weights", "conv1/norm/weights", false},
      {"*", "bias", true},
      {"*", "conv1/bias", false},
      {"**", "conv1/bias", true},
      {"**/bias", "conv1/bias", true},
      {"**/bias", "stage1/2/conv/bias", true},
      {"**/bias", "bias", true},
      {"**/bias", "conv1/nobias", false},
      {"stage1/**", "stage1/2/conv/bias", true},
      {"stage1/**", "stage10/bias", false},
      {"stage1/**/bias", "stage1/bias", true},
      {"stage1/**/bias", "stage1/a/b/bias", true},
      {"a**d", "ab/cd", true},
      {"**norm**", "a/norm/scale", true},
      {"conv?/bias", "conv1/bias", true},
      {"conv?/bias", "conv12/bias", false},
      {"a?b", "a/b", false},
      {"*a*b*", "xxaxxbxx", true},
      {"*a*b*", "xxbxxaxx", false},
      {"**/a/**/b", "x/a/b", true},
  };
  for (const auto& row : rows) EXPECT_EQ(Matches(row.pattern, row.name), row.matches) << row.pattern << " " << row.name;
}

TEST(Glob, TakesNoExponentialTime) {
  std::string pattern, name(2000, 'a');
  for (int i = 0; i < 200; ++i) pattern += i % 2 == 0 ? "*a" : "**a";
  EXPECT_FALSE(Matches(pattern + "b", name));
  EXPECT_TRUE(Matches(pattern, name));
}

TEST(Glob, RefusesWhatNoNameHas) {
  EXPECT_EQ(Glob::Parse("").status().message(), "a pattern is empty: '**' matches everything");
  EXPECT_EQ(Glob::Parse("conv[12]").status().message(),
            "pattern 'conv[12]' has '[', which no name has; wildcards are '*', '**' and '?'");
}

TEST(MatchNames, RefusesPatternsThatMatchNothing) {
  const std::vector<std::string> names = {"conv1/weights", "conv1/bias", "conv2/weights", "conv2/bias"};
  EXPECT_EQ(*MatchNames("**/bias", names, "parameter"), (std::vector<size_t>{1, 3}));
  EXPECT_EQ(MatchNames("**/bais", names, "parameter").status().message(),
            "pattern '**/bais' matches no parameter; did you mean 'bias'?");
  EXPECT_EQ(MatchNames("cnov2/*", names, "parameter").status().message(),
            "pattern 'cnov2/*' matches no parameter; did you mean 'conv2'?");
  EXPECT_EQ(MatchNames("conv1", names, "parameter").status().message(),
            "pattern 'conv1' matches no parameter; known: conv1/weights, conv1/bias, conv2/weights, conv2/bias");
}

}  // namespace
}  // namespace gradus
