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
// Invariants: the order of examples is a pure function of (seed, epoch) and a batch of (options but threads, epoch,
// number in the epoch): the number of threads changes no byte, and Seek resumes exactly. Batches live in a fixed pool
// of buffers, so that reading allocates nothing. Loader threads are plain threads that never enter OpenMP.
//
// An image file that cannot be read or decoded is left out. In training (kDrop, kWrap) another example takes its place,
// chosen as a function of its own place; with kPad its weight is 0. When more than a hundredth of an epoch's examples
// are left out, Next fails.
//
// Owns its threads and buffers, shares the data set. Not thread-safe: one thread calls it.
#ifndef GRADUS_DATA_LOADER_H_
#define GRADUS_DATA_LOADER_H_

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/tensor.h"
#include "data/batch_order.h"
#include "data/dataset.h"
#include "data/example_source.h"

namespace gradus {

struct LoaderOptions {
  int64_t batch_size = 1;
  bool shuffle = false;
  uint64_t seed = 0;                       // of the shuffle and of random transforms
  Remainder remainder = Remainder::kDrop;  // what happens to examples that fill no batch: data/batch_order.h
  int threads = 0;                         // that read ahead, at most 256; 0: Next reads in the caller's thread
};

struct SkippedExample {
  int64_t index;        // in the data set
  std::string message;  // what is wrong with it, with its name
};

struct Batch {
  std::vector<Tensor> columns;          // in the order of Loader::columns(), with a leading dimension of batch_size
  Tensor weights;                       // f32[batch_size]: 1 for an example, 0 for padding and what is left out
  std::vector<ExamplePlace> examples;   // epoch and index in the data set of each; padding repeats the first
  int64_t num_examples = 0;             // without padding; real examples come first
  BatchPlace place;                     // epoch, and number in the epoch
  std::vector<SkippedExample> skipped;  // those of `examples` that were left out
};

class Loader {
 public:
  // Reads nothing before the first Next. Errors: no examples, a batch size that is not positive or, when dropping,
  // larger than the data set, batches that do not fit into memory, too many threads.
  static absl::StatusOr<std::unique_ptr<Loader>> Make(ExampleSource source, const LoaderOptions& options);
  static absl::StatusOr<std::unique_ptr<Loader>> Make(std::shared_ptr<const Dataset> dataset,
                                                      const LoaderOptions& options);
  ~Loader();
  Loader(const Loader&) = delete;
  Loader& operator=(const Loader&) = delete;

  const LoaderOptions& options() const { return options_; }
  const ExampleSource& source() const { return source_; }

  // Columns of one example; a batch has one more dimension in front.
  const std::vector<Column>& columns() const { return source_.columns(); }

  // Examples in the data set, and batches that belong to an epoch (with kWrap they may differ from epoch to epoch).
  int64_t num_examples() const { return source_.size(); }
  int64_t BatchesInEpoch(int64_t epoch) const { return order_.BatchesInEpoch(epoch); }

  // The next batch, valid until the next call of Next or Seek. Epochs follow each other without end. An error names the
  // example that could not be read; the loader stays at that batch.
  absl::StatusOr<const Batch*> Next();

  // The batch that Next will return; to resume there: Seek(place).
  BatchPlace place() const { return order_.PlaceOf(next_step_); }

  // Makes `place` the next batch. A number past the epoch's last batch counts on into the next epochs. `skipped`: how
  // many examples of its epoch were left out before. Error: negative.
  absl::Status Seek(BatchPlace place, int64_t skipped = 0);

  // Examples left out so far in the epoch of place().
  int64_t skipped_in_epoch() const { return place().epoch == skipped_epoch_ ? skipped_ : 0; }

  // Time that Next has taken so far: what the caller waited for data, or read them itself.
  double seconds_waited() const { return seconds_waited_; }

 private:
  class Reader;   // what one thread needs to fill buffers
  struct Buffer;  // a batch, and whether it is ready

  Loader(ExampleSource source, const LoaderOptions& options, const BatchOrder& order);
  absl::StatusOr<const Batch*> NextBatch();
  absl::Status CountSkipped(const Batch& batch);
  absl::Status AllocateBuffers();
  absl::Status StartThreads();
  void ReadAhead(Reader* reader);  // the body of a thread
  Buffer& BufferOf(int64_t step) const { return *buffers_[step % buffers_.size()]; }

  const ExampleSource source_;
  const LoaderOptions options_;
  const BatchOrder order_;

  // Step s is read into buffer s mod their number, once the batch before it in that buffer is given back. The steps in
  // [next_step_, taken_) are being read or are ready; the caller may hold the one before next_step_.
  std::vector<std::unique_ptr<Buffer>> buffers_;
  std::vector<std::unique_ptr<Reader>> readers_;
  std::vector<std::thread> threads_;

  // The caller's own.
  int64_t skipped_epoch_ = 0, skipped_ = 0;  // of that epoch, up to the batch that Next returned last
  std::string skipped_messages_;             // of the first of them
  double seconds_waited_ = 0;

  mutable std::mutex mutex_;       // guards what follows and the state of buffers
  std::condition_variable work_;   // for threads: a buffer is free, or the end
  std::condition_variable ready_;  // for the caller: a buffer is ready
  int64_t next_step_ = 0;          // that Next returns; written by the caller alone
  int64_t taken_ = 0;              // first step that no thread has taken
  bool caller_holds_ = false;      // the buffer of next_step_ - 1
  int reading_ = 0;                // threads that fill a buffer
  bool paused_ = true;             // threads take no step; until the first Next after Make or Seek
  bool stop_ = false;
};

}  // namespace gradus

#endif  // GRADUS_DATA_LOADER_H_
