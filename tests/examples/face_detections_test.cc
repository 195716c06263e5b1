// From cells to faces, and how good they are.
#include "examples/face_detections.h"

#include <cmath>
#include <utility>

#include "gtest/gtest.h"

namespace gradus {
namespace {

Detection At(float left, float top, float side, float score) {
  Detection detection{};
  detection.box = {left, top, left + side, top + side};
  detection.score = score;
  return detection;
}

// B overlaps A by a third, C overlaps B, but not A; D is the same as A.
TEST(SuppressOverlappingTest, KeepsTheBetterOfTwo) {
  const std::vector<Detection> all = {At(0, 0, 20, 0.6f), At(10, 0, 20, 0.9f), At(25, 0, 20, 0.7f), At(0, 0, 20, 0.5f)};
  const std::vector<Detection> strict = SuppressOverlapping(all, 0.3);
  ASSERT_EQ(strict.size(), 2u);  // the first goes by the second, and the last has only the first to overlap most
  EXPECT_EQ(strict[0].score, 0.9f);
  EXPECT_EQ(strict[1].score, 0.7f);
  const std::vector<Detection> lenient = SuppressOverlapping(all, 0.4);
  ASSERT_EQ(lenient.size(), 3u);
  EXPECT_EQ(lenient[1].score, 0.7f);
  EXPECT_EQ(lenient[2].score, 0.6f);
  EXPECT_EQ(SuppressOverlapping(all, 1).size(), 4u);
  EXPECT_TRUE(SuppressOverlapping({}, 0.5).empty());
}

// A grid of 2 x 3 cells, 8 pixels apart; the cell in row 1, column 2 has its middle at (20, 12).
DetectorOutput OneFace() {
  DetectorOutput output;
  output.face = Tensor(TensorType{DType::kFloat32, {2, 2, 3, 1}});
  output.box = Tensor(TensorType{DType::kFloat32, {2, 2, 3, 4}});
  output.points = Tensor(TensorType{DType::kFloat32, {2, 2, 3, 10}});
  for (float& logit : output.face.values<float>()) logit = -9;
  const int64_t cell = 6 + 5;  // of the second example
  output.face.values<float>()[cell] = std::log(3.0f);
  const float box[] = {0.25f, -0.125f, std::log(0.5f), std::log(0.75f)};
  std::copy(box, box + 4, output.box.values<float>().begin() + 4 * cell);
  output.points.values<float>()[10 * cell + 2] = 0.5f;
  output.points.values<float>()[10 * cell + 3] = -0.25f;
  return output;
}

TEST(DecodeDetectionsTest, IsWhatTheDataSetWrites) {
  const DetectorOutput output = OneFace();
  ASSERT_TRUE(CheckDetectorOutput(output).ok());
  EXPECT_TRUE(DecodeDetections(output, 0, 8, {}).empty());
  const std::vector<Detection> found = DecodeDetections(output, 1, 8, {});
  ASSERT_EQ(found.size(), 1u);
  EXPECT_FLOAT_EQ(found[0].score, 0.75f);
  EXPECT_FLOAT_EQ(found[0].box.left, 20);  // the middle is (28, 8), the size 16 x 24
  EXPECT_FLOAT_EQ(found[0].box.top, -4);
  EXPECT_FLOAT_EQ(found[0].box.right, 36);
  EXPECT_FLOAT_EQ(found[0].box.bottom, 20);
  EXPECT_FLOAT_EQ(found[0].landmarks[1].x, 36);
  EXPECT_FLOAT_EQ(found[0].landmarks[1].y, 4);
  EXPECT_TRUE(DecodeDetections(output, 1, 8, {0.8, 0.4}).empty());
}

TEST(DecodeDetectionsTest, LeavesOutWhatIsNotFinite) {
  DetectorOutput output = OneFace();
  output.box.values<float>()[4 * 11 + 2] = 1e9f;
  EXPECT_TRUE(DecodeDetections(output, 1, 8, {}).empty());
  output.face.values<float>()[11] = std::nanf("");
  EXPECT_TRUE(DecodeDetections(output, 1, 8, {}).empty());
}

TEST(CheckDetectorOutputTest, NamesTheOutput) {
  DetectorOutput output = OneFace();
  output.box = Tensor(TensorType{DType::kFloat32, {2, 2, 3, 5}});
  EXPECT_EQ(CheckDetectorOutput(output).message(),
            "the model's output 'box' is f32[2, 2, 3, 5]; a detector's is f32[N, h, w, 4]");
}

// Two faces. The best detection finds the first, the second is of the same face and so is wrong, the third is beside
// everything, the fourth finds the second face: precision 1, 1/2, 1/3, 1/2 at recall 1/2, 1/2, 1/2, 1.
TEST(DetectionJudgeTest, AFaceIsFoundOnce) {
  DetectionJudge judge(0.5);
  const Extent truth[] = {{0, 0, 20, 20}, {50, 50, 70, 70}};
  judge.Add({At(1, 0, 20, 0.9f), At(0, 0, 20, 0.8f), At(100, 100, 20, 0.7f), At(52, 50, 20, 0.6f)}, truth);
  EXPECT_EQ(judge.faces(), 2);
  ASSERT_EQ(judge.detections().size(), 4u);
  EXPECT_DOUBLE_EQ(judge.AveragePrecision(), 0.5 * 1 + 0.5 * 0.5);
  judge.Add({}, {});
  EXPECT_DOUBLE_EQ(judge.AveragePrecision(), 0.75);
  const Extent missed[] = {{0, 0, 10, 10}};
  judge.Add({At(6, 0, 10, 0.95f)}, missed);  // overlaps by 4/16
  EXPECT_EQ(judge.faces(), 3);
  EXPECT_LT(judge.AveragePrecision(), 0.5);
}

}  // namespace
}  // namespace gradus
