#include "ops/kernels/strided_loops.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/onednn.h"
#include "gtest/gtest.h"
#include "ops/kernels/elementwise.h"

namespace gradus {
namespace {

using Tag = dnnl::memory::format_tag;

Layout Tagged(const Shape& shape, Tag tag) {
  return Layout(dnnl::memory::desc(ToDnnl(shape), dnnl::memory::data_type::f32, tag).data);
}
Layout Plain(const Shape& shape) { return Layout::Plain({DType::kFloat32, shape}); }

// "2x(48, 48) 48x(1, 1)": size and strides of each loop of two operands, outermost first.
std::string Print(const std::optional<StridedLoops>& loops) {
  if (!loops) return "none";
  return absl::StrJoin(loops->loops(), " ", [](std::string* out, const StridedLoops::Loop& loop) {
    absl::StrAppend(out, loop.size, "x(", loop.stride[0], ", ", loop.stride[1], ")");
  });
}

std::string PrintOf(const Shape& shape, const Layout& layout, const Shape& other, const Layout& other_layout) {
  return Print(StridedLoops::Make(shape.dims(), {{layout, shape}, {other_layout, other}}));
}

TEST(StridedLoopsTest, EqualLayoutsAreOneLoop) {
  const Shape shape{2, 20, 3, 3};
  for (const Layout& layout : {Plain(shape), Tagged(shape, Tag::acdb), Tagged(shape, Tag::aBcd8b)}) {
    EXPECT_EQ(PrintOf(shape, layout, shape, layout), absl::StrCat("1x(0, 0) ", layout.stored_elements(), "x(1, 1)"));
  }
}

TEST(StridedLoopsTest, BroadcastsAlongBlocks) {
  const Shape shape{2, 16, 3, 3}, channels{16, 1, 1};
  EXPECT_EQ(PrintOf(shape, Plain(shape), channels, Plain(channels)), "2x(144, 0) 16x(9, 1) 9x(1, 0)");
  EXPECT_EQ(PrintOf(shape, Tagged(shape, Tag::acdb), channels, Plain(channels)), "18x(16, 0) 16x(1, 1)");
  EXPECT_EQ(PrintOf(shape, Tagged(shape, Tag::aBcd8b), channels, Plain(channels)),
            "2x(144, 0) 2x(72, 8) 9x(8, 0) 8x(1, 1)");
}

TEST(StridedLoopsTest, PaddedBlocksNeedPaddedOperands) {
  const Shape shape{2, 20, 3, 3}, channels{1, 20, 1, 1};
  const Layout blocked = Tagged(shape, Tag::aBcd8b);
  EXPECT_EQ(PrintOf(shape, blocked, channels, Plain(channels)), "none");
  const Layout like = LayoutLike(blocked, channels);
  EXPECT_EQ(like, Tagged(channels, Tag::aBcd8b));
  EXPECT_EQ(PrintOf(shape, blocked, channels, like), "2x(216, 0) 3x(72, 8) 9x(8, 0) 8x(1, 1)");
}

TEST(StridedLoopsTest, RefusesWhatHasNoCommonLoops) {
  const Shape shape{2, 16, 3, 3};
  EXPECT_EQ(PrintOf(shape, Tagged(shape, Tag::aBcd8b), shape, Tagged(shape, Tag::aBcd16b)), "none");
  EXPECT_EQ(PrintOf(shape, Plain(shape), shape, Layout()), "none");
  EXPECT_EQ(PrintOf(shape, Plain(shape), shape, Layout::Bytes(64)), "none");
  const Shape grouped{2, 144};
  EXPECT_EQ(PrintOf(grouped, Plain(grouped), grouped, Tagged(shape, Tag::acdb)), "none");
}

TEST(StridedLoopsTest, PlainBytesAreSeenUnderAnyShape) {
  const Shape shape{2, 144};
  EXPECT_EQ(PrintOf(shape, Plain(shape), shape, Plain({2, 16, 3, 3})), "1x(0, 0) 288x(1, 1)");
}

TEST(StridedLoopsTest, BoxesBeginAtWholeBlocks) {
  const Shape whole{1, 24, 2, 2}, part{1, 12, 2, 2};
  const Layout blocked = Tagged(whole, Tag::aBcd8b), part_blocked = Tagged(part, Tag::aBcd8b);
  const auto loops = [&](int64_t begin) {
    return StridedLoops::Make(part.dims(), {{part_blocked, part}, {blocked, whole, {0, begin, 0, 0}}});
  };
  EXPECT_EQ(Print(loops(12)), "none");  // in the middle of a block
  EXPECT_EQ(Print(loops(8)), "none");   // ends in the middle of a block
  const Shape other{1, 20, 2, 2};
  const Layout other_blocked = Tagged(other, Tag::aBcd8b);
  const auto last = StridedLoops::Make(part.dims(), {{part_blocked, part}, {other_blocked, other, {0, 8, 0, 0}}});
  EXPECT_EQ(Print(last), "1x(0, 0) 64x(1, 1)");  // with the padding at the end
  EXPECT_EQ(last->offset()[1], 32);
}

TEST(StridedLoopsTest, OneChannelInABlock) {
  const Shape shape{2, 1, 3, 3};
  const Layout blocked = Tagged(shape, Tag::aBcd8b);
  EXPECT_EQ(PrintOf(shape, blocked, shape, Plain(shape)), "18x(8, 1) 8x(1, 0)");
  EXPECT_EQ(PrintOf(shape, Plain(shape), shape, blocked), "1x(0, 0) 18x(1, 8)");
}

TEST(StridedLoopsTest, TilesCoverEverythingOnce) {
  for (const Shape& shape : {Shape{3, 20, 7, 5}, Shape{3, 20, 70, 50}, Shape{70000}, Shape{0, 3}, Shape{}}) {
    const Shape last = shape.rank() > 1 ? Shape{shape[1], 1, 1} : Shape{};
    const std::optional<StridedLoops> loops =
        StridedLoops::Make(shape.dims(), {{Plain(shape), shape}, {Plain(last), shape.rank() == 4 ? last : Shape{}}});
    ASSERT_TRUE(loops.has_value());
    std::vector<int> visits(shape.num_elements(), 0);
    loops->Run([&](const StridedTile& tile) {
      for (int64_t r = 0; r < tile.rows; ++r) {
        for (int64_t c = 0; c < tile.cols; ++c) {
          ++visits[tile.offset[0] + r * tile.row_stride[0] + c * tile.col_stride[0]];
        }
      }
    });
    EXPECT_EQ(visits, std::vector<int>(shape.num_elements(), 1)) << shape.ToString();
  }
}

TEST(PaddingZerosTest, TouchesPaddingAlone) {
  const Shape weights{20, 7, 3, 3}, images{2, 7, 3, 3};
  for (const auto& [shape, layout] :
       {std::pair(images, Tagged(images, Tag::aBcd8b)), std::pair(weights, Tagged(weights, Tag::ABcd8b8a)),
        std::pair(weights, Tagged(weights, Tag::Acdb16a)), std::pair(images, Plain(images))}) {
    std::vector<float> found(shape.num_elements());
    std::vector<float> stored(layout.stored_elements(), 5);
    PaddingZeros(layout).Write(stored.data());
    int64_t kept = 0;
    for (float value : stored) kept += value == 5;
    EXPECT_EQ(kept, shape.num_elements()) << layout.ToString();
    ASSERT_TRUE(Reorder(layout, stored.data(), Plain(shape), found.data()).ok());
    EXPECT_EQ(found, std::vector<float>(shape.num_elements(), 5)) << layout.ToString();
  }
}

}  // namespace
}  // namespace gradus
