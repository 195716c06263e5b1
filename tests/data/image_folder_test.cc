// image_folder from the disk to batches: what is found, what is left out, what is refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "data/class_folders.h"
#include "data/loader.h"
#include "data/stream.h"
#include "google/protobuf/text_format.h"
#include "tests/testlib/images.h"
#include "tests/testlib/scratch_folder.h"

namespace gradus {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

constexpr char kResize[] = "transform { resize { height: 8 width: 8 } }";

class ImageFolderTest : public testing::Test {
 protected:
  void SetUp() override { folder_ = ScratchFolder(); }

  // Writes a file and the folders above it.
  void Put(const std::string& path, const std::string& contents) {
    std::filesystem::create_directories(std::filesystem::path(folder_ + "/" + path).parent_path());
    PutFile(folder_ + "/" + path, contents);
  }

  // `examples` JPEG files of different sizes in each class.
  void PutClasses(const std::vector<std::string>& classes, int examples) {
    for (size_t c = 0; c < classes.size(); ++c) {
      for (int i = 0; i < examples; ++i) {
        Put(absl::StrCat(classes[c], "/", 1000 + i, ".jpg"), Jpeg(SmoothImage(3, 20 + i % 7, 30 - i % 5, 100 * c + i)));
      }
    }
  }

  absl::StatusOr<ExampleSource> Open(const std::string& transforms = kResize, const std::string& config = "",
                                     std::vector<std::string> class_names = {},
                                     TransformMode mode = TransformMode::kTrain) {
    DataStream stream;
    EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(
        absl::StrCat("image_folder { ", config, " } ", transforms), &stream));
    return OpenStream(stream, {folder_, std::move(class_names)}, mode);
  }

  std::string ErrorOf(const std::string& transforms = kResize, const std::string& config = "",
                      std::vector<std::string> class_names = {}) {
    const auto source = Open(transforms, config, std::move(class_names));
    if (source.ok()) return "no error";
    std::string message(source.status().message());
    for (size_t at; (at = message.find(folder_)) != std::string::npos;) message.replace(at, folder_.size(), "DIR");
    return message;
  }

  std::unique_ptr<Loader> Load(int threads, Remainder remainder = Remainder::kDrop, int64_t batch_size = 8,
                               const std::string& transforms =
                                   "transform { random_resized_crop { height: 8 width: 8 } }"
                                   "transform { random_horizontal_flip {} }") {
    LoaderOptions options;
    options.batch_size = batch_size;
    options.shuffle = remainder != Remainder::kPad;
    options.seed = 5;
    options.threads = threads;
    options.remainder = remainder;
    absl::StatusOr<ExampleSource> source = Open(transforms);
    EXPECT_TRUE(source.ok()) << source.status();
    auto loader = Loader::Make(*std::move(source), options);
    EXPECT_TRUE(loader.ok()) << loader.status();
    return *std::move(loader);
  }

  // All that a batch says.
  static std::string Bytes(const Batch& batch) {
    std::string bytes;
    for (const Tensor& column : batch.columns) {
      bytes.append(reinterpret_cast<const char*>(column.data()), column.bytes());
    }
    bytes.append(reinterpret_cast<const char*>(batch.weights.data()), batch.weights.bytes());
    for (const SkippedExample& skipped : batch.skipped) absl::StrAppend(&bytes, skipped.index, skipped.message, "\n");
    return bytes;
  }

  static std::vector<std::string> Batches(Loader* loader, int count) {
    std::vector<std::string> batches;
    for (int i = 0; i < count; ++i) {
      const absl::StatusOr<const Batch*> batch = loader->Next();
      EXPECT_TRUE(batch.ok()) << batch.status();
      batches.push_back(batch.ok() ? Bytes(**batch) : std::string(batch.status().message()));
    }
    return batches;
  }

  std::string folder_;
};

TEST_F(ImageFolderTest, SortedFoldersAreTheClasses) {
  Put("dog/b.jpg", Jpeg(SmoothImage(3, 9, 9)));
  Put("dog/a.JPEG", Jpeg(SmoothImage(1, 19, 9)));
  Put("Zebra/x.png", Png(SmoothImage(3, 5, 5)));
  Put("cat/deep/er/y.jpg", Png(SmoothImage(1, 5, 6)));  // content decides
  Put("cat/z.jfif", Jpeg(SmoothImage(3, 5, 6)));
  Put("cat/.hidden.jpg", "not looked at");
  Put(".git/x.jpg", "not looked at");
  Put("cat/notes.txt", "no image");
  Put("loose.png", "no class");
  const auto source = Open();
  ASSERT_TRUE(source.ok()) << source.status();
  EXPECT_EQ(source->size(), 5);
  EXPECT_EQ(source->dataset().class_names(), (std::vector<std::string>{"Zebra", "cat", "dog"}));
  EXPECT_EQ(source->columns()[0].type.ToString(), "f32[3, 8, 8]");
  EXPECT_EQ(source->columns()[1].type.ToString(), "i32[]");
  std::vector<std::string> names;
  for (int i = 0; i < 5; ++i) {
    std::string bytes, name;
    ASSERT_TRUE(source->dataset().ReadImageFile(i, 0, &bytes, &name).ok());
    names.push_back(name);
  }
  EXPECT_EQ(names,
            (std::vector<std::string>{"Zebra/x.png", "cat/deep/er/y.jpg", "cat/z.jfif", "dog/a.JPEG", "dog/b.jpg"}));
  const auto loader = Load(0, Remainder::kPad, 5);
  const Batch* batch = *loader->Next();
  EXPECT_THAT(batch->columns[1].values<int32_t>(), testing::ElementsAre(0, 1, 1, 2, 2));
  EXPECT_TRUE(batch->skipped.empty());
  EXPECT_THAT(source->dataset().notes(),
              testing::ElementsAre(folder_ + ": 1 image is in no class's folder and left out",
                                   folder_ + ": 1 file without an image's ending left out (cat/notes.txt)"));
}

TEST_F(ImageFolderTest, SplitsAreFolders) {
  Put("train/a/1.jpg", Jpeg(SmoothImage(3, 9, 9)));
  Put("train/b/1.jpg", Jpeg(SmoothImage(3, 9, 9)));
  Put("val/b/1.jpg", Jpeg(SmoothImage(3, 9, 9)));
  EXPECT_EQ(Open(kResize, "split: TRAIN")->size(), 2);
  const auto eval = Open(kResize, "split: TEST", {"a", "b"}, TransformMode::kEvaluate);
  ASSERT_TRUE(eval.ok()) << eval.status();
  EXPECT_EQ(eval->dataset().class_names().size(), 2);
  int32_t label = -1;
  ASSERT_TRUE(eval->dataset().Read(0, {nullptr, reinterpret_cast<uint8_t*>(&label)}).ok());
  EXPECT_EQ(label, 1);  // by the training data's classes
  EXPECT_EQ(ErrorOf(kResize, "split: TEST", {"a", "bb"}),
            "DIR/val/b: the training data have no class 'b'; did you mean 'bb'?");
  EXPECT_EQ(ErrorOf(),
            "DIR has the folders train, val, which look like parts of a data set and not like classes; say `split: "
            "TRAIN` or `split: TEST`");
  EXPECT_EQ(ErrorOf(kResize, "path: 'val' split: TEST"),
            "DIR/val has no folder val or validation or valid or test for split TEST; there are: b");
}

TEST_F(ImageFolderTest, NamesWhatIsWrong) {
  EXPECT_EQ(ErrorOf(), "DIR has no folders; there has to be one for each class");
  Put("1.jpg", "");
  EXPECT_EQ(ErrorOf(),
            "DIR has 1 images but no folders; put the images of each class into a folder of its own, named after the "
            "class");
  Put("cats/1.jpg", Jpeg(SmoothImage(3, 9, 9)));
  EXPECT_EQ(ErrorOf(kResize, "path: 'catz'"), "DIR/catz: no such folder; did you mean 'DIR/cats'?");
  EXPECT_EQ(ErrorOf(kResize, "path: 'cats/1.jpg'"),
            "DIR/cats/1.jpg is a file, not a folder of images; unpack it if it is "
            "an archive");
  EXPECT_EQ(ErrorOf(kResize, "channels: 4"), "image_folder: channels is 4; it is 1 for grey or 3 for colours");
  EXPECT_THAT(ErrorOf(""), StartsWith("the images of column 'image' may have any size"));
  EXPECT_EQ(ErrorOf(), "no error");
  EXPECT_THAT(Open()->dataset().notes()[1], HasSubstr("there is only one class, 'cats'"));
  std::filesystem::create_directories(folder_ + "/dogs");
  EXPECT_EQ(ErrorOf(),
            "DIR/dogs has no images (.jpg, .jpeg, .jpe, .jfif or .png); every folder is a class and needs some");
}

TEST_F(ImageFolderTest, LinksAreFollowedButNotInCircles) {
  Put("a/1.jpg", Jpeg(SmoothImage(3, 9, 9)));
  Put("elsewhere.d/2.jpg", Jpeg(SmoothImage(3, 9, 9)));
  std::filesystem::create_directory_symlink(folder_ + "/elsewhere.d", folder_ + "/a/more");
  EXPECT_EQ(Open()->size(), 3);
  std::filesystem::create_directory_symlink("..", folder_ + "/a/up");
  EXPECT_EQ(ErrorOf(), "DIR/a/up is a symbolic link that leads back to a folder that it is in; remove it");
  std::filesystem::remove(folder_ + "/a/up");
  std::filesystem::create_symlink("self.jpg", folder_ + "/a/self.jpg");
  std::filesystem::create_symlink("nowhere", folder_ + "/a/nowhere.jpg");
  EXPECT_EQ(Open()->size(), 5);  // reading them will say what is wrong
  std::string bytes, name;
  const absl::Status status = Open()->dataset().ReadImageFile(2, 0, &bytes, &name);
  EXPECT_EQ(name, "a/nowhere.jpg");
  EXPECT_THAT(std::string(status.message()), HasSubstr("a/nowhere.jpg': No such file or directory"));
}

TEST_F(ImageFolderTest, ThreadsChangeNoByte) {
  PutClasses({"a", "b", "c"}, 70);
  Put("b/1003.jpg", "not an image");
  Put("c/1069.jpg", Jpeg(SmoothImage(3, 60, 60)).substr(0, 700));
  const std::vector<std::string> expected = Batches(Load(0).get(), 60);  // more than two epochs
  for (int threads : {1, 4}) EXPECT_EQ(Batches(Load(threads).get(), 60), expected);
  int skipped = 0;
  for (const std::string& batch : expected) skipped += batch.find("not a JPEG") != std::string::npos;
  EXPECT_EQ(skipped, 2);
  const auto resumed = Load(2);  // and after a resume
  ASSERT_TRUE(resumed->Seek({1, 7}).ok());
  const std::vector<std::string> rest = Batches(resumed.get(), 20);
  EXPECT_EQ(rest, std::vector<std::string>(expected.begin() + 26 + 7, expected.begin() + 26 + 27));
}

TEST_F(ImageFolderTest, DamagedImagesAreLeftOutAndCounted) {
  PutClasses({"a", "b"}, 60);
  Put("a/1000.jpg", "");
  for (int threads : {0, 2}) {
    const auto loader = Load(threads);
    std::vector<std::string> messages;
    for (int i = 0; i < 15; ++i) {  // an epoch
      const Batch* batch = *loader->Next();
      for (const SkippedExample& skipped : batch->skipped) messages.push_back(skipped.message);
      for (float weight : batch->weights.values<float>()) EXPECT_EQ(weight, 1);
      if (i == 14) break;
      EXPECT_EQ(loader->skipped_in_epoch(), static_cast<int64_t>(messages.size()));
    }
    EXPECT_THAT(messages, testing::ElementsAre("a/1000.jpg: not a JPEG or PNG image: the file is empty"));
    EXPECT_EQ(loader->skipped_in_epoch(), 0);  // of the next
  }
  const auto evaluation = Load(1, Remainder::kPad, 32);
  float sum = 0;
  for (int i = 0; i < 4; ++i) {
    const Batch* batch = *evaluation->Next();
    for (float weight : batch->weights.values<float>()) sum += weight;
    if (i > 0) continue;
    EXPECT_EQ(batch->weights.values<float>()[0], 0);
    EXPECT_EQ(batch->columns[0].values<float>().subspan(0, 192), batch->columns[0].values<float>().subspan(192, 192));
  }
  EXPECT_EQ(sum, 119);
}

TEST_F(ImageFolderTest, MoreThanAHundredthStopsTheRun) {
  PutClasses({"a", "b"}, 100);
  Put("a/1007.jpg", "<html>");
  Put("b/1011.jpg", "");
  EXPECT_TRUE(Load(0, Remainder::kPad, 200)->Next().ok());  // 2 of 200
  Put("b/1012.jpg", "GIF89a");
  const std::string message =
      "3 of 200 examples cannot be used, which is more than 1 %; the data need to be put in order:\n"
      "a/1007.jpg: not a JPEG or PNG image: it looks like an HTML or XML file\n"
      "b/1011.jpg: not a JPEG or PNG image: the file is empty\n"
      "b/1012.jpg: not a JPEG or PNG image: it looks like a GIF file";
  for (int threads : {0, 1, 4}) {
    const auto loader = Load(threads, Remainder::kPad, 10);
    int batches = 0;
    absl::Status status;
    while (status.ok()) {
      status = loader->Next().status();
      batches += status.ok();
    }
    EXPECT_EQ(batches, 11);  // the third is example 112
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
    EXPECT_EQ(status.message(), message);
    EXPECT_EQ(loader->Next().status().message(), message);
    ASSERT_TRUE(loader->Seek({0, 11}, 1).ok());  // as resumed there
    EXPECT_THAT(std::string(loader->Next().status().message()), StartsWith("3 of 200 examples"));
  }
}

TEST_F(ImageFolderTest, UnreadableFilesAreLeftOutToo) {
  PutClasses({"a"}, 100);
  std::filesystem::remove(folder_ + "/a/1050.jpg");
  std::filesystem::create_symlink("1050.jpg", folder_ + "/a/1050.jpg");  // a link to itself
  const Batch* batch = nullptr;
  const auto loader = Load(1, Remainder::kPad, 100);
  batch = *loader->Next();
  ASSERT_EQ(batch->skipped.size(), 1);
  EXPECT_EQ(batch->skipped[0].index, 50);
  EXPECT_THAT(batch->skipped[0].message, HasSubstr("a/1050.jpg': Too many levels of symbolic links"));
}

TEST_F(ImageFolderTest, PreparedImagesAreThoseOfEvaluation) {
  const std::string jpeg = Jpeg(SmoothImage(3, 300, 200));
  Put("a/1.jpg", jpeg);
  const std::string transforms =
      "transform { random_resized_crop { height: 16 width: 24 } } transform { normalize { mean: [0.4, 0.5, 0.6] } }";
  DataStream stream;
  ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString("image_folder {} " + transforms, &stream));
  const absl::StatusOr<Tensor> prepared = PrepareImage(stream, "image", 3, "x.jpg", jpeg);
  ASSERT_TRUE(prepared.ok()) << prepared.status();
  LoaderOptions options;
  auto loader = Loader::Make(*OpenStream(stream, {folder_, {}}, TransformMode::kEvaluate), options);
  ASSERT_TRUE(loader.ok());
  EXPECT_EQ((*(*loader)->Next())->columns[0].values<float>(), prepared->values<float>());
}

}  // namespace
}  // namespace gradus
