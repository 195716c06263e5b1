#include "train/ranking.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace gradus {
namespace {

// By falling score.
void Sort(std::vector<ScoredExample>* examples) {
  for (ScoredExample& example : *examples) {
    if (!std::isfinite(example.score)) example.score = std::numeric_limits<float>::lowest();
  }
  std::stable_sort(examples->begin(), examples->end(),
                   [](const ScoredExample& a, const ScoredExample& b) { return a.score > b.score; });
}

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// NaN of nothing.
double Share(int64_t part, int64_t all) {
  return all == 0 ? kNan : static_cast<double>(part) / static_cast<double>(all);
}

bool HasBothKinds(const std::vector<RocPoint>& curve) {
  return !curve.empty() && !std::isnan(curve[0].false_accepts) && !std::isnan(curve[0].false_rejects);
}

}  // namespace

std::vector<RocPoint> RocCurve(std::vector<ScoredExample> examples) {
  Sort(&examples);
  const int64_t positives =
      std::count_if(examples.begin(), examples.end(), [](const ScoredExample& e) { return e.positive; });
  const int64_t negatives = static_cast<int64_t>(examples.size()) - positives;
  std::vector<RocPoint> curve = {
      {std::numeric_limits<double>::infinity(), Share(0, negatives), Share(positives, positives)}};
  int64_t accepted[2] = {0, 0};  // negatives, positives
  for (size_t i = 0; i < examples.size(); ++i) {
    ++accepted[examples[i].positive ? 1 : 0];
    if (i + 1 < examples.size() && examples[i + 1].score == examples[i].score) continue;
    curve.push_back({examples[i].score, Share(accepted[0], negatives), Share(positives - accepted[1], positives)});
  }
  return curve;
}

EqualErrorPoint EqualErrorRate(const std::vector<RocPoint>& curve) {
  if (!HasBothKinds(curve)) return {kNan, kNan};
  for (size_t i = 1; i < curve.size(); ++i) {
    const RocPoint &a = curve[i - 1], &b = curve[i];
    if (b.false_accepts < b.false_rejects) continue;
    // The two rates' difference goes from -before to after.
    const double before = a.false_rejects - a.false_accepts, after = b.false_accepts - b.false_rejects;
    const double t = before + after > 0 ? before / (before + after) : 0;
    return {a.false_accepts + t * (b.false_accepts - a.false_accepts), b.threshold};
  }
  return {};
}

double AreaUnderRoc(const std::vector<RocPoint>& curve) {
  if (!HasBothKinds(curve)) return kNan;
  double area = 0;
  for (size_t i = 1; i < curve.size(); ++i) {
    area += (curve[i].false_accepts - curve[i - 1].false_accepts) *
            (1 - (curve[i].false_rejects + curve[i - 1].false_rejects) / 2);
  }
  return area;
}

double AveragePrecision(std::vector<ScoredExample> examples, int64_t positives) {
  if (positives <= 0) return 0;
  Sort(&examples);
  std::vector<double> precision, recall;
  int64_t found = 0;
  for (size_t i = 0; i < examples.size(); ++i) {
    if (examples[i].positive) ++found;
    if (i + 1 < examples.size() && examples[i + 1].score == examples[i].score) continue;
    precision.push_back(Share(found, static_cast<int64_t>(i) + 1));
    recall.push_back(Share(found, positives));
  }
  double area = 0, best = 0;
  for (size_t i = precision.size(); i-- > 0;) {
    best = std::max(best, precision[i]);
    area += best * (recall[i] - (i == 0 ? 0 : recall[i - 1]));
  }
  return area;
}

}  // namespace gradus
