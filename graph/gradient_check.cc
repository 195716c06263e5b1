#include "graph/gradient_check.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "core/random.h"
#include "core/status_macros.h"

namespace gradus {
namespace {

constexpr double kStep = 1e-4;                          // relative to a tensor's typical element
constexpr double kStepFactors[] = {1, 0x1p-4, 0x1p-8};  // tried in turn around kinks
constexpr int kRedraws = 3;                             // of a point without a smooth neighbourhood
constexpr double kRounding = 16 * std::numeric_limits<double>::epsilon();

double Norm(const std::vector<double>& values) {
  double sum = 0;
  for (double value : values) sum += value * value;
  return std::sqrt(sum);
}

double RootMeanSquare(const std::vector<double>& values) {
  return values.empty() ? 0 : Norm(values) / std::sqrt(static_cast<double>(values.size()));
}

// L = sum_i <dys[i], ys[i]> as a function of the feeds.
class Loss {
 public:
  static absl::StatusOr<Loss> Make(const Graph* graph, absl::Span<const Value> ys, absl::Span<const Value> dys,
                                   const ReferenceFeeds& feeds, const RunState& state) {
    Loss loss(graph, ys, feeds, state);
    GRADUS_ASSIGN_OR_RETURN(loss.base_, EvaluateReference(*graph, ys, feeds, state));
    for (size_t i = 0; i < ys.size(); ++i) {
      if (dys[i].valid()) {
        GRADUS_ASSIGN_OR_RETURN(auto weights, EvaluateReference(*graph, {dys[i]}, feeds, state));
        loss.weights_.push_back(std::move(weights[0].values));
      } else {
        loss.weights_.emplace_back(loss.base_[i].values.size(), 1.0);
      }
      for (size_t j = 0; j < loss.weights_[i].size(); ++j) {
        loss.magnitude_ += std::abs(loss.weights_[i][j] * loss.base_[i].values[j]);
      }
    }
    return loss;
  }

  ReferenceTensor& feed(const std::string& name) { return feeds_[name]; }

  // L at the feeds as they are now, less L at first. Summed over differences: rounding stays that of the elements.
  absl::StatusOr<double> Change() const {
    GRADUS_ASSIGN_OR_RETURN(const std::vector<ReferenceTensor> moved, EvaluateReference(*graph_, ys_, feeds_, state_));
    double change = 0;
    for (size_t i = 0; i < moved.size(); ++i) {
      for (size_t j = 0; j < weights_[i].size(); ++j) {
        change += weights_[i][j] * (moved[i].values[j] - base_[i].values[j]);
      }
    }
    return change;
  }

  // sum_i |dys[i]| |ys[i]|: what rounding errors of L are proportional to.
  double magnitude() const { return magnitude_; }

 private:
  Loss(const Graph* graph, absl::Span<const Value> ys, ReferenceFeeds feeds, const RunState& state)
      : graph_(graph), ys_(ys.begin(), ys.end()), feeds_(std::move(feeds)), state_(state) {}

  const Graph* graph_;
  std::vector<Value> ys_;
  ReferenceFeeds feeds_;
  RunState state_;
  std::vector<ReferenceTensor> base_;
  std::vector<std::vector<double>> weights_;
  double magnitude_ = 0;
};

// Where a probe goes: x + t d for small t. d is one element's axis, or dense.
struct Line {
  int64_t element = -1;
  std::vector<double> direction;  // when element < 0
};

// A derivative along a line by differences, and how far the differences are from those of a smooth function.
struct Difference {
  double slope = 0;
  double roughness = 0;
};

absl::StatusOr<double> ChangeAlong(Loss* loss, std::vector<double>* x, const Line& line, double t) {
  const std::vector<double> saved = *x;
  if (line.element >= 0) {
    (*x)[line.element] += t;
  } else {
    for (size_t i = 0; i < x->size(); ++i) (*x)[i] += t * line.direction[i];
  }
  auto change = loss->Change();
  *x = saved;
  return change;
}

// With C(t) = L(x + t d) - L(x), the first and second differences D(t) = (C(t) - C(-t)) / 2t and S(t) = C(t) + C(-t):
// the slope is (4 D(h/2) - D(h)) / 3. For a smooth L, D(h) - D(h/2) and (S(h) - 4 S(h/2)) / h are O(h^2) and O(h^3);
// for a kink anywhere within h, one of them is about as large as the slope's own error.
absl::StatusOr<Difference> Differentiate(Loss* loss, std::vector<double>* x, const Line& line, double h) {
  double changes[4];
  const double ts[4] = {h, -h, h / 2, -h / 2};
  for (int i = 0; i < 4; ++i) {
    GRADUS_ASSIGN_OR_RETURN(changes[i], ChangeAlong(loss, x, line, ts[i]));
  }
  const double whole = (changes[0] - changes[1]) / (2 * h);
  const double half = (changes[2] - changes[3]) / h;
  const double bend = (changes[0] + changes[1] - 4 * (changes[2] + changes[3])) / h;
  return Difference{(4 * half - whole) / 3, std::max(std::abs(whole - half), std::abs(bend))};
}

struct Scales {
  double step = 0;   // h of the first try
  double least = 0;  // the least magnitude that errors are relative to
  double tolerance = 0;
};

// Compares on one line. A probe with element -2: no smooth neighbourhood.
constexpr int64_t kKink = -2;
absl::StatusOr<GradientProbe> Compare(Loss* loss, std::vector<double>* x, const Line& line, double analytic,
                                      const Scales& scales) {
  for (double factor : kStepFactors) {
    const double h = scales.step * factor;
    GRADUS_ASSIGN_OR_RETURN(const Difference difference, Differentiate(loss, x, line, h));
    const double numeric = difference.slope;
    const double distance = std::abs(analytic - numeric);
    const double beyond = std::max(0.0, distance - kRounding * loss->magnitude() / h);
    const double scale = std::max({std::abs(analytic), std::abs(numeric), scales.least});
    const double error = distance == 0 ? 0 : beyond / scale;
    if (!std::isfinite(error)) {
      constexpr double kInfinity = std::numeric_limits<double>::infinity();
      return GradientProbe{line.element, analytic, numeric, kInfinity, kInfinity};
    }
    if (error <= scales.tolerance || difference.roughness < distance / 4) {
      return GradientProbe{line.element, analytic, numeric, error, distance == 0 ? 0 : distance / scale};
    }
  }
  return GradientProbe{kKink, 0, 0, 0, 0};
}

void Record(const GradientProbe& probe, TensorGradientCheck* check) {
  const GradientProbe& worst = check->worst;
  const bool worse = probe.error > worst.error || (probe.error == worst.error && probe.difference > worst.difference);
  if (check->probes++ == 0 || worse) check->worst = probe;
}

// Elements without replacement, then the random direction; each redrawn at kinks.
absl::Status CheckTensor(Loss* loss, const std::vector<double>& gradient, double least_scale,
                         const GradientCheckOptions& options, TensorGradientCheck* check) {
  std::vector<double>& x = loss->feed(check->name).values;
  const int64_t n = static_cast<int64_t>(x.size());
  if (n == 0) return absl::OkStatus();
  RandomSequence random(options.seed, check->name);
  const double typical = RootMeanSquare(x);
  // A power of two: x + h and x - h are then as far from x as they should be.
  auto step_for = [&](double value) {
    const double size = std::max(std::abs(value), typical);
    return std::exp2(std::floor(std::log2(size > 0 ? kStep * size : kStep)));
  };

  absl::flat_hash_set<int64_t> drawn;
  auto draw = [&]() -> int64_t {
    if (n <= options.elements) return static_cast<int64_t>(drawn.size());
    int64_t element;
    do {
      element = static_cast<int64_t>(random.Below(n));
    } while (drawn.contains(element));
    return element;
  };
  const double least = std::max(RootMeanSquare(gradient), least_scale);
  const int64_t planned = std::min<int64_t>(n, options.elements);
  const int64_t most = std::min<int64_t>(n, planned * (1 + kRedraws));
  for (int64_t smooth = 0; smooth < planned && static_cast<int64_t>(drawn.size()) < most;) {
    const int64_t element = draw();
    drawn.insert(element);
    const Scales scales{step_for(x[element]), least, options.tolerance};
    GRADUS_ASSIGN_OR_RETURN(const GradientProbe probe, Compare(loss, &x, Line{element, {}}, gradient[element], scales));
    if (probe.element == kKink) {
      ++check->kinks;
      continue;
    }
    ++smooth;
    Record(probe, check);
  }

  for (int attempt = 0; attempt <= kRedraws; ++attempt) {
    Line line{-1, std::vector<double>(n)};
    double analytic = 0;
    for (int64_t i = 0; i < n; ++i) {
      line.direction[i] = random.NextNormal();
      analytic += gradient[i] * line.direction[i];
    }
    const Scales scales{step_for(0), std::max(Norm(gradient), least_scale), options.tolerance};
    GRADUS_ASSIGN_OR_RETURN(const GradientProbe probe, Compare(loss, &x, line, analytic, scales));
    if (probe.element != kKink) {
      Record(probe, check);
      break;
    }
    ++check->kinks;
  }
  return absl::OkStatus();
}

const std::string& FeedName(const Graph& graph, Value value) {
  const int variable = graph.variable_of(value.node);
  return variable >= 0 ? graph.variables()[variable].name : graph.node(value).name;
}

}  // namespace

std::string IndexText(const Shape& shape, int64_t element) {
  Dims index(shape.rank());
  for (int axis = shape.rank() - 1; axis >= 0; --axis) {
    index[axis] = element % shape[axis];
    element /= shape[axis];
  }
  return absl::StrCat("[", absl::StrJoin(index, ", "), "]");
}

std::string TensorGradientCheck::ToString() const {
  std::string text = absl::StrCat(name, " ", shape.ToString(), ": ");
  if (kinks > 0) absl::StrAppend(&text, kinks, " points without a derivative left out, ");
  if (probes == 0) return absl::StrCat(text, "nothing compared");
  absl::StrAppend(&text, probes, " compared, worst ");
  if (worst.element < 0) {
    absl::StrAppend(&text, "along a random direction");
  } else {
    absl::StrAppend(&text, "at element ", worst.element, " = ", IndexText(shape, worst.element));
  }
  return absl::StrCat(text, absl::StrFormat(": analytic %.10g, numeric %.10g, relative error %.3g", worst.analytic,
                                            worst.numeric, worst.difference));
}

double GradientReport::worst_error() const {
  double worst = 0;
  for (const TensorGradientCheck& check : tensors) worst = std::max(worst, check.worst.error);
  return worst;
}

bool GradientReport::ok() const {
  for (const TensorGradientCheck& check : tensors) {
    if (check.shape.num_elements() > 0 && check.probes == 0) return false;
  }
  return worst_error() <= tolerance;
}

std::string GradientReport::ToString() const {
  return absl::StrJoin(tensors, "\n",
                       [](std::string* out, const TensorGradientCheck& check) { out->append(check.ToString()); });
}

absl::StatusOr<GradientReport> CheckGradients(Graph* graph, absl::Span<const Value> ys, absl::Span<const Value> dys,
                                              absl::Span<const Value> wrt, const ReferenceFeeds& feeds,
                                              const GradientCheckOptions& options) {
  for (Value value : wrt) {
    if (!graph->node(value).op->is_source()) {
      return absl::InvalidArgumentError(
          absl::StrCat("'", graph->node(value).name, "' is computed: gradients are checked by inputs and variables"));
    }
  }
  GRADUS_ASSIGN_OR_RETURN(const std::vector<Value> gradients, AddGradients(graph, ys, dys, wrt, options.gradient));
  GRADUS_ASSIGN_OR_RETURN(Loss loss, Loss::Make(graph, ys, dys, feeds, options.state));

  // By each of wrt; zeros where no y depends on it.
  std::vector<Value> existing;
  for (Value gradient : gradients) {
    if (gradient.valid()) existing.push_back(gradient);
  }
  GRADUS_ASSIGN_OR_RETURN(std::vector<ReferenceTensor> values,
                          EvaluateReference(*graph, existing, feeds, options.state));
  std::vector<std::vector<double>> analytic;
  double largest = 0;
  for (size_t i = 0, used = 0; i < wrt.size(); ++i) {
    if (gradients[i].valid()) {
      analytic.push_back(std::move(values[used++].values));
    } else {
      analytic.emplace_back(graph->type(wrt[i]).shape.num_elements(), 0.0);
    }
    largest = std::max(largest, RootMeanSquare(analytic.back()));
  }

  GradientReport report;
  report.tolerance = options.tolerance;
  for (size_t i = 0; i < wrt.size(); ++i) {
    TensorGradientCheck check;
    check.name = FeedName(*graph, wrt[i]);
    check.shape = graph->type(wrt[i]).shape;
    GRADUS_RETURN_IF_ERROR(CheckTensor(&loss, analytic[i], 1e-3 * largest, options, &check));
    report.tensors.push_back(std::move(check));
  }
  return report;
}

}  // namespace gradus
