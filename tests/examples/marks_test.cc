#include "examples/marks.h"

#include <cmath>
#include <limits>
#include <string>

#include "gtest/gtest.h"

namespace gradus {
namespace {

constexpr MarkColor kColor = {1, 2, 3};

// The first channel, a letter a pixel.
std::string Picture(const Tensor& picture) {
  const int64_t height = picture.shape()[1], width = picture.shape()[2];
  std::string text;
  for (int64_t i = 0; i < height * width; ++i) {
    text += picture.data()[i] == 0 ? '.' : '#';
    EXPECT_EQ(picture.data()[height * width + i], 2 * picture.data()[i]);
    EXPECT_EQ(picture.data()[2 * height * width + i], 3 * picture.data()[i]);
    if (i % width == width - 1) text += '\n';
  }
  return text;
}

TEST(MarksTest, ABoxIsAnOutline) {
  Tensor picture(TensorType{DType::kUint8, {3, 5, 7}});
  MarkBox({1, 1, 6, 5}, 1, kColor, &picture);
  EXPECT_EQ(Picture(picture), ".......\n.#####.\n.#...#.\n.#...#.\n.#####.\n");
}

TEST(MarksTest, WhatLiesOutsideIsLeftOut) {
  Tensor picture(TensorType{DType::kUint8, {3, 3, 4}});
  MarkBox({-5, -5, 2, 2}, 1, kColor, &picture);
  MarkPoint({1e30f, 0}, 2, kColor, &picture);
  MarkPoint({-3, 1}, 1, kColor, &picture);
  MarkText({9, 9}, "12", 2, kColor, &picture);
  MarkBox({-1e30f, 2.4f, 1e30f, 9e9f}, 1, kColor, &picture);
  EXPECT_EQ(Picture(picture), ".#..\n##..\n####\n");
}

TEST(MarksTest, PointsAndLetters) {
  Tensor picture(TensorType{DType::kUint8, {3, 7, 11}});
  MarkPoint({2.5f, 3.5f}, 1, kColor, &picture);
  MarkText({6, 0}, "1", 1, kColor, &picture);
  const std::string text = Picture(picture);
  EXPECT_EQ(text.substr(0, 12).substr(0, 5), ".....");
  EXPECT_EQ(text.substr(2 * 12, 5), "..#..");
  EXPECT_EQ(text.substr(3 * 12, 5), ".###.");
  EXPECT_EQ(text.substr(4 * 12, 5), "..#..");
  const char* const one[] = {"..#..", ".##..", "..#..", "..#..", "..#..", "..#..", ".###."};
  for (int row = 0; row < 7; ++row) EXPECT_EQ(text.substr(row * 12 + 6, 5), one[row]) << row;
}

}  // namespace
}  // namespace gradus
