// Makes batches of a data set, in this thread or ahead of time in others.
//
//   LoaderOptions options;
//   options.batch_size = 64;
//   options.shuffle = true;
//   GRADUS_ASSIGN_OR_RETURN(std::unique_ptr<Loader> loader, Loader::Make(dataset, options));
//   for (int64_t i = 0; i < loader->BatchesInEpoch(0); ++i) {
//     GRADUS_ASSIGN_OR_RETURN(const Batch* batch, loader->Next());
//     ...
//   }
//
// Invariants: the order of examples is a pure function of (seed, epoch), a batch of (options, epoch, number in the
// epoch): the number of threads changes no byte, and Seek resumes exactly. Batches live in a fixed pool of buffers: after
// the first of each nothing is allocated. Loader threads are plain threads that never enter OpenMP.
//
// Owns its threads and buffers, shares the data set. Not thread-safe: one thread calls it.
#ifndef GRADUS_DATA_LOADER_H_
#define GRADUS_DATA_LOADER_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "core/tensor.h"
#include "data/batch_order.h"
#include "data/dataset.h"
#include "data/example_source.h"

namespace gradus {

struct LoaderOptions {
  int64_t batch_size = 1;
  bool shuffle = false;
  uint64_t seed = 0;                          // of the shuffle and of random transforms
  Remainder remainder = Remainder::kDrop;     // see data/batch_order.h
  int threads = 0;                            // that read ahead; 0: Next reads in the caller's thread
};

struct Batch {
  std::vector<Tensor> columns;     // in the order of Loader::columns(), with a leading dimension of batch_size
  Tensor weights;                  // f32[batch_size]: 1 for an example, 0 for padding
  std::vector<int64_t> indices;    // of each example in the data set; padding repeats the first
  int64_t num_examples = 0;        // without padding; real examples come first
  int64_t epoch = 0;               // of the first example
  int64_t number = 0;              // of the batch in its epoch
};

class Loader {
 public:
  // Errors: no examples, a batch size that is not positive or, when dropping, larger than the data set, batches that do
  // not fit into memory. Reads nothing before the first Next.
  static absl::StatusOr<std::unique_ptr<Loader>> Make(ExampleSource source, const LoaderOptions& options);
  static absl::StatusOr<std::unique_ptr<Loader>> Make(std::shared_ptr<const Dataset> dataset,
                                                      const LoaderOptions& options);
  ~Loader();
  Loader(const Loader&) = delete;
  Loader& operator=(const Loader&) = delete;

  const LoaderOptions& options() const;

  // Columns of one example; a batch has one more dimension in front.
  const std::vector<Column>& columns() const;

  // Examples in the data set, and batches that start in an epoch (with kWrap it may differ from epoch to epoch).
  int64_t num_examples() const;
  int64_t BatchesInEpoch(int64_t epoch) const;

  // The next batch, valid until the next call of Next or Seek; epochs follow each other without end. An error names the
  // example that could not be read; the loader stays at that batch.
  absl::StatusOr<const Batch*> Next();

  // The position of the batch that Next will return. To resume: Seek(saved epoch, saved number).
  int64_t epoch() const;
  int64_t number() const;

  // Makes `number` of `epoch` the next batch. A number past the epoch's last batch means batches of later epochs.
  // Errors: a negative epoch or number.
  absl::Status Seek(int64_t epoch, int64_t number = 0);

 private:
  class Impl;
  explicit Loader(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace gradus

#endif  // GRADUS_DATA_LOADER_H_
