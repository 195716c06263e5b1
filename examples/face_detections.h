// From what a fully convolutional detector says of each cell of its grid to faces, and how good they are. The cells'
// numbers are those of gradus.FaceExample.SCENE (proto/data.proto).
#ifndef GRADUS_EXAMPLES_FACE_DETECTIONS_H_
#define GRADUS_EXAMPLES_FACE_DETECTIONS_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/tensor.h"
#include "data/face.h"
#include "train/ranking.h"

namespace gradus {

struct Detection {
  Extent box;       // pixels
  float score = 0;  // probability
  Landmarks landmarks;
};

// Non-maximum suppression: by falling score, without those whose intersection over union with a better one that is kept
// is above `overlap`.
std::vector<Detection> SuppressOverlapping(std::vector<Detection> detections, double overlap);

// What a detector gives for a batch: face f32[N, h, w, 1] of logits, box f32[N, h, w, 4], points f32[N, h, w, 10].
struct DetectorOutput {
  Tensor face, box, points;
};

// An error that names the output whose type is another one.
absl::Status CheckDetectorOutput(const DetectorOutput& output);

struct DetectionOptions {
  double threshold = 0.5;  // least probability
  double overlap = 0.4;    // of SuppressOverlapping
};

// The faces in example `n` of a batch of images whose cells are `stride` pixels apart.
std::vector<Detection> DecodeDetections(const DetectorOutput& output, int64_t n, double stride,
                                        const DetectionOptions& options);

// Collects detections over images for AveragePrecision. By falling score each takes the true box that it overlaps most;
// it is right when their intersection over union is at least `overlap` and no better one has taken that box. Not
// thread-safe.
class DetectionJudge {
 public:
  explicit DetectionJudge(double overlap) : overlap_(overlap) {}

  void Add(std::vector<Detection> detections, absl::Span<const Extent> truth);

  const std::vector<ScoredExample>& detections() const { return scored_; }
  int64_t faces() const { return faces_; }
  double AveragePrecision() const { return gradus::AveragePrecision(scored_, faces_); }

 private:
  double overlap_;
  std::vector<ScoredExample> scored_;
  int64_t faces_ = 0;
};

}  // namespace gradus

#endif  // GRADUS_EXAMPLES_FACE_DETECTIONS_H_
