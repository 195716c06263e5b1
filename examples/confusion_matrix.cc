#include "examples/confusion_matrix.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/human.h"
#include "examples/class_name.h"
#include "examples/text_table.h"

namespace gradus {
namespace {

constexpr int64_t kMostClassesInTable = 20;
constexpr size_t kRowsOfWorst = 10;

constexpr TextTable::Align kLeft = TextTable::Align::kLeft;
constexpr TextTable::Align kRight = TextTable::Align::kRight;

}  // namespace

ConfusionMatrix::ConfusionMatrix(int64_t classes, std::vector<std::string> class_names)
    : classes_(classes), names_(std::move(class_names)), totals_(classes, 0) {}

absl::Status ConfusionMatrix::Add(const Tensor& scores, const Tensor& labels, absl::Span<const float> weights) {
  const absl::Span<const float> all = scores.values<float>();
  for (size_t n = 0; n < weights.size(); ++n) {
    if (weights[n] == 0) continue;
    const int64_t label = labels.values<int32_t>()[n];
    if (label < 0 || label >= classes_) {
      return absl::InvalidArgumentError(absl::StrCat("label ", label, " is none of the ", classes_, " classes"));
    }
    const absl::Span<const float> row = all.subspan(n * classes_, classes_);
    ++totals_[label];
    ++counts_[{label, std::max_element(row.begin(), row.end()) - row.begin()}];
  }
  return absl::OkStatus();
}

int64_t ConfusionMatrix::count(int64_t label, int64_t predicted) const {
  const auto found = counts_.find({label, predicted});
  return found == counts_.end() ? 0 : found->second;
}

std::string ConfusionMatrix::ToString() const {
  if (classes_ <= kMostClassesInTable) return WholeTable();
  return absl::StrCat(WorstClasses(), "\n", WorstPairs());
}

std::string ConfusionMatrix::Name(int64_t label) const { return ClassName(names_, label); }

// Of the label's examples, those that are recognised; 1 without examples.
double ConfusionMatrix::Share(int64_t label) const {
  if (totals_[label] == 0) return 1;
  return static_cast<double>(count(label, label)) / static_cast<double>(totals_[label]);
}

std::string ConfusionMatrix::Accuracy(int64_t label) const {
  return totals_[label] == 0 ? "-" : absl::StrFormat("%.2f %%", 100 * Share(label));
}

std::string ConfusionMatrix::WholeTable() const {
  std::vector<TextTable::Align> columns(classes_ + 3, kRight);
  columns[0] = kLeft;
  TextTable table(columns);
  std::vector<std::string> header = {"label"};
  for (int64_t i = 0; i < classes_; ++i) header.push_back(Name(i));
  header.insert(header.end(), {"examples", "accuracy"});
  table.Add(header);
  table.AddRule();
  for (int64_t i = 0; i < classes_; ++i) {
    std::vector<std::string> row = {Name(i)};
    for (int64_t j = 0; j < classes_; ++j) row.push_back(count(i, j) == 0 ? "." : absl::StrCat(count(i, j)));
    row.insert(row.end(), {HumanCount(totals_[i]), Accuracy(i)});
    table.Add(row);
  }
  return absl::StrCat("Rows: label. Columns: predicted class.\n", table.ToString());
}

std::string ConfusionMatrix::WorstClasses() const {
  std::vector<int64_t> labels;
  for (int64_t i = 0; i < classes_; ++i) {
    if (totals_[i] > 0) labels.push_back(i);
  }
  std::stable_sort(labels.begin(), labels.end(), [this](int64_t a, int64_t b) { return Share(a) < Share(b); });
  labels.resize(std::min(labels.size(), kRowsOfWorst));
  TextTable table({kLeft, kRight, kRight});
  table.Add({"worst classes", "examples", "accuracy"});
  table.AddRule();
  for (int64_t label : labels) table.Add({Name(label), HumanCount(totals_[label]), Accuracy(label)});
  return table.ToString();
}

std::string ConfusionMatrix::WorstPairs() const {
  std::vector<std::pair<std::pair<int64_t, int64_t>, int64_t>> pairs;
  for (const auto& [pair, count] : counts_) {
    if (pair.first != pair.second) pairs.emplace_back(pair, count);
  }
  std::stable_sort(pairs.begin(), pairs.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  pairs.resize(std::min(pairs.size(), kRowsOfWorst));
  TextTable table({kLeft, kLeft, kRight});
  table.Add({"label", "taken for", "examples"});
  table.AddRule();
  for (const auto& [pair, count] : pairs) table.Add({Name(pair.first), Name(pair.second), HumanCount(count)});
  return table.ToString();
}

}  // namespace gradus
