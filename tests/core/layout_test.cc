#include "core/layout.h"

#include <vector>

#include "core/onednn.h"
#include "gtest/gtest.h"

namespace gradus {
namespace {

using Tag = dnnl::memory::format_tag;

Layout Tagged(const dnnl::memory::dims& dims, Tag tag) {
  return Layout(dnnl::memory::desc(dims, dnnl::memory::data_type::f32, tag).data);
}

TensorType F32(std::initializer_list<int64_t> dims) { return {DType::kFloat32, Shape(dims)}; }

TEST(LayoutTest, Prints) {
  EXPECT_EQ(Layout().ToString(), "any");
  EXPECT_EQ(Layout::Bytes(640).ToString(), "640 bytes");
  EXPECT_EQ(Layout::Plain(F32({})).ToString(), "a");
  EXPECT_EQ(Layout::Plain(F32({2, 3, 4, 5})).ToString(), "abcd");
  EXPECT_EQ(Tagged({2, 3, 4, 5}, Tag::nhwc).ToString(), "acdb");
  EXPECT_EQ(Tagged({2, 20, 4, 5}, Tag::nChw16c).ToString(), "aBcd16b");
  EXPECT_EQ(Tagged({32, 16, 3, 3}, Tag::OIhw16i16o).ToString(), "ABcd16b16a");
  const dnnl::memory::dims dims = {2, 3}, strides = {5, 1};
  const dnnl::memory::desc apart(dims, dnnl::memory::data_type::f32, strides);
  EXPECT_EQ(Layout(apart.data).ToString(), "ab (40 bytes for 24)");
}

TEST(LayoutTest, CountsPadding) {
  const Layout blocked = Tagged({2, 20, 3, 3}, Tag::nChw16c);
  EXPECT_TRUE(blocked.padded());
  EXPECT_EQ(blocked.bytes(), 2 * 32 * 9 * 4);
  EXPECT_EQ(blocked.stored_elements(), 2 * 32 * 9);
  EXPECT_FALSE(Tagged({2, 32, 3, 3}, Tag::nChw16c).padded());
  EXPECT_EQ(WithDType(blocked, DType::kUint8).bytes(), 2 * 32 * 9);
  EXPECT_EQ(Layout::Plain(F32({0, 3})).bytes(), 0);
  EXPECT_EQ(Layout::Plain({DType::kFloat64, Shape{3}}).bytes(), 24);
}

TEST(LayoutTest, PlainIsWhatTheBytesSay) {
  EXPECT_TRUE(Layout::Plain(F32({2, 3})).plain());
  EXPECT_TRUE(Tagged({2, 1, 4, 5}, Tag::nhwc).plain());
  EXPECT_TRUE(Tagged({2, 7, 1, 1}, Tag::nhwc).plain());
  EXPECT_TRUE(Tagged({2, 32, 1, 1}, Tag::nChw16c).plain());
  EXPECT_TRUE(Tagged({0, 3}, Tag::ba).plain());
  EXPECT_FALSE(Tagged({2, 20, 1, 1}, Tag::nChw16c).plain());
  EXPECT_FALSE(Tagged({2, 3, 4, 5}, Tag::nhwc).plain());
  EXPECT_FALSE(Tagged({2, 3}, Tag::ba).plain());
}

TEST(LayoutTest, EqualIsWhatTheBytesSay) {
  EXPECT_EQ(Tagged({2, 12}, Tag::ab), Tagged({2, 3, 4}, Tag::abc));
  EXPECT_EQ(Tagged({2, 1, 4, 5}, Tag::nhwc), Tagged({2, 1, 4, 5}, Tag::nchw));
  EXPECT_EQ(Tagged({2, 16, 4, 5}, Tag::nChw16c), Tagged({2, 16, 4, 5}, Tag::nhwc));
  EXPECT_EQ(Tagged({2, 20, 4, 5}, Tag::nChw16c), Tagged({2, 20, 4, 5}, Tag::nChw16c));
  EXPECT_NE(Tagged({2, 20, 4, 5}, Tag::nChw16c), Tagged({2, 20, 4, 5}, Tag::nChw8c));
  EXPECT_NE(Tagged({2, 3, 4, 5}, Tag::nhwc), Tagged({2, 3, 4, 5}, Tag::nchw));
  EXPECT_NE(Tagged({2, 12}, Tag::ab), WithDType(Tagged({2, 12}, Tag::ab), DType::kInt32));
  EXPECT_NE(Layout(), Layout::Bytes(0));
  EXPECT_NE(Layout::Bytes(96), Layout::Plain(F32({2, 12})));
}

TEST(LayoutTest, ReordersThereAndBack) {
  const Layout plain = Layout::Plain(F32({4, 6, 3, 3}));
  std::vector<float> values(4 * 6 * 9);
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i);
  const std::vector<Layout> layouts = {
      Tagged({4, 6, 3, 3}, Tag::nhwc),
      Tagged({4, 6, 3, 3}, Tag::OIhw16i16o),
      Tagged({2, 2, 6, 3, 3}, Tag::Goihw8g),  // groups apart
      Tagged({24, 9}, Tag::ba),
      Tagged({4, 6, 3, 3}, Tag::nChw8c),
  };
  for (const Layout& from : layouts) {
    std::vector<float> first(from.stored_elements(), -1);
    ASSERT_TRUE(Reorder(plain, values.data(), from, first.data()).ok()) << from.ToString();
    for (const Layout& to : layouts) {
      std::vector<float> second(to.stored_elements(), -1), last(values.size(), -1);
      ASSERT_TRUE(Reorder(from, first.data(), to, second.data()).ok()) << from.ToString() << " " << to.ToString();
      ASSERT_TRUE(Reorder(to, second.data(), plain, last.data()).ok()) << to.ToString();
      EXPECT_EQ(last, values) << from.ToString() << " " << to.ToString();
    }
  }
}

TEST(LayoutTest, RefusesToReorderOtherSizes) {
  float value = 0;
  const Layout plain = Layout::Plain(F32({2, 3}));
  EXPECT_EQ(Reorder(plain, &value, Layout::Plain(F32({2, 4})), &value).message(),
            "no copy from layout ab to layout ab");
  EXPECT_EQ(Reorder(plain, &value, Layout(), &value).message(), "no copy from layout ab to layout any");
  EXPECT_EQ(Reorder(Layout::Bytes(24), &value, plain, &value).message(), "no copy from layout 24 bytes to layout ab");
}

}  // namespace
}  // namespace gradus
