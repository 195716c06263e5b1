#include "train/safetensors_header.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace gradus {
namespace {

TEST(PrintSafetensorsHeader, IsTheFormatsJson) {
  EXPECT_EQ(
      *PrintSafetensorsHeader({{"conv1/weights", {DType::kFloat32, {2, 3}}}, {"\"\n\u00e9", {DType::kUint8, {}}}}),
      "{\"conv1/weights\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]},"
      "\"\\\"\\n\u00e9\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[24,25]}} ");
  EXPECT_EQ(*PrintSafetensorsHeader({}), "{}      ");
}

TEST(PrintSafetensorsHeader, RefusesWhatNobodyCouldRead) {
  const TensorType type = {DType::kFloat32, {1}};
  const auto message = [&](const std::vector<NamedType>& tensors) {
    return std::string(PrintSafetensorsHeader(tensors).status().message());
  };
  EXPECT_EQ(message({{"a", type}, {"a", type}}), "two tensors have the name 'a'");
  EXPECT_EQ(message({{"", type}}), "a tensor cannot have the name ''");
  EXPECT_EQ(message({{"__metadata__", type}}), "a tensor cannot have the name '__metadata__'");
  EXPECT_EQ(message({{"\xff", type}}), "the name '\xff' of a tensor is not UTF-8");
  EXPECT_EQ(message({{"a", {DType::kOpaque, {1}}}}), "the type opaque cannot be saved");
}

TEST(ParseSafetensorsHeader, ReadsWhatOthersWrite) {
  const auto tensors = ParseSafetensorsHeader(
      R"( {"__metadata__": {"format": "pt", "x": ""},
           "b": {"shape": [2, 3], "data_offsets": [8, 20], "dtype": "BF16"},
           "empty": {"dtype": "F64", "shape": [0, 7], "data_offsets": [8, 8]},
           "a": {"dtype": "I64", "shape": [], "data_offsets": [0, 8]}} )",
      20);
  ASSERT_TRUE(tensors.ok()) << tensors.status();
  ASSERT_EQ(tensors->size(), 3u);
  EXPECT_EQ((*tensors)[0].name, "a");
  EXPECT_EQ((*tensors)[0].ToString(), "I64[]");
  EXPECT_EQ((*tensors)[0].type, (TensorType{DType::kOpaque, {8}}));
  EXPECT_EQ((*tensors)[1].name, "b");
  EXPECT_EQ((*tensors)[1].ToString(), "BF16[2, 3]");
  EXPECT_EQ((*tensors)[1].type.ToString(), "f32[2, 3]");
  EXPECT_EQ((*tensors)[1].offset, 8);
  EXPECT_EQ((*tensors)[1].bytes, 12);
  EXPECT_EQ((*tensors)[2].type.ToString(), "f64[0, 7]");
  EXPECT_TRUE(ParseSafetensorsHeader("{}", 0).ok());
}

struct BadHeader {
  const char* json;
  int64_t data_bytes;
  const char* message;
};

TEST(ParseSafetensorsHeader, NamesTheTensorThatIsWrong) {
  const BadHeader rows[] = {
      {"", 0, "the header is not JSON at byte 1"},
      {"{\"a\":", 0, "the header is not JSON at byte 6"},
      {"{} x", 0, "the header is not JSON at byte 4"},
      {"[]", 0, "the header must be an object; unexpected array"},
      {"7", 0, "the header must be an object; unexpected number 7"},
      {"{\"a\": 7}", 0, "tensor 'a': unexpected number 7"},
      {"{\"a\": [[[[", 0, "tensor 'a': unexpected array"},
      {"{\"a\": {}}", 0, "tensor 'a': field 'dtype' is missing"},
      {R"({"a": {"dtype": "F32", "shape": [1]}})", 4, "tensor 'a': field 'data_offsets' is missing"},
      {R"({"a": {"dtype": "F32", "dtype": "F64"}})", 4, "tensor 'a': field 'dtype' is there twice"},
      {R"({"a": {"strides": [1]}})", 4, "tensor 'a': unknown field 'strides'"},
      {R"({"a": {"dtype": 4}})", 4, "tensor 'a': unexpected number 4 at 'dtype'"},
      {R"({"a": {"dtype": {"dtype": "F32"}}})", 4, "tensor 'a': unexpected object at 'dtype'"},
      {R"({"a": {"shape": [[1]]}})", 4, "tensor 'a': unexpected array at 'shape'"},
      {R"({"a": {"shape": ["1"]}})", 4, "tensor 'a': unexpected string at 'shape'"},
      {R"({"a": {"shape": [null]}})", 4, "tensor 'a': unexpected null at 'shape'"},
      {R"({"a": {"shape": [1.5]}})", 4, "tensor 'a': unexpected number 1.5 at 'shape'"},
      {R"({"a": {"shape": [-1]}})", 4, "tensor 'a': unexpected number -1 at 'shape'"},
      {R"({"a": {"shape": [9223372036854775808]}})", 4, "tensor 'a': the number 9223372036854775808 is out of range"},
      {R"({"a": {"shape": [18446744073709551616]}})", 4,
       "tensor 'a': unexpected number 18446744073709551616 at 'shape'"},
      {R"({"a": {"dtype": "F4", "shape": [1], "data_offsets": [0, 4]}})", 4, "tensor 'a': unknown dtype 'F4'"},
      {R"({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0]}})", 4,
       "tensor 'a': data_offsets [0] do not lie in the 4 bytes of data"},
      {R"({"a": {"dtype": "F32", "shape": [1], "data_offsets": [4, 0]}})", 4,
       "tensor 'a': data_offsets [4, 0] do not lie in the 4 bytes of data"},
      {R"({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 8]}})", 4,
       "tensor 'a': data_offsets [0, 8] do not lie in the 4 bytes of data"},
      {R"({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]}})", 4, "tensor 'a': F32[2] has 8 bytes, not 4"},
      {R"({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]},
           "a": {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]}})",
       8, "tensor 'a': it is there twice"},
      {R"({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]},
           "b": {"dtype": "F32", "shape": [1], "data_offsets": [2, 6]}})",
       6, "tensor 'b' starts at byte 2 of the data, the one before it ends at 4"},
      {R"({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]},
           "b": {"dtype": "F32", "shape": [1], "data_offsets": [5, 9]}})",
       9, "tensor 'b' starts at byte 5 of the data, the one before it ends at 4"},
      {R"({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}})", 5,
       "the tensors have 4 bytes, the file has 5 for them"},
      {R"({"__metadata__": {"a": 1}})", 0, "tensor '__metadata__': unexpected number 1"},
  };
  for (const BadHeader& row : rows) {
    const absl::Status status = ParseSafetensorsHeader(row.json, row.data_bytes).status();
    EXPECT_EQ(status.message(), row.message) << row.json;
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << row.json;
  }
}

TEST(ParseSafetensorsHeader, RefusesShapesThatOverflow) {
  for (const char* shape : {"[4611686018427387904, 4]", "[72057594037927936]", "[1,1,1,1,1,1,1,1,1,1,1,1,1]"}) {
    const std::string json =
        std::string(R"({"a": {"dtype": "F32", "shape": )") + shape + R"(, "data_offsets": [0, 16]}})";
    EXPECT_EQ(ParseSafetensorsHeader(json, 16).status().code(), absl::StatusCode::kDataLoss) << shape;
  }
}

// Nesting costs neither stack nor patience.
TEST(ParseSafetensorsHeader, RefusesDeepNestingAtOnce) {
  EXPECT_FALSE(ParseSafetensorsHeader(std::string(10'000'000, '['), 0).ok());
  std::string objects;
  for (int i = 0; i < 1'000'000; ++i) objects += "{\"a\":";
  EXPECT_FALSE(ParseSafetensorsHeader(objects, 0).ok());
}

}  // namespace
}  // namespace gradus
