#include "data/batch_order.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

namespace gradus {
namespace {

BatchOrder Make(int64_t examples, int64_t batch_size, Remainder remainder, bool shuffle = false) {
  const absl::StatusOr<BatchOrder> order = BatchOrder::Make({examples, batch_size, shuffle, 1, remainder});
  EXPECT_TRUE(order.ok()) << order.status();
  return *order;
}

// "0:0 0:1 0:2* | ...": epoch:index of each example, * for padding; "0/1" in front is the batch's place.
std::string Print(const BatchOrder& order, int64_t batch_size, int64_t steps) {
  std::string text;
  for (int64_t step = 0; step < steps; ++step) {
    std::vector<ExamplePlace> examples(batch_size);
    const int64_t real = order.Fill(step, absl::MakeSpan(examples));
    const BatchPlace place = order.PlaceOf(step);
    absl::StrAppend(&text, place.epoch, "/", place.number, ":");
    for (int64_t i = 0; i < batch_size; ++i) {
      absl::StrAppend(&text, " ", examples[i].epoch, ":", examples[i].index, i >= real ? "*" : "");
    }
    text += "\n";
    EXPECT_EQ(*order.StepOf(place), step);
    EXPECT_LT(place.number, order.BatchesInEpoch(place.epoch));
  }
  return text;
}

TEST(BatchOrderTest, DropsTheRemainder) {
  const BatchOrder order = Make(5, 2, Remainder::kDrop);
  EXPECT_EQ(order.BatchesInEpoch(0), 2);
  EXPECT_EQ(Print(order, 2, 3),
            "0/0: 0:0 0:1\n"
            "0/1: 0:2 0:3\n"
            "1/0: 1:0 1:1\n");
}

TEST(BatchOrderTest, PadsTheRemainder) {
  const BatchOrder order = Make(5, 3, Remainder::kPad);
  EXPECT_EQ(order.BatchesInEpoch(7), 2);
  EXPECT_EQ(Print(order, 3, 4),
            "0/0: 0:0 0:1 0:2\n"
            "0/1: 0:3 0:4 0:3*\n"
            "1/0: 1:0 1:1 1:2\n"
            "1/1: 1:3 1:4 1:3*\n");
  EXPECT_EQ(Print(Make(2, 4, Remainder::kPad), 4, 1), "0/0: 0:0 0:1 0:0* 0:0*\n");
}

TEST(BatchOrderTest, WrapsTheRemainder) {
  const BatchOrder order = Make(5, 2, Remainder::kWrap);
  EXPECT_EQ(order.BatchesInEpoch(0), 3);
  EXPECT_EQ(order.BatchesInEpoch(1), 2);
  EXPECT_EQ(Print(order, 2, 6),
            "0/0: 0:0 0:1\n"
            "0/1: 0:2 0:3\n"
            "0/2: 0:4 1:0\n"
            "1/0: 1:1 1:2\n"
            "1/1: 1:3 1:4\n"
            "2/0: 2:0 2:1\n");
  const BatchOrder large = Make(2, 5, Remainder::kWrap);  // a batch of more than two epochs
  EXPECT_EQ(large.BatchesInEpoch(0), 1);
  EXPECT_EQ(large.BatchesInEpoch(1), 0);
  EXPECT_EQ(Print(large, 5, 2),
            "0/0: 0:0 0:1 1:0 1:1 2:0\n"
            "2/0: 2:1 3:0 3:1 4:0 4:1\n");
}

TEST(BatchOrderTest, WrappedAndShuffledEpochsHoldEveryExampleOnce) {
  const BatchOrder order = Make(10, 4, Remainder::kWrap, true);
  std::set<std::pair<int64_t, int64_t>> seen;
  std::vector<ExamplePlace> examples(4);
  for (int64_t step = 0; step < 15; ++step) {
    EXPECT_EQ(order.Fill(step, absl::MakeSpan(examples)), 4);
    for (const ExamplePlace& example : examples) seen.insert({example.epoch, example.index});
  }
  EXPECT_EQ(seen.size(), 60);
  EXPECT_EQ(seen.rbegin()->first, 5);
}

TEST(BatchOrderTest, CountsOnIntoLaterEpochs) {
  const BatchOrder order = Make(5, 2, Remainder::kDrop);
  EXPECT_EQ(*order.StepOf({1, 3}), 5);
  EXPECT_EQ(order.PlaceOf(5).epoch, 2);
  EXPECT_EQ(order.PlaceOf(5).number, 1);
}

TEST(BatchOrderTest, NamesWhatIsWrong) {
  const auto error = [](int64_t examples, int64_t batch_size, Remainder remainder) {
    return std::string(BatchOrder::Make({examples, batch_size, false, 0, remainder}).status().message());
  };
  EXPECT_EQ(error(0, 1, Remainder::kPad), "the data set has no examples");
  EXPECT_EQ(error(5, 0, Remainder::kPad), "a batch size of 0; it is between 1 and 2^32");
  EXPECT_EQ(error(5, -3, Remainder::kPad), "a batch size of -3; it is between 1 and 2^32");
  EXPECT_EQ(error(5, 6, Remainder::kDrop),
            "a batch size of 6, but the data set has 5 examples: dropping the remainder would leave no batch; use a "
            "smaller batch, or remainder: WRAP");
  const BatchOrder order = Make(5, 2, Remainder::kDrop);
  EXPECT_EQ(order.StepOf({-1, 0}).status().message(), "no batch 0 of epoch -1: both count from 0");
  EXPECT_EQ(order.StepOf({INT64_MAX, 0}).status().code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(order.StepOf({0, INT64_MAX}).status().code(), absl::StatusCode::kOutOfRange);
}

}  // namespace
}  // namespace gradus
