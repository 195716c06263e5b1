// Gradient descent over a function of two variables: the loss of a model without inputs, whose only parameters are two
// numbers. The ordinary learner makes the steps and gives the values.
//
// Not thread-safe.
#ifndef GRADUS_EXAMPLES_DESCENT_H_
#define GRADUS_EXAMPLES_DESCENT_H_

#include <array>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "examples/svg_plot.h"
#include "train/learner.h"
#include "train/training_file.h"

namespace gradus {

// How the descent of one run went.
struct Trajectory {
  std::vector<Point> points;   // before the first step, ..., after the last
  std::vector<double> values;  // of the function there; as many
  // The step at which a value was no longer finite, or a point 1000 times as far away from the picture's middle as the
  // picture is wide; -1: never.
  int64_t diverged = -1;
};

class Descent {
 public:
  // `run` is a training in text without data (`learning_rate: 0.1 optimizer { adam {} }`), of the model whose text
  // `model` is; `run_name` and `path` are what places of mistakes show.
  static absl::StatusOr<std::unique_ptr<Descent>> Create(absl::string_view run, const std::string& run_name,
                                                         absl::string_view model, const std::string& path);

  // "sgd { momentum: 0.9 }, rate 0.1": what it is told by.
  std::string Label() const;

  // The variables' names, "point[0]" for an element of a longer one.
  const std::array<std::string, 2>& names() const { return names_; }

  absl::StatusOr<Point> Get();
  absl::Status Set(Point point);

  // The function at a point; not finite where it is not. The learner must be one that makes no steps of its own.
  absl::StatusOr<double> ValueAt(Point point);
  absl::StatusOr<Grid> ValuesOver(Range x, Range y, int columns, int rows);

  // Makes up to `steps` steps from where the point is. `x` and `y` are what the picture shows.
  absl::StatusOr<Trajectory> Run(int64_t steps, Range x, Range y);

 private:
  Descent() = default;
  absl::Status FindCoordinates();

  TrainingFile file_;
  std::unique_ptr<Learner> learner_;
  std::array<std::pair<int, int64_t>, 2> coordinates_;  // variable of the store, and element
  std::array<std::string, 2> names_;
};

}  // namespace gradus

#endif  // GRADUS_EXAMPLES_DESCENT_H_
