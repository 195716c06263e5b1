#include "data/face_crop.h"

#include <algorithm>
#include <cmath>

#include "data/image_view.h"
#include "data/resample.h"

namespace gradus {

Square SquareAround(const Extent& box) {
  const float longer = std::max(box.right - box.left, box.bottom - box.top);
  const auto side = std::max<int64_t>(1, std::llround(kFaceCrop * longer));
  const double half = static_cast<double>(side) / 2;
  return {std::llround((box.left + box.right) / 2 - half), std::llround((box.top + box.bottom) / 2 - half), side};
}

Square SquareOver(int64_t height, int64_t width) { return {0, 0, std::max(height, width)}; }

void CropSquare(const Tensor& image, const Square& square, int64_t size, float* out) {
  ImageView view({square.side, square.side});
  view.Resize({size, size});
  Resampler resampler;
  resampler.Prepare(view, 1);
  resampler.Render(image.data(), {image.shape()[1], image.shape()[2]}, -square.top, -square.left, 3, out);
}

Face FaceInCrop(const Face& face, const Square& square, int64_t size) {
  const float scale = static_cast<float>(size) / static_cast<float>(square.side);
  const auto move = [&](Point2 p) {
    return Point2{(p.x - static_cast<float>(square.left)) * scale, (p.y - static_cast<float>(square.top)) * scale};
  };
  Face moved = face;
  const Point2 from = move({face.box.left, face.box.top}), to = move({face.box.right, face.box.bottom});
  moved.box = {from.x, from.y, to.x, to.y};
  for (Point2& point : moved.landmarks) point = move(point);
  return moved;
}

}  // namespace gradus
