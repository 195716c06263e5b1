#include "data/loader.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <set>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "google/protobuf/text_format.h"

namespace gradus {
namespace {

// x: f32[1, 2, 2], all of it `index`; y: i32 scalar. May fail at one index, and takes longer for some examples.
class CountingDataset : public Dataset {
 public:
  explicit CountingDataset(int64_t size, int64_t bad = -1) : size_(size), bad_(bad) {}
  int64_t size() const override { return size_; }
  const std::vector<Column>& columns() const override { return columns_; }
  absl::Status Read(int64_t index, absl::Span<uint8_t* const> columns) const override {
    ++reads_;
    if (index == bad_) return absl::DataLossError("disk on fire");
    if (index % 5 == 0) std::this_thread::sleep_for(std::chrono::microseconds(50));
    for (int i = 0; i < 4; ++i) reinterpret_cast<float*>(columns[0])[i] = static_cast<float>(index);
    *reinterpret_cast<int32_t*>(columns[1]) = static_cast<int32_t>(index);
    return absl::OkStatus();
  }
  int64_t reads() const { return reads_; }

 private:
  const int64_t size_;
  const int64_t bad_;
  mutable std::atomic<int64_t> reads_{0};
  const std::vector<Column> columns_ = {{"x", {DType::kFloat32, {1, 2, 2}}}, {"y", {DType::kInt32, {}}}};
};

std::unique_ptr<Loader> Make(int64_t examples, const LoaderOptions& options) {
  auto loader = Loader::Make(std::make_shared<CountingDataset>(examples), options);
  EXPECT_TRUE(loader.ok()) << loader.status();
  return *std::move(loader);
}

std::string ErrorOf(int64_t examples, const LoaderOptions& options) {
  const auto loader = Loader::Make(std::make_shared<CountingDataset>(examples), options);
  return loader.ok() ? "no error" : std::string(loader.status().message());
}

// All bytes of a batch, and its place.
std::string Bytes(const Batch& batch) {
  std::string bytes = absl::StrCat(batch.place.epoch, "/", batch.place.number, " ", batch.num_examples, ":");
  const auto append = [&](const Tensor& tensor) {
    bytes.append(reinterpret_cast<const char*>(tensor.data()), tensor.bytes());
  };
  for (const Tensor& column : batch.columns) append(column);
  append(batch.weights);
  for (const ExamplePlace& example : batch.examples) absl::StrAppend(&bytes, " ", example.epoch, ":", example.index);
  return bytes;
}

std::vector<std::string> Batches(Loader* loader, int count) {
  std::vector<std::string> batches;
  for (int i = 0; i < count; ++i) {
    const absl::StatusOr<const Batch*> batch = loader->Next();
    EXPECT_TRUE(batch.ok()) << batch.status();
    batches.push_back(Bytes(**batch));
  }
  return batches;
}

ExampleSource AugmentedSource() {
  google::protobuf::RepeatedPtrField<Transform> transforms;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString("column: 'x' random_crop { pad: 1 }", transforms.Add()));
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString("column: 'x' random_horizontal_flip {}", transforms.Add()));
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString("column: 'x' normalize { mean: 3 }", transforms.Add()));
  auto source = ExampleSource::Make(std::make_shared<CountingDataset>(23), transforms, TransformMode::kTrain);
  EXPECT_TRUE(source.ok()) << source.status();
  return *std::move(source);
}

TEST(LoaderTest, MakesBatchesInOrder) {
  LoaderOptions options;
  options.batch_size = 2;
  options.remainder = Remainder::kPad;
  const std::unique_ptr<Loader> loader = Make(3, options);
  EXPECT_EQ(loader->BatchesInEpoch(0), 2);
  EXPECT_EQ(loader->num_examples(), 3);
  const Batch* batch = *loader->Next();
  EXPECT_EQ(batch->columns[0].type().ToString(), "f32[2, 1, 2, 2]");
  EXPECT_EQ(batch->columns[1].type().ToString(), "i32[2]");
  EXPECT_EQ(batch->num_examples, 2);
  batch = *loader->Next();
  EXPECT_EQ(batch->num_examples, 1);
  EXPECT_EQ(batch->place.number, 1);
  EXPECT_EQ(batch->columns[1].values<int32_t>()[0], 2);
  EXPECT_EQ(batch->columns[1].values<int32_t>()[1], 2);  // padding repeats
  EXPECT_EQ(batch->weights.values<float>()[0], 1);
  EXPECT_EQ(batch->weights.values<float>()[1], 0);
  EXPECT_EQ(loader->place().epoch, 1);
  EXPECT_EQ((*loader->Next())->weights.values<float>()[1], 1);
}

TEST(LoaderTest, ThreadsChangeNoByte) {
  for (Remainder remainder : {Remainder::kDrop, Remainder::kWrap, Remainder::kPad}) {
    LoaderOptions options;
    options.batch_size = 5;
    options.shuffle = true;
    options.seed = 3;
    options.remainder = remainder;
    auto loader = Loader::Make(AugmentedSource(), options);
    ASSERT_TRUE(loader.ok());
    const std::vector<std::string> expected = Batches(loader->get(), 40);
    EXPECT_EQ(std::set<std::string>(expected.begin(), expected.end()).size(), 40);
    for (int threads : {1, 4}) {
      options.threads = threads;
      loader = Loader::Make(AugmentedSource(), options);
      ASSERT_TRUE(loader.ok());
      EXPECT_EQ(Batches(loader->get(), 40), expected) << threads << " threads";
    }
  }
}

TEST(LoaderTest, SeekResumesExactly) {
  for (Remainder remainder : {Remainder::kDrop, Remainder::kWrap, Remainder::kPad}) {
    for (int threads : {0, 2}) {
      LoaderOptions options;
      options.batch_size = 5;
      options.shuffle = true;
      options.remainder = remainder;
      options.threads = threads;
      auto first = Loader::Make(AugmentedSource(), options);
      ASSERT_TRUE(first.ok());
      Batches(first->get(), 7);
      const BatchPlace place = (*first)->place();
      const std::vector<std::string> expected = Batches(first->get(), 9);
      auto second = Loader::Make(AugmentedSource(), options);
      ASSERT_TRUE(second.ok());
      ASSERT_TRUE((*second)->Seek(place).ok());
      EXPECT_EQ(Batches(second->get(), 9), expected);
      ASSERT_TRUE((*first)->Seek(place).ok());  // backwards, over batches read ahead
      EXPECT_EQ(Batches(first->get(), 9), expected);
      EXPECT_FALSE((*first)->Seek({-1, 0}).ok());
    }
  }
}

TEST(LoaderTest, ShuffleIsAFunctionOfSeedAndEpoch) {
  LoaderOptions options;
  options.batch_size = 50;
  const auto order = [&](uint64_t seed, bool shuffle, int64_t epoch) {
    options.seed = seed;
    options.shuffle = shuffle;
    const std::unique_ptr<Loader> loader = Make(50, options);
    EXPECT_TRUE(loader->Seek({epoch, 0}).ok());
    const absl::Span<const int32_t> labels = (*loader->Next())->columns[1].values<int32_t>();
    return std::vector<int32_t>(labels.begin(), labels.end());
  };
  std::vector<int32_t> sorted = order(1, true, 0);
  EXPECT_EQ(sorted, order(1, true, 0));
  EXPECT_NE(sorted, order(2, true, 0));
  EXPECT_NE(sorted, order(1, true, 1));
  std::sort(sorted.begin(), sorted.end());
  EXPECT_EQ(sorted, order(1, false, 0));
  EXPECT_EQ(sorted, order(9, false, 4));
}

TEST(LoaderTest, ABatchStaysUntilTheNextCall) {
  LoaderOptions options;
  options.batch_size = 2;
  options.threads = 3;
  const std::unique_ptr<Loader> loader = Make(100, options);
  for (int i = 0; i < 30; ++i) {
    const Batch* batch = *loader->Next();
    const std::string before = Bytes(*batch);
    std::this_thread::sleep_for(std::chrono::microseconds(300));
    EXPECT_EQ(Bytes(*batch), before);
  }
}

TEST(LoaderTest, ReadsAheadAsFarAsItsBuffersReach) {
  auto dataset = std::make_shared<CountingDataset>(100);
  LoaderOptions options;
  options.threads = 2;
  {
    const auto loader = Loader::Make(dataset, options);
    ASSERT_TRUE(loader.ok());
    EXPECT_EQ(dataset->reads(), 0);
    ASSERT_TRUE((*loader)->Next().ok());
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    EXPECT_LE(dataset->reads(), 4);
  }
  EXPECT_GE(dataset->reads(), 1);
}

TEST(LoaderTest, ErrorsNameTheExampleAndStay) {
  for (int threads : {0, 1, 4}) {
    LoaderOptions options;
    options.batch_size = 2;
    options.threads = threads;
    const auto loader = Loader::Make(std::make_shared<CountingDataset>(20, 7), options);
    ASSERT_TRUE(loader.ok());
    Batches(loader->get(), 3);
    for (int i = 0; i < 2; ++i) {
      const absl::Status status = (*loader)->Next().status();
      EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
      EXPECT_EQ(status.message(), "example 7: disk on fire");
      EXPECT_EQ((*loader)->place().number, 3);
    }
    ASSERT_TRUE((*loader)->Seek({0, 4}).ok());  // past it
    EXPECT_EQ(Batches(loader->get(), 2).size(), 2);
  }
}

TEST(LoaderTest, NamesWhatIsWrong) {
  LoaderOptions options;
  EXPECT_EQ(ErrorOf(0, options), "the data set has no examples");
  options.batch_size = 4;
  EXPECT_EQ(ErrorOf(3, options),
            "a batch size of 4, but the data set has 3 examples: dropping the remainder would leave no batch; use a "
            "smaller batch, or remainder: WRAP");
  options.remainder = Remainder::kWrap;
  EXPECT_EQ(ErrorOf(3, options), "no error");
  options.threads = 257;
  EXPECT_EQ(ErrorOf(3, options), "257 loader threads; they are between 0 and 256");
  options.threads = 0;
  options.batch_size = int64_t{1} << 32;  // 16 + 4 + 4 + 16 bytes each: beyond any machine that runs this test
  const std::string error = ErrorOf(3, options);
  EXPECT_TRUE(error.find("use a smaller batch or fewer loader threads") != std::string::npos) << error;
}

TEST(ExampleSourceTest, NeedsNamedColumns) {
  class Columns : public CountingDataset {
   public:
    explicit Columns(std::vector<Column> columns) : CountingDataset(1), columns_(std::move(columns)) {}
    const std::vector<Column>& columns() const override { return columns_; }

   private:
    std::vector<Column> columns_;
  };
  const auto error = [](std::vector<Column> columns) {
    return std::string(ExampleSource::Make(std::make_shared<Columns>(std::move(columns))).status().message());
  };
  EXPECT_EQ(error({}), "the data set has no columns");
  EXPECT_EQ(error({{"a", {}}, {"", {}}}), "column 1 has no name");
  EXPECT_EQ(error({{"a", {}}, {"b", {}}, {"a", {}}}), "columns 0 and 2 are both named 'a'");
}

}  // namespace
}  // namespace gradus
