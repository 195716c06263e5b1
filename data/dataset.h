// A data set: a fixed number of examples, each one a row of named columns. The public interface: a data set of your own
// is a class with three functions, or a MemoryDataset filled in a few lines (data/memory_dataset.h).
//
//   class Squares : public gradus::Dataset {
//    public:
//     int64_t size() const override { return 100; }
//     const std::vector<gradus::Column>& columns() const override { return columns_; }
//     absl::Status Read(int64_t index, absl::Span<uint8_t* const> columns) const override {
//       const float x = static_cast<float>(index), y = x * x;
//       std::memcpy(columns[0], &x, sizeof x);
//       std::memcpy(columns[1], &y, sizeof y);
//       return absl::OkStatus();
//     }
//    private:
//     std::vector<gradus::Column> columns_ = {{"x", {gradus::DType::kFloat32, {1}}},
//                                             {"y", {gradus::DType::kFloat32, {1}}}};
//   };
//
// A model's inputs bind to columns by name. Images are f32[C, H, W] in 0...1 before any normalisation, labels are i32
// scalars.
#ifndef GRADUS_DATA_DATASET_H_
#define GRADUS_DATA_DATASET_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "core/shape.h"

namespace gradus {

// One named value of every example. The type is that of one example: it has no batch dimension.
struct Column {
  std::string name;
  TensorType type;
  // Image files of any size, JPEG or PNG, that ReadImageFile gives. They are decoded to f32[C, H, W] in 0...1, where H
  // and W are what the stream's transforms make of them; `type` says f32[C, 0, 0], with C 1 or 3.
  bool image_files = false;
};

// Immutable once it is shared: size and columns never change, an index always yields the same bytes, and every function
// may be called from several threads at once.
class Dataset {
 public:
  virtual ~Dataset() = default;

  // The number of examples.
  virtual int64_t size() const = 0;

  // At least one, with different names.
  virtual const std::vector<Column>& columns() const = 0;

  // What label i means to a person ("cat"), or nothing when the labels are their own names.
  virtual std::vector<std::string> class_names() const { return {}; }

  // Above 0: the examples are so many streams side by side. In batches of this size, not shuffled, row i of a batch
  // goes on where row i of the batch before has ended: what models that carry their state need, and loaders see to.
  virtual int64_t streams() const { return 0; }

  // Whether Read reads image files itself: an error of it other than ResourceExhausted then means a damaged example,
  // which is left out.
  virtual bool reads_files() const { return false; }

  // Writes example `index` (in [0, size())): all bytes of column i, plain and row-major, to columns[i], which holds
  // columns()[i].type.bytes() bytes aligned for the type. Runs in loader threads: it must not enter OpenMP.
  // Columns of image files are null in `columns` and not this function's.
  virtual absl::Status Read(int64_t index, absl::Span<uint8_t* const> columns) const = 0;

  // Sets `bytes` to the file of example `index` in a column of image files, with whatever capacity it has kept, and
  // `name` to what messages call it. An error other than ResourceExhausted means a damaged example: it is left out.
  virtual absl::Status ReadImageFile(int64_t index, size_t column, std::string* bytes, std::string* name) const;

  // What a person should know about how the data were found, a line each: what was left out, say.
  virtual std::vector<std::string> notes() const { return {}; }
};

}  // namespace gradus

#endif  // GRADUS_DATA_DATASET_H_
