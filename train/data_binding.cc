#include "train/data_binding.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/nearest_name.h"

namespace gradus {
namespace {

std::vector<std::string> ColumnNames(absl::Span<const Column> columns) {
  std::vector<std::string> names;
  for (const Column& column : columns) names.push_back(column.name);
  return names;
}

// Whether a column fits an input, whose free dimensions take any size.
bool Fits(const Input& input, const TensorType& column) {
  const DType dtype = input.dtype() == Input::INT32 ? DType::kInt32 : DType::kFloat32;
  if (column.dtype != dtype || column.shape.rank() != input.dims_size()) return false;
  for (int d = 0; d < input.dims_size(); ++d) {
    if (input.dims(d) != -1 && input.dims(d) != column.shape[d]) return false;
  }
  return true;
}

// The types of an input and a column, and what the input would have to be: the remedy.
std::string Mismatch(const Input& input, const std::string& place, const Column& column) {
  std::string fitting;
  if (column.type.dtype == DType::kInt32 || column.type.dtype == DType::kFloat32) {
    fitting = absl::StrCat("; what would fit is `input { name: \"", input.name(), "\"");
    const std::string dims = absl::StrJoin(column.type.shape.dims(), ", ");
    if (!dims.empty()) absl::StrAppend(&fitting, " dims: [", dims, "]");
    absl::StrAppend(&fitting, column.type.dtype == DType::kInt32 ? " dtype: INT32" : "", " }`");
  }
  return absl::StrCat("column '", column.name, "' is ", column.type.ToString(), " for each example, but input '",
                      input.name(), "' (", place, ") is ", input.dtype() == Input::INT32 ? "i32" : "f32", "[",
                      absl::StrJoin(input.dims(), ", "), "]", fitting);
}

}  // namespace

absl::StatusOr<DataBinding> DataBinding::Make(const TrainingFile& file, const std::string& stream,
                                              absl::Span<const Column> columns) {
  DataBinding binding;
  std::vector<std::string> errors;
  const std::vector<std::string> names = ColumnNames(columns);
  auto fail = [&](const std::string& where, const std::string& message) {
    errors.push_back(absl::StrCat(where, ": ", message));
  };
  const Model& model = file.model.model.model();
  for (int i = 0; i < file.training.feed_size(); ++i) {
    std::vector<std::string> inputs;
    for (const Input& input : model.input()) inputs.push_back(input.name());
    const std::string& asked = file.training.feed(i).input();
    if (std::find(inputs.begin(), inputs.end(), asked) == inputs.end()) {
      fail(file.source.Lookup(absl::StrCat("feed[", i, "].input")).ToString(),
           absl::StrCat("the model has no input '", asked, "'", Suggestion(asked, inputs)));
    }
  }
  for (int i = 0; i < model.input_size(); ++i) {
    const Input& input = model.input(i);
    std::string wanted = input.name();
    std::string where = file.source.Lookup(stream).ToString();
    for (int f = 0; f < file.training.feed_size(); ++f) {
      if (file.training.feed(f).input() != input.name()) continue;
      wanted = file.training.feed(f).column();
      where = file.source.Lookup(absl::StrCat("feed[", f, "].column")).ToString();
    }
    const auto column = std::find(names.begin(), names.end(), wanted);
    const std::string place = file.model.model.Where(absl::StrCat("input[", i, "]")).ToString();
    if (column == names.end()) {
      fail(where, absl::StrCat("the data set of ", stream, " has no column '", wanted, "' for input '", input.name(),
                               "' (", place, ")", wanted == input.name() ? ", and no `feed` gives it another" : "",
                               Suggestion(wanted, names)));
      continue;
    }
    const int index = static_cast<int>(column - names.begin());
    if (!Fits(input, columns[index].type)) {
      fail(where, Mismatch(input, place, columns[index]));
      continue;
    }
    binding.bound_.push_back({input.name(), index});
    binding.input_dims_[input.name()] = columns[index].type.shape;
  }
  if (!errors.empty()) return absl::InvalidArgumentError(absl::StrJoin(errors, "\n"));
  return binding;
}

absl::Span<const InputFeed> DataBinding::Feeds(const Batch& batch) {
  feeds_.clear();
  for (const Bound& bound : bound_) feeds_.push_back({bound.input, &batch.columns[bound.column]});
  return feeds_;
}

}  // namespace gradus
