// Which examples make which batch: pure integers, no data.
//
// All epochs form one endless sequence of (epoch, index): epoch e is the permutation e of the seed, or 0, 1, 2, ...
// when shuffling is off. With n examples and batches of b, a "step" counts batches from the start of epoch 0:
//
//   kDrop  floor(n / b) batches an epoch; the last n mod b places of each permutation are left out.
//   kPad   ceil(n / b) batches an epoch; the last one may be short: its missing places repeat its first example and
//          count nothing. Every example counts exactly once.
//   kWrap  step s holds places [s * b, (s + 1) * b) of the endless sequence. A batch belongs to the epoch of its first
//          example, and its last examples may come from the next epochs: every example is used once an epoch.
//
// A value, thread-safe.
#ifndef GRADUS_DATA_BATCH_ORDER_H_
#define GRADUS_DATA_BATCH_ORDER_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace gradus {

enum class Remainder { kDrop, kWrap, kPad };

struct BatchPlace {
  int64_t epoch = 0;   // of the batch's first example
  int64_t number = 0;  // of the batch in its epoch
};

struct ExamplePlace {
  int64_t epoch = 0;
  int64_t index = 0;  // in the data set
};

class BatchOrder {
 public:
  struct Options {
    int64_t num_examples = 0;
    int64_t batch_size = 1;
    bool shuffle = false;
    uint64_t seed = 0;
    Remainder remainder = Remainder::kDrop;
  };

  // Errors: nothing to read, a batch size out of range, dropping that would leave nothing.
  static absl::StatusOr<BatchOrder> Make(const Options& options);

  // How many batches belong to `epoch`; the same for all but with kWrap. Epochs are at least 0.
  int64_t BatchesInEpoch(int64_t epoch) const;

  // The step of batch `number` of `epoch` and back. A number past the epoch's end counts on into the next epochs.
  // Error: negative, or past 2^62 examples.
  absl::StatusOr<int64_t> StepOf(BatchPlace place) const;
  BatchPlace PlaceOf(int64_t step) const;

  // Writes the batch_size examples of a step, padding included; returns how many of them are real.
  int64_t Fill(int64_t step, absl::Span<ExamplePlace> examples) const;

 private:
  explicit BatchOrder(const Options& options) : options_(options) {}

  int64_t PlacesPerEpoch() const;  // of the sequence that is cut into batches: left out ones gone, padding included

  Options options_;
};

}  // namespace gradus

#endif  // GRADUS_DATA_BATCH_ORDER_H_
