#include "data/memory_dataset.h"

#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/status_macros.h"

namespace gradus {

absl::Status MemoryDataset::Add(absl::string_view name, Tensor values) {
  for (const Column& column : columns_) {
    if (column.name == name) return absl::InvalidArgumentError(absl::StrCat("column '", name, "' is there already"));
  }
  if (values.empty() || values.shape().rank() == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("column '", name, "' needs a tensor with the examples along its first dimension, not a ",
                     values.empty() ? "tensor without elements" : "scalar"));
  }
  const int64_t examples = values.shape()[0];
  if (!columns_.empty() && examples != size_) {
    return absl::InvalidArgumentError(absl::StrCat("column '", name, "' of ", values.type().ToString(), " has ",
                                                   examples, " examples, but column '", columns_[0].name, "' has ",
                                                   size_));
  }
  GRADUS_ASSIGN_OR_RETURN(Shape example, Shape::Make(absl::MakeConstSpan(values.shape().dims()).subspan(1)));
  columns_.push_back({std::string(name), {values.dtype(), std::move(example)}});
  values_.push_back(std::move(values));
  size_ = examples;
  return absl::OkStatus();
}

absl::Status MemoryDataset::Read(int64_t index, absl::Span<uint8_t* const> columns) const {
  for (size_t i = 0; i < columns_.size(); ++i) {
    const int64_t bytes = columns_[i].type.bytes();
    std::memcpy(columns[i], values_[i].data() + index * bytes, bytes);
  }
  return absl::OkStatus();
}

}  // namespace gradus
