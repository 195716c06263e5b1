// What `scan_image` sees and refuses.
#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/tensor.h"
#include "data/image_file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/examples/run_program.h"
#include "tests/testlib/images.h"
#include "tests/testlib/scratch_folder.h"

namespace gradus {
namespace {

using testing::HasSubstr;

constexpr char kInputs[] = R"(input { name: "image" dims: [1, 8, 8] } input { name: "label" dtype: INT32 }
)";

// Black, but for a white square.
std::string Photo(int64_t height, int64_t width, int64_t top, int64_t left, int64_t side) {
  Tensor image(TensorType{DType::kUint8, {1, height, width}});
  for (int64_t y = top; y < top + side; ++y) std::fill_n(image.data() + y * width + left, side, 255);
  return Png(image);
}

// A linear classifier of bright and dark images of 8 x 8, made of larger ones, and the same as a convolution.
class ScanImageTest : public testing::Test {
 protected:
  void SetUp() override {
    for (const std::string split : {"train", "val"}) {
      for (const char* name : {"bright", "dark"}) {
        std::filesystem::create_directories(absl::StrCat(folder_, "/light/", split, "/", name));
      }
      for (int i = 0; i < 20; ++i) {
        PutFile(absl::StrCat(folder_, "/light/", split, "/bright/", i, ".png"), Photo(10 + i % 3, 12, 0, 0, 10));
        PutFile(absl::StrCat(folder_, "/light/", split, "/dark/", i, ".png"), Photo(10 + i % 3, 12, 0, 0, 0));
      }
    }
    PutFile(folder_ + "/dense.textproto", absl::StrCat(kInputs, R"(
        layer { name: "logits" dense { units: 2 weights_init { constant { value: 0 } } } }
        loss { name: "xent" input: "logits" target: "label" softmax_cross_entropy {} })"));
    PutFile(folder_ + "/conv.textproto", R"(input { name: "image" dims: [1, -1, -1] }
        layer { name: "logits" conv { filters: 2 kernel: 8 } })");
    PutFile(folder_ + "/train.textproto",
            R"(model: "dense.textproto" batch_size: 10 epochs: 5 learning_rate: 0.1 threads: 1
        train_data {
          image_folder { path: "light" split: TRAIN channels: 1 } transform { resize { height: 8 width: 8 } }
        }
        eval_data {
          image_folder { path: "light" split: TEST channels: 1 } transform { resize { height: 8 width: 8 } }
          transform { normalize { mean: 0.25 } }
        })");
    const ProgramEnd end = RunExample("train", {"--config=" + folder_ + "/train.textproto", "--data_dir=" + folder_,
                                                "--run_dir=" + folder_ + "/run"});
    ASSERT_EQ(end.exit_code, 0) << end.err;
  }

  ProgramEnd Scan(const std::vector<std::string>& more) {
    std::vector<std::string> words = {"--run_dir=" + folder_ + "/run", "--model=" + folder_ + "/conv.textproto",
                                      "--output=" + folder_ + "/scores.png", "--threads=1"};
    words.insert(words.end(), more.begin(), more.end());
    return RunExample("scan_image", words);
  }

  const std::string folder_ = ScratchFolder();
};

// Every window, although the evaluation data are resized; the best is on the square.
TEST_F(ScanImageTest, APhotographIsScannedAsLargeAsItIs) {
  PutFile(folder_ + "/photo.png", Photo(20, 30, 5, 11, 8));
  const ProgramEnd end = Scan({folder_ + "/photo.png"});
  ASSERT_EQ(end.exit_code, 0) << end.err;
  const std::string seen = "scores [2, 13, 23] of an image [1, 20, 30]\n";
  ASSERT_THAT(end.out, HasSubstr(seen));
  EXPECT_THAT(end.out.substr(end.out.find(seen) + seen.size()),
              testing::ContainsRegex("^bright: log odds [0-9.]+ at x 15, y 9\n"));
  EXPECT_TRUE(DecodeImage("scores.png", GetFile(folder_ + "/scores.png"), 3).ok());
}

TEST_F(ScanImageTest, AnExampleAloneIsOneWindow) {
  const ProgramEnd end = Scan({"--data_dir=" + folder_, "--digits=1", "--height=8", "--width=8"});
  ASSERT_EQ(end.exit_code, 0) << end.err;
  EXPECT_THAT(end.out, HasSubstr("scores [2, 1, 1] of an image [1, 8, 8]\n"));
  EXPECT_THAT(end.out, testing::ContainsRegex("bright: log odds [0-9.]+ at x 4, y 4\n"));  // the first of the data
}

TEST_F(ScanImageTest, Mistakes) {
  PutFile(folder_ + "/small.png", Photo(20, 7, 0, 0, 3));
  PutFile(folder_ + "/text.png", "text");
  struct Row {
    std::vector<std::string> words;
    int exit_code;
    const char* message;
  };
  const Row rows[] = {
      {{"a.png", "b.png"}, 2, "one image at a time: 'b.png' is too much"},
      {{"a.png", "--digits=3"}, 2, "--digits means nothing with an image"},
      {{"--data_dir=" + folder_, "--height=7"}, 2, "--height is 7; it must be 8 to 4096"},
      {{"--data_dir=" + folder_, "--digits=0"}, 2, "--digits is 0; it must be 1 to 1000"},
      {{"--model="}, 2, "--model is missing"},
      {{folder_ + "/no.png"}, 1, "no.png': No such file or directory"},
      {{folder_ + "/text.png"}, 1, "text.png: not a JPEG or PNG image"},
      {{folder_ + "/small.png"},
       1,
       "small.png: an image of 7 x 20 pixels is smaller than the classifier's window of 8 x 8"},
      {{"--model=" + folder_ + "/dense.textproto", "--data_dir=" + folder_}, 1, "a score map needs one, the image"},
      {{"--model=" + folder_ + "/no.textproto"}, 1, "no.textproto"},
      {{"--data_dir=" + folder_, "--output=/nowhere/a.png"}, 1, "/nowhere"},
  };
  for (const Row& row : rows) {
    const ProgramEnd end = Scan(row.words);
    EXPECT_EQ(end.exit_code, row.exit_code) << end.err;
    EXPECT_THAT(end.err, HasSubstr(row.message));
  }
}

}  // namespace
}  // namespace gradus
