// Which examples make which batch: pure integers, no data.
//
// All epochs form one endless sequence of (epoch, index): epoch e is the permutation of (seed, e), or 0, 1, 2, ... when
// shuffling is off. With n examples and batches of b, a "step" counts batches from the start of epoch 0:
//
//   kDrop  floor(n / b) batches an epoch; the last n mod b examples of each permutation are left out.
//   kPad   ceil(n / b) batches an epoch; the last one is short: its missing places repeat its first example and have
//          weight 0. Every example counts exactly once.
//   kWrap  step s holds places [s * b, (s + 1) * b) of the endless sequence. A batch belongs to the epoch of its first
//          example, and its last examples may come from the next epochs: every example is seen once an epoch.
//
// A value with a cache of one permutation: not thread-safe.
#ifndef GRADUS_DATA_BATCH_ORDER_H_
#define GRADUS_DATA_BATCH_ORDER_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace gradus {

enum class Remainder { kDrop, kWrap, kPad };

struct BatchPlace {
  int64_t epoch = 0;   // of the first example
  int64_t number = 0;  // of the batch in its epoch
};

struct ExamplePlace {
  int64_t epoch = 0;
  int64_t index = 0;
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

  // Errors: nothing to read, a batch size out of range, a drop that would leave nothing.
  static absl::StatusOr<BatchOrder> Make(const Options& options);

  int64_t BatchesInEpoch(int64_t epoch) const;

  // The step of batch `number` of `epoch`, or an error when either is negative or beyond 2^62 examples.
  absl::StatusOr<int64_t> StepOf(int64_t epoch, int64_t number) const;
  BatchPlace PlaceOf(int64_t step) const;

  // The examples of a step, batch_size of them, padding included; returns how many are real.
  int64_t Fill(int64_t step, absl::Span<ExamplePlace> examples);

 private:
  explicit BatchOrder(const Options& options) : options_(options) {}

  int64_t FirstStep(int64_t epoch) const;
  int64_t IndexAt(int64_t epoch, int64_t place);

  Options options_;
  std::vector<int64_t> permutation_;      // of cached_epoch_; empty until the first shuffle
  int64_t cached_epoch_ = -1;
};

}  // namespace gradus

#endif  // GRADUS_DATA_BATCH_ORDER_H_
