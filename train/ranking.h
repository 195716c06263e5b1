// Metrics of scores that rank examples: how well a threshold on the score can tell two kinds apart. Pure functions;
// thread-safe. Scores that are not finite count as the least.
#ifndef GRADUS_TRAIN_RANKING_H_
#define GRADUS_TRAIN_RANKING_H_

#include <cstdint>
#include <vector>

namespace gradus {

struct ScoredExample {
  float score = 0;  // larger: rather positive
  bool positive = false;
};

// The receiver operating characteristic: what happens when all with a score of at least `threshold` are accepted. From
// nothing accepted (threshold infinite) to everything, a point for each score that occurs. A share of none is NaN.
struct RocPoint {
  double threshold = 0;
  double false_accepts = 0;  // share of the negatives
  double false_rejects = 1;  // share of the positives
};
std::vector<RocPoint> RocCurve(std::vector<ScoredExample> examples);

// Where the curve's two rates are equal, interpolated between two points. NaN, both, of a curve without positives or
// without negatives: nothing was told apart.
struct EqualErrorPoint {
  double rate = 0;
  double threshold = 0;
};
EqualErrorPoint EqualErrorRate(const std::vector<RocPoint>& curve);

// The probability that a positive example has a higher score than a negative one; equal scores count half. NaN without
// positives or without negatives.
double AreaUnderRoc(const std::vector<RocPoint>& curve);

// The area under precision against recall, precision being the highest of that recall or any beyond, as the PASCAL VOC
// challenge has it since 2010 (Everingham et al., "The PASCAL Visual Object Classes Challenge: A Retrospective", IJCV
// 2015). `positives`: how many there are in all, found or not. 0 without any.
double AveragePrecision(std::vector<ScoredExample> examples, int64_t positives);

}  // namespace gradus

#endif  // GRADUS_TRAIN_RANKING_H_
