#include "data/batch_order.h"

#include <algorithm>
#include <optional>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/check.h"
#include "data/random_permutation.h"

namespace gradus {
namespace {

constexpr int64_t kMaxExamples = int64_t{1} << 56;
constexpr int64_t kMaxBatchSize = int64_t{1} << 32;
constexpr int64_t kMaxPlaces = int64_t{1} << 62;

// The first step at or after the start of `epoch`: ceil(epoch * places / batch_size).
__int128 FirstStep(int64_t epoch, int64_t places, int64_t batch_size) {
  return (static_cast<__int128>(epoch) * places + batch_size - 1) / batch_size;
}

}  // namespace

absl::StatusOr<BatchOrder> BatchOrder::Make(const Options& options) {
  const int64_t n = options.num_examples;
  const int64_t b = options.batch_size;
  if (n <= 0) return absl::InvalidArgumentError("the data set has no examples");
  if (n > kMaxExamples) {
    return absl::InvalidArgumentError(absl::StrCat("a data set of ", n, " examples; the limit is 2^56"));
  }
  if (b <= 0 || b > kMaxBatchSize) {
    return absl::InvalidArgumentError(absl::StrCat("a batch size of ", b, "; it is between 1 and 2^32"));
  }
  if (options.remainder == Remainder::kDrop && b > n) {
    return absl::InvalidArgumentError(absl::StrCat(
        "a batch size of ", b, ", but the data set has ", n,
        " examples: dropping the remainder would leave no batch; use a smaller batch, or remainder: WRAP"));
  }
  return BatchOrder(options);
}

int64_t BatchOrder::PlacesPerEpoch() const {
  const int64_t n = options_.num_examples;
  const int64_t b = options_.batch_size;
  switch (options_.remainder) {
    case Remainder::kDrop:
      return n / b * b;
    case Remainder::kPad:
      return (n + b - 1) / b * b;
    case Remainder::kWrap:
      return n;
  }
  return n;
}

int64_t BatchOrder::BatchesInEpoch(int64_t epoch) const {
  GRADUS_CHECK(epoch >= 0);
  const int64_t places = PlacesPerEpoch();
  const __int128 first = FirstStep(epoch, places, options_.batch_size);
  const __int128 end = (static_cast<__int128>(epoch + 1) * places + options_.batch_size - 1) / options_.batch_size;
  return static_cast<int64_t>(end - first);
}

absl::StatusOr<int64_t> BatchOrder::StepOf(BatchPlace place) const {
  if (place.epoch < 0 || place.number < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("no batch ", place.number, " of epoch ", place.epoch, ": both count from 0"));
  }
  const __int128 step = FirstStep(place.epoch, PlacesPerEpoch(), options_.batch_size) + place.number;
  if (step * options_.batch_size >= kMaxPlaces) {
    return absl::OutOfRangeError(
        absl::StrCat("batch ", place.number, " of epoch ", place.epoch, " lies beyond 2^62 examples"));
  }
  return static_cast<int64_t>(step);
}

BatchPlace BatchOrder::PlaceOf(int64_t step) const {
  const int64_t places = PlacesPerEpoch();
  const int64_t epoch = static_cast<int64_t>(static_cast<__int128>(step) * options_.batch_size / places);
  return {epoch, static_cast<int64_t>(step - FirstStep(epoch, places, options_.batch_size))};
}

int64_t BatchOrder::Fill(int64_t step, absl::Span<ExamplePlace> examples) const {
  GRADUS_CHECK(static_cast<int64_t>(examples.size()) == options_.batch_size);
  const int64_t places = PlacesPerEpoch();
  const __int128 first = static_cast<__int128>(step) * options_.batch_size;
  int64_t epoch = static_cast<int64_t>(first / places);
  int64_t place = static_cast<int64_t>(first % places);
  int64_t real = 0;
  std::optional<RandomPermutation> permutation;
  for (ExamplePlace& example : examples) {
    if (place == places) {
      ++epoch;
      place = 0;
      permutation.reset();
    }
    if (place >= options_.num_examples) {  // padding
      example = examples[0];
      continue;
    }
    if (options_.shuffle && !permutation) permutation.emplace(options_.num_examples, options_.seed, epoch);
    example = {epoch, options_.shuffle ? (*permutation)(place) : place};
    ++place;
    ++real;
  }
  return real;
}

}  // namespace gradus
