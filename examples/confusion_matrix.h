// How often examples of each class are taken for each class, and the picture of it.
//
// Memory grows with the pairs that occur, not with all that there are. Not thread-safe.
#ifndef GRADUS_EXAMPLES_CONFUSION_MATRIX_H_
#define GRADUS_EXAMPLES_CONFUSION_MATRIX_H_

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "core/tensor.h"

namespace gradus {

class ConfusionMatrix {
 public:
  // `class_names`: empty when the labels are their own names.
  ConfusionMatrix(int64_t classes, std::vector<std::string> class_names);

  // The rows of a batch whose weight is not 0. scores: f32[N, classes], of which the largest wins, of equal ones the
  // lower class; labels: i32[N]. An error when a label is no class.
  absl::Status Add(const Tensor& scores, const Tensor& labels, absl::Span<const float> weights);

  int64_t classes() const { return classes_; }
  int64_t count(int64_t label, int64_t predicted) const;

  // For few classes the whole table, with the accuracy of each class. For many the classes that are recognised worst
  // and the pairs that are mistaken most often.
  std::string ToString() const;

 private:
  std::string WholeTable() const;
  std::string WorstClasses() const;
  std::string WorstPairs() const;
  std::string Name(int64_t label) const;
  double Share(int64_t label) const;
  std::string Accuracy(int64_t label) const;

  int64_t classes_;
  std::vector<std::string> names_;
  std::vector<int64_t> totals_;                            // by label
  std::map<std::pair<int64_t, int64_t>, int64_t> counts_;  // by label and predicted class
};

}  // namespace gradus

#endif  // GRADUS_EXAMPLES_CONFUSION_MATRIX_H_
