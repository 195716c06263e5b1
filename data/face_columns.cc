#include "data/face_columns.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/check.h"

namespace gradus {
namespace {

// Of a cell from the middle of a face, in square roots of the box's area: it answers for the face, or need not know.
constexpr float kAnswers = 0.2f, kNeedNotKnow = 0.45f;

float* Floats(uint8_t* column) { return reinterpret_cast<float*>(column); }
int32_t* Ints(uint8_t* column) { return reinterpret_cast<int32_t*>(column); }

Point2 MiddleOf(const Extent& box) { return {(box.left + box.right) / 2, (box.top + box.bottom) / 2}; }

}  // namespace

absl::StatusOr<FaceColumns> FaceColumns::Make(FaceExample::Kind kind, int size, int stride, absl::string_view name) {
  if (size < 16 || size > 1024) {
    return absl::InvalidArgumentError(absl::StrCat(name, ": size ", size, " is not between 16 and 1024"));
  }
  if (stride < 1 || stride > 64) {
    return absl::InvalidArgumentError(absl::StrCat(name, ": stride ", stride, " is not between 1 and 64"));
  }
  if (kind == FaceExample::SCENE && size % stride != 0) {
    return absl::InvalidArgumentError(absl::StrCat(name, ": size ", size, " is not a multiple of stride ", stride));
  }
  return FaceColumns(kind, size, stride);
}

FaceColumns::FaceColumns(FaceExample::Kind kind, int size, int stride) : kind_(kind), size_(size), stride_(stride) {
  const TensorType image = {DType::kFloat32, {3, size, size}}, number = {DType::kFloat32, {}};
  const TensorType label = {DType::kInt32, {}};
  columns_.push_back({"image", image});
  const int64_t cells = size / stride;
  const auto map = [cells](int64_t values) { return TensorType{DType::kFloat32, {cells, cells, values}}; };
  const TensorType flat_map = {DType::kFloat32, {cells, cells}};
  switch (kind) {
    case FaceExample::FACE:
      columns_.push_back({"landmarks", {DType::kFloat32, {2 * kLandmarks}}});
      columns_.push_back({"has_landmarks", number});
      columns_.push_back({"live", label});
      columns_.push_back({"has_live", number});
      columns_.push_back({"identity", label});
      break;
    case FaceExample::SCENE:
      columns_.push_back({"face_map", flat_map});
      columns_.push_back({"face_weight", flat_map});
      columns_.push_back({"box_map", map(4)});
      columns_.push_back({"point_map", map(2 * kLandmarks)});
      columns_.push_back({"point_weight", flat_map});
      columns_.push_back({"boxes", {DType::kFloat32, {kMostFaces, 4}}});
      break;
    case FaceExample::PAIR:
      columns_.push_back({"other", image});
      columns_.push_back({"same", label});
      break;
  }
}

void FaceColumns::WriteFace(const Face& face, absl::Span<uint8_t* const> columns) const {
  float* landmarks = Floats(columns[1]);
  const float half = static_cast<float>(size_) / 2;
  for (int i = 0; i < kLandmarks; ++i) {
    landmarks[2 * i] = face.has_landmarks ? face.landmarks[i].x / half - 1 : 0;
    landmarks[2 * i + 1] = face.has_landmarks ? face.landmarks[i].y / half - 1 : 0;
  }
  *Floats(columns[2]) = face.has_landmarks ? 1 : 0;
  *Ints(columns[3]) = std::max(0, face.live);
  *Floats(columns[4]) = face.live >= 0 ? 1 : 0;
  *Ints(columns[5]) = face.identity;
}

void FaceColumns::WritePair(bool same, absl::Span<uint8_t* const> columns) const { *Ints(columns[2]) = same ? 1 : 0; }

// What the nearest face makes of a cell.
void FaceColumns::WriteCell(absl::Span<const Face> faces, int row, int column,
                            absl::Span<uint8_t* const> columns) const {
  const int cells = size_ / stride_, cell = row * cells + column;
  const auto step = static_cast<float>(stride_);
  const Point2 at = {(static_cast<float>(column) + 0.5f) * step, (static_cast<float>(row) + 0.5f) * step};
  const Face* nearest = nullptr;
  float distance = std::numeric_limits<float>::infinity();
  bool is_nearest_cell = false;
  for (const Face& face : faces) {
    const Point2 middle = MiddleOf(face.box);
    const float side = std::sqrt((face.box.right - face.box.left) * (face.box.bottom - face.box.top));
    const float pixels = std::max(std::abs(middle.x - at.x), std::abs(middle.y - at.y));
    if (pixels / side >= distance) continue;
    nearest = &face;
    distance = pixels / side;
    is_nearest_cell = std::floor(middle.x / step) == static_cast<float>(column) &&
                      std::floor(middle.y / step) == static_cast<float>(row);
  }
  const bool answers = distance < kAnswers || is_nearest_cell;
  Floats(columns[1])[cell] = answers ? 1 : 0;
  Floats(columns[2])[cell] = answers || distance > kNeedNotKnow ? 1 : 0;
  Floats(columns[5])[cell] = answers && nearest->has_landmarks ? 1 : 0;
  float *box = Floats(columns[3]) + 4 * cell, *points = Floats(columns[4]) + 2 * kLandmarks * cell;
  std::fill_n(box, 4, 0.0f);
  std::fill_n(points, 2 * kLandmarks, 0.0f);
  if (!answers) return;
  const float unit = kCellUnit * step;
  const Point2 middle = MiddleOf(nearest->box);
  box[0] = (middle.x - at.x) / unit;
  box[1] = (middle.y - at.y) / unit;
  box[2] = std::log((nearest->box.right - nearest->box.left) / unit);
  box[3] = std::log((nearest->box.bottom - nearest->box.top) / unit);
  if (!nearest->has_landmarks) return;
  for (int i = 0; i < kLandmarks; ++i) {
    points[2 * i] = (nearest->landmarks[i].x - at.x) / unit;
    points[2 * i + 1] = (nearest->landmarks[i].y - at.y) / unit;
  }
}

void FaceColumns::WriteScene(absl::Span<const Face> faces, absl::Span<uint8_t* const> columns) const {
  const int cells = size_ / stride_;
  for (int row = 0; row < cells; ++row) {
    for (int column = 0; column < cells; ++column) WriteCell(faces, row, column, columns);
  }
  float* boxes = Floats(columns[6]);
  std::fill_n(boxes, 4 * kMostFaces, 0.0f);
  GRADUS_CHECK(faces.size() <= kMostFaces);
  for (const Face& face : faces) {
    for (float value : {face.box.left, face.box.top, face.box.right, face.box.bottom}) *boxes++ = value;
  }
}

}  // namespace gradus
