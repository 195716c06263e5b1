#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "data/npy_file.h"
#include "data/stream.h"
#include "google/protobuf/text_format.h"
#include "tests/testlib/scratch_folder.h"

namespace gradus {
namespace {

template <typename T>
std::string Bytes(const std::vector<T>& values) {
  return std::string(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T));
}

// A file of a version with the header's text as it is.
std::string WithHeader(std::string header, const std::string& elements, int version = 1) {
  while ((header.size() + (version == 1 ? 10 : 12)) % 64 != 63) header += ' ';
  header += '\n';
  std::string file = absl::StrCat("\x93NUMPY", std::string(1, static_cast<char>(version)), std::string(1, '\0'));
  const size_t length = header.size();
  for (int i = 0; i < (version == 1 ? 2 : 4); ++i) file.push_back(static_cast<char>(length >> (8 * i)));
  return file + header + elements;
}

std::string Npy(const std::string& type, const std::string& shape, const std::string& elements, int version = 1) {
  return WithHeader(absl::StrCat("{'descr': '", type, "', 'fortran_order': False, 'shape': ", shape, ", }"), elements,
                    version);
}

class NpyTest : public testing::Test {
 protected:
  void SetUp() override { folder_ = ScratchFolder(); }

  std::string Scrub(const absl::Status& status) { return absl::StrReplaceAll(status.message(), {{folder_, "DIR"}}); }

  // Opens it as a file.
  std::string ErrorOf(const std::string& contents) {
    PutFile(folder_ + "/x.npy", contents);
    const auto file = NpyFile::Open(folder_ + "/x.npy");
    return file.ok() ? "no error" : Scrub(file.status());
  }

  absl::StatusOr<ExampleSource> Open(const std::string& text) {
    DataStream stream;
    EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString("npy { " + text + " }", &stream));
    return OpenStream(stream, {folder_, {}}, TransformMode::kTrain);
  }

  // The first column of one example.
  template <typename T>
  std::vector<T> Read(const std::string& text, int64_t index) {
    const auto source = Open(text);
    EXPECT_TRUE(source.ok()) << source.status();
    if (!source.ok()) return {};
    EXPECT_EQ(source->columns()[0].type.dtype, DTypeOf<T>);
    std::vector<T> values(source->columns()[0].type.shape.num_elements());
    const absl::Status status = source->dataset().Read(index, {reinterpret_cast<uint8_t*>(values.data())});
    EXPECT_TRUE(status.ok()) << status;
    return values;
  }

  std::string folder_;
};

constexpr char kX[] = "column { name: 'x' path: 'x.npy' }";

TEST_F(NpyTest, ReadsEveryTypeAndVersion) {
  PutFile(folder_ + "/x.npy", Npy("<f4", "(2, 2)", Bytes<float>({1, 2, 3, 4}), 1));
  EXPECT_EQ(Read<float>(kX, 1), (std::vector<float>{3, 4}));
  PutFile(folder_ + "/x.npy", Npy("<f8", "(2, 1, 2)", Bytes<double>({1, 2, 3, 4.5}), 2));
  EXPECT_EQ(Read<float>(kX, 1), (std::vector<float>{3, 4.5f}));
  PutFile(folder_ + "/x.npy", Npy("<i4", "(3,)", Bytes<int32_t>({1, -2, 3}), 3));
  EXPECT_EQ(Read<int32_t>(kX, 1), (std::vector<int32_t>{-2}));
  PutFile(folder_ + "/x.npy", Npy("<i8", "(3L,)", Bytes<int64_t>({1, -2, 3})));
  EXPECT_EQ(Read<int32_t>(kX, 1), (std::vector<int32_t>{-2}));
  PutFile(folder_ + "/x.npy", Npy("|u1", "(2,)", Bytes<uint8_t>({7, 255})));
  EXPECT_EQ(Read<int32_t>(kX, 1), (std::vector<int32_t>{255}));
  PutFile(folder_ + "/x.npy", Npy("|u1", "(1, 3)", Bytes<uint8_t>({0, 51, 255})));
  EXPECT_EQ(Read<float>(kX, 0), (std::vector<float>{0, 0.2f, 1}));
}

TEST_F(NpyTest, AxesBecomeThoseOfImages) {
  std::vector<float> values(2 * 2 * 3 * 3);
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i);
  PutFile(folder_ + "/x.npy", Npy("<f4", "(2, 2, 3, 3)", Bytes(values)));
  const std::string hwc = "column { name: 'x' path: 'x.npy' axes: HWC }";
  EXPECT_EQ(Open(hwc)->columns()[0].type.ToString(), "f32[3, 2, 3]");
  EXPECT_EQ(Read<float>(hwc, 1),
            (std::vector<float>{18, 21, 24, 27, 30, 33, 19, 22, 25, 28, 31, 34, 20, 23, 26, 29, 32, 35}));
  PutFile(folder_ + "/x.npy", Npy("<f4", "(6, 2, 3)", Bytes(values)));
  EXPECT_EQ(Open("column { name: 'x' path: 'x.npy' axes: HW }")->columns()[0].type.ToString(), "f32[1, 2, 3]");
  EXPECT_EQ(Scrub(Open(hwc).status()), "DIR/x.npy is [6, 2, 3], but axes: HWC wants 4 axes, [N, H, W, C]");
}

TEST_F(NpyTest, LargeExamplesAreReadInPieces) {
  std::vector<double> values(3 * 5000);
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<double>(i);
  PutFile(folder_ + "/x.npy", Npy("<f8", "(3, 5000)", Bytes(values)));
  const std::vector<float> last = Read<float>(kX, 2);
  for (int i = 0; i < 5000; ++i) ASSERT_EQ(last[i], 10000 + i);
}

TEST_F(NpyTest, BelievesNoHeader) {
  EXPECT_EQ(ErrorOf(""), "DIR/x.npy is not a .npy file; numpy.save makes one of an array");
  EXPECT_EQ(ErrorOf("1 2 3\n4 5 6\n"), "DIR/x.npy is not a .npy file; numpy.save makes one of an array");
  EXPECT_EQ(ErrorOf("PK\x03\x04 and so on"),
            "DIR/x.npy is an archive of arrays (.npz); save each with numpy.save(\"name.npy\", archive[\"name\"])");
  EXPECT_EQ(ErrorOf(Npy("<f4", "(2,)", Bytes<float>({1, 2}), 4)),
            "DIR/x.npy is a .npy file of version 4; versions 1 to 3 can be read");
  EXPECT_EQ(ErrorOf(std::string("\x93NUMPY\x02\x00\xff\xff\xff\xff{}", 14)),
            "DIR/x.npy is damaged: its header claims 4294967295 bytes");
  const std::string text = "DIR/x.npy is damaged: its header cannot be understood";
  for (const char* header : {"", "{", "{'descr': '<f4'", "{'descr' '<f4'}", "{'shape': (1,)}", "[1]",
                             "{'descr': '<f4', 'fortran_order': "
                             "False, 'shape': (1, 2}",
                             "{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}",
                             "{'descr': '<f4', 'fortran_order': 3, 'shape': (1,)}",
                             "{'descr': '<f4', 'fortran_order': False, 'shape': "
                             "(99999999999999999999,)}",
                             "{'descr': '<f4', 'fortran_order': False, 'shape': (1,)} import os"}) {
    EXPECT_EQ(ErrorOf(WithHeader(header, "    ")), text) << header;
  }
  EXPECT_EQ(ErrorOf(Npy("<f4", "(3,)", Bytes<float>({1, 2}))),
            "DIR/x.npy has 136 bytes, but [3] of <f4 takes 140; is the file complete?");
  EXPECT_NE(ErrorOf(Npy("<f4", "(4611686018427387904, 4611686018427387904)", "")), "no error");
  EXPECT_NE(ErrorOf(Npy("<f8", "(1000000000, 1000000)", "")), "no error");
  EXPECT_EQ(ErrorOf(Npy(">f4", "(1,)", "    ")),
            "DIR/x.npy has elements of type >f4; u1, i4, i8, f4 and f8 can be read, little-endian: "
            "array.astype(\"<f4\") makes it one of them");
  EXPECT_EQ(
      ErrorOf(WithHeader("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }", "    ")).substr(0, 45),
      "DIR/x.npy has elements of type a structure; u");
  EXPECT_EQ(ErrorOf(WithHeader("{'descr': '<f4', 'fortran_order': True, 'shape': (1, 1), }", "    ")),
            "DIR/x.npy has its elements in Fortran order; save numpy.ascontiguousarray(array) instead");
}

TEST_F(NpyTest, NamesWhatIsWrong) {
  const auto error = [this](const std::string& text) { return Scrub(Open(text).status()); };
  EXPECT_EQ(error(""), "npy: needs at least one `column { name: \"...\" path: \"....npy\" }`");
  EXPECT_EQ(error("column { name: 'x' }"), "npy: column 0 needs a name and a path");
  PutFile(folder_ + "/x.npy", Npy("<i8", "(2,)", Bytes<int64_t>({1, int64_t{1} << 40})));
  PutFile(folder_ + "/y.npy", Npy("<f4", "(3,)", Bytes<float>({1, 2, 3})));
  EXPECT_EQ(error("column { name: 'x' path: 'xx.npy' }"), "DIR/xx.npy: no such file; did you mean 'x.npy'?");
  EXPECT_EQ(error(std::string(kX) + "column { name: 'y' path: 'y.npy' }"),
            "DIR/y.npy has 3 examples, but DIR/x.npy has 2");
  EXPECT_EQ(error(std::string(kX) + kX), "columns 0 and 1 are both named 'x'");
  const auto source = Open(kX);
  ASSERT_TRUE(source.ok());
  int32_t value = 0;
  EXPECT_EQ(Scrub(source->dataset().Read(1, {reinterpret_cast<uint8_t*>(&value)})),
            "DIR/x.npy: 1099511627776 does not fit into an i32");
  PutFile(folder_ + "/x.npy", Npy("<f4", "()", Bytes<float>({1})));
  EXPECT_EQ(error(kX), "DIR/x.npy is a single number; the examples are to lie along its first axis");
}

}  // namespace
}  // namespace gradus
