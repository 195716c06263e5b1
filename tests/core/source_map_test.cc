#include "core/source_map.h"

#include "gtest/gtest.h"

namespace gradus {
namespace {

TEST(ParsePath, SplitsNamesIndicesAndExtensions) {
  const absl::StatusOr<std::vector<PathPart>> parts = ParsePath("layer[3].[acme.roi_align].ratio[10].x");
  ASSERT_TRUE(parts.ok()) << parts.status();
  ASSERT_EQ(parts->size(), 4);
  EXPECT_EQ((*parts)[0].name, "layer");
  EXPECT_EQ((*parts)[0].index, 3);
  EXPECT_EQ((*parts)[1].name, "[acme.roi_align]");
  EXPECT_EQ((*parts)[1].index, -1);
  EXPECT_EQ((*parts)[2].index, 10);
}

TEST(ParsePath, RefusesWhatIsNoPath) {
  for (absl::string_view path : {"", ".", "a.", ".a", "a[", "a[]", "a[-1]", "a[99999999999]", "a[0]b", "a b", "[a"}) {
    EXPECT_FALSE(ParsePath(path).ok()) << path;
  }
  EXPECT_EQ(ParsePath("a[0]b").status().message(), "'a[0]b' is no path of fields: expected '.' after 'a'");
}

TEST(SourceMap, FallsBackToWhatIsAround) {
  SourceMap map("m");
  const SourceMap::Node layers = map.AddField(SourceMap::kRoot, "layer", {1, 1});
  const SourceMap::Node layer = map.AddElement(layers, 2, {3, 1});
  map.AddField(layer, "name", {3, 9});
  EXPECT_EQ(map.Lookup("layer[2].name").ToString(), "m:3:9");
  EXPECT_EQ(map.Lookup("layer[2].conv.kernel[0]").ToString(), "m:3:1");
  EXPECT_EQ(map.Lookup("layer[1]").ToString(), "m:1:1");
  EXPECT_EQ(map.Lookup("name").ToString(), "m");
  EXPECT_EQ(map.Lookup("no path!").ToString(), "m");
  EXPECT_EQ(map.KnownDepth("layer[2].name.x"), 3);
  EXPECT_FALSE(map.Find("layer[2].conv").has_value());
  EXPECT_TRUE(map.Find("layer[2]").has_value());
}

TEST(SourceMap, KnowsNothingOfCode) {
  SourceMap map;
  EXPECT_EQ(map.Lookup("layer[0]").ToString(), "<code>");
  map.Override("seed", "--set=seed=3");
  EXPECT_EQ(map.Lookup("seed").ToString(), "--set=seed=3");
}

TEST(SourceMap, OverrideForgetsWhatWasBelow) {
  SourceMap map("m");
  const SourceMap::Node data = map.AddField(SourceMap::kRoot, "data", {1, 1});
  map.AddField(data, "path", {1, 8});
  map.Override("data", "--set=data={}");
  EXPECT_EQ(map.Lookup("data.path").ToString(), "--set=data={}");
  const SourceMap copy = map;
  EXPECT_EQ(copy.Lookup("data.path").ToString(), "--set=data={}");
}

}  // namespace
}  // namespace gradus
