// The data sets gradus.Text and gradus.AddingProblem, and what loaders see to in streams.
#include <memory>
#include <string>
#include <vector>

#include "data/dataset_registry.h"
#include "data/loader.h"
#include "data/utf8.h"
#include "gmock/gmock.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "proto/data.pb.h"
#include "tests/testlib/scratch_folder.h"

namespace gradus {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

template <typename Config>
absl::StatusOr<std::unique_ptr<Dataset>> Open(const std::string& text, const DatasetContext& context = {}) {
  Config config;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &config));
  return OpenDataset(config, context);
}

struct Window {
  std::string text, next;
};

Window ReadWindow(const Dataset& dataset, int64_t index) {
  const std::vector<std::string> names = dataset.class_names();
  std::vector<int32_t> text(dataset.columns()[0].type.shape[0]), next(text.size());
  uint8_t* const columns[] = {reinterpret_cast<uint8_t*>(text.data()), reinterpret_cast<uint8_t*>(next.data())};
  EXPECT_TRUE(dataset.Read(index, columns).ok());
  Window window;
  for (int32_t c : text) window.text += names[c];
  for (int32_t c : next) window.next += names[c];
  return window;
}

class TextTest : public ::testing::Test {
 protected:
  // Opens a file with these bytes.
  absl::StatusOr<std::unique_ptr<Dataset>> OpenFile(const std::string& bytes, const std::string& config,
                                                    std::vector<std::string> classes = {}) {
    PutFile(folder_ + "/a.txt", bytes);
    return Open<Text>("path: 'a.txt' " + config, {folder_, std::move(classes)});
  }
  const std::string folder_ = ScratchFolder();
};

TEST_F(TextTest, WindowsFollowEachOther) {
  const auto dataset = OpenFile("abcdefgh", "window: 3");
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  ASSERT_EQ((*dataset)->size(), 2);
  EXPECT_EQ(ReadWindow(**dataset, 0).text, "abc");
  EXPECT_EQ(ReadWindow(**dataset, 0).next, "bcd");
  EXPECT_EQ(ReadWindow(**dataset, 1).text, "def");
  EXPECT_EQ(ReadWindow(**dataset, 1).next, "efg");
}

TEST_F(TextTest, RowsOfBatchesGoOn) {
  const auto dataset = OpenFile("abcdefghijklmnopq", "window: 2 streams: 2");
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  ASSERT_EQ((*dataset)->size(), 8);
  std::string first, second;
  for (int64_t i = 0; i < 8; i += 2) {
    first += ReadWindow(**dataset, i).text;
    second += ReadWindow(**dataset, i + 1).text;
  }
  EXPECT_EQ(first, "abcdefgh");
  EXPECT_EQ(second, "ijklmnop");
}

TEST_F(TextTest, VocabularyIsSortedAndOfTheWholeFile) {
  const auto dataset = OpenFile("zaé☃z", "split: TRAIN test_share: 0.4 window: 1");
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  EXPECT_THAT((*dataset)->class_names(), ElementsAre("a", "z", "é", "☃"));
  EXPECT_EQ((*dataset)->size(), 2);
  EXPECT_EQ(ReadWindow(**dataset, 1).next, "é");
  const auto test = OpenFile("zaé☃z", "split: TEST test_share: 0.4 window: 1");
  ASSERT_TRUE(test.ok()) << test.status();
  EXPECT_EQ(ReadWindow(**test, 0).text, "☃");
}

TEST_F(TextTest, Mistakes) {
  const auto message = [&](const std::string& bytes, const std::string& config, std::vector<std::string> classes = {}) {
    const auto dataset = OpenFile(bytes, config, std::move(classes));
    EXPECT_FALSE(dataset.ok());
    return std::string(dataset.status().message());
  };
  EXPECT_THAT(message("abc", "window: 0"), HasSubstr("window 0 is not between 1 and 2^20"));
  EXPECT_THAT(message("abc", "streams: -1"), HasSubstr("streams -1 is below 0"));
  EXPECT_THAT(message("abc", "test_share: 1"), HasSubstr("test_share 1 is not between 0 and 1"));
  EXPECT_THAT(message("abc", "window: 3"), HasSubstr("3 characters are too few for a window of 3 and the character"));
  EXPECT_THAT(message("abcdef", "window: 3 streams: 2"), HasSubstr("too few for 2 streams of windows of 3"));
  EXPECT_THAT(message("", "window: 3"), HasSubstr("0 characters are too few"));
  EXPECT_THAT(message("ab\xff", "window: 1"), HasSubstr("a.txt: byte 2 is no UTF-8"));
  EXPECT_THAT(message("ab\nax", "window: 1", {"\n", "a", "b"}),
              HasSubstr("a.txt:2: the character 'x' does not occur in the training data's text"));
  EXPECT_THAT(std::string(Open<Text>("path: 'none.txt'", {folder_, {}}).status().message()), HasSubstr("none.txt"));
}

TEST(Utf8, TakesCodePointsAndNothingElse) {
  const auto characters = SplitUtf8("a\xC3\xA9\xE2\x98\x83\xF0\x9F\x98\x80", "t");
  ASSERT_TRUE(characters.ok());
  EXPECT_THAT(*characters, ElementsAre("a", "\xC3\xA9", "\xE2\x98\x83", "\xF0\x9F\x98\x80"));
  for (const char* bytes : {"\x80", "\xC0\x80", "\xC3", "\xE0\x80\x80", "\xED\xA0\x80", "\xF0\x80\x80\x80",
                            "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xE2\x98"}) {
    EXPECT_FALSE(SplitUtf8(bytes, "t").ok());
  }
}

TEST_F(TextTest, LoadersKeepStreamsTogether) {
  const auto loader = [&](int64_t batch, bool shuffle) {
    auto dataset = OpenFile("abcdefghijklmnopq", "window: 2 streams: 2");
    EXPECT_TRUE(dataset.ok());
    LoaderOptions options;
    options.batch_size = batch;
    options.shuffle = shuffle;
    return Loader::Make(std::shared_ptr<const Dataset>(*std::move(dataset)), options).status();
  };
  EXPECT_TRUE(loader(2, false).ok());
  EXPECT_THAT(std::string(loader(4, false).message()),
              HasSubstr("the data are 2 streams side by side, so batches must have 2 examples; the batch size is 4"));
  EXPECT_THAT(std::string(loader(2, true).message()), HasSubstr("streams go in their order"));
}

TEST(AddingProblem, SumsTheMarkedNumbers) {
  const auto dataset = Open<AddingProblem>("length: 9 seed: 3"),
             test = Open<AddingProblem>("length: 9 seed: 3 split: TEST");
  ASSERT_TRUE(dataset.ok() && test.ok());
  EXPECT_EQ((*dataset)->size(), 20000);
  EXPECT_EQ((*test)->size(), 2000);
  std::vector<float> steps(18), other(18);
  float sum = 0;
  for (int64_t i = 0; i < 50; ++i) {
    uint8_t* const columns[] = {reinterpret_cast<uint8_t*>(steps.data()), reinterpret_cast<uint8_t*>(&sum)};
    ASSERT_TRUE((*dataset)->Read(i, columns).ok());
    float marked = 0, early = 0, marks = 0;
    for (int t = 0; t < 9; ++t) {
      EXPECT_TRUE(steps[2 * t] >= 0 && steps[2 * t] <= 1);
      marked += steps[2 * t] * steps[2 * t + 1];
      marks += steps[2 * t + 1];
      if (t < 4) early += steps[2 * t + 1];
    }
    EXPECT_EQ(marks, 2);
    EXPECT_EQ(early, 1);
    EXPECT_FLOAT_EQ(sum, marked);
    float unused = 0;
    uint8_t* const others[] = {reinterpret_cast<uint8_t*>(other.data()), reinterpret_cast<uint8_t*>(&unused)};
    ASSERT_TRUE((*test)->Read(i, others).ok());
    EXPECT_NE(steps, other);
  }
}

TEST(AddingProblem, Mistakes) {
  EXPECT_THAT(std::string(Open<AddingProblem>("length: 1").status().message()),
              HasSubstr("length 1 is not between 2 and 2^20"));
  EXPECT_THAT(std::string(Open<AddingProblem>("examples: 0").status().message()),
              HasSubstr("examples 0 is not between 1 and 2^40"));
}

}  // namespace
}  // namespace gradus
