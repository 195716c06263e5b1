// A data set of tensors that are already in memory.
//
//   auto dataset = std::make_shared<gradus::MemoryDataset>();
//   GRADUS_RETURN_IF_ERROR(dataset->Add("image", std::move(images)));  // f32[1000, 3, 32, 32]: 1000 examples
//   GRADUS_RETURN_IF_ERROR(dataset->Add("label", std::move(labels)));  // i32[1000]
//
// Owns its tensors. Add everything first, then share it: reading is thread-safe, adding is not.
#ifndef GRADUS_DATA_MEMORY_DATASET_H_
#define GRADUS_DATA_MEMORY_DATASET_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "core/tensor.h"
#include "data/dataset.h"

namespace gradus {

class MemoryDataset : public Dataset {
 public:
  // Adds a column. `values` has the examples along its first dimension, as many as the columns before it.
  absl::Status Add(absl::string_view name, Tensor values);

  void set_class_names(std::vector<std::string> names) { class_names_ = std::move(names); }

  int64_t size() const override { return size_; }
  const std::vector<Column>& columns() const override { return columns_; }
  std::vector<std::string> class_names() const override { return class_names_; }
  absl::Status Read(int64_t index, absl::Span<uint8_t* const> columns) const override;

 private:
  int64_t size_ = 0;
  std::vector<Column> columns_;
  std::vector<Tensor> values_;  // one for each column
  std::vector<std::string> class_names_;
};

}  // namespace gradus

#endif  // GRADUS_DATA_MEMORY_DATASET_H_
