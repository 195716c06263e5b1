#include "data/stream.h"

#include <gtest/gtest.h>

#include <cstring>

#include "data/loader.h"
#include "google/protobuf/text_format.h"
#include "tests/data/foreign.pb.h"

namespace gradus {
namespace {

class RampDataset : public Dataset {
 public:
  explicit RampDataset(int64_t size) : size_(size) {}
  int64_t size() const override { return size_; }
  const std::vector<Column>& columns() const override { return columns_; }
  absl::Status Read(int64_t index, absl::Span<uint8_t* const> columns) const override {
    const float values[] = {static_cast<float>(index), static_cast<float>(-index)};
    std::memcpy(columns[0], values, sizeof values);
    return absl::OkStatus();
  }

 private:
  const int64_t size_;
  const std::vector<Column> columns_ = {{"x", {DType::kFloat32, {2}}}};
};

absl::StatusOr<std::unique_ptr<Dataset>> OpenRamp(const google::protobuf::Message& config, const DatasetContext&) {
  return std::make_unique<RampDataset>(static_cast<const acme::Ramp&>(config).examples());
}
REGISTER_DATASET(acme::Ramp::descriptor()->full_name(), OpenRamp);

class JitterTransform : public ExampleTransform {
 public:
  explicit JitterTransform(TensorType type) : type_(std::move(type)) {}
  const TensorType& output() const override { return type_; }
  void Apply(const uint8_t* in, uint8_t* out, RandomSequence* random) const override {
    for (int64_t i = 0; i < type_.shape.num_elements(); ++i) {
      reinterpret_cast<float*>(out)[i] = reinterpret_cast<const float*>(in)[i] + static_cast<float>(random->Uniform());
    }
  }

 private:
  const TensorType type_;
};

absl::StatusOr<std::unique_ptr<ExampleTransform>> MakeJitter(const google::protobuf::Message&, const TensorType& input,
                                                             TransformMode mode) {
  if (mode == TransformMode::kEvaluate) return nullptr;
  return std::make_unique<JitterTransform>(input);
}
REGISTER_TRANSFORM(acme::Jitter::descriptor()->full_name(), MakeJitter);

DataStream Parse(const std::string& text) {
  DataStream stream;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &stream)) << text;
  return stream;
}

std::string ErrorOf(const std::string& text, TransformMode mode = TransformMode::kTrain) {
  const absl::StatusOr<ExampleSource> source = OpenStream(Parse(text), {}, mode);
  return source.ok() ? "no error" : std::string(source.status().message());
}

// The first column of one example.
std::vector<float> Example(const ExampleSource& source, uint64_t seed, ExamplePlace place) {
  absl::StatusOr<ExampleSource::Scratch> scratch = source.MakeScratch();
  std::vector<std::vector<uint8_t>> values;
  std::vector<uint8_t*> columns;
  for (const Column& column : source.columns()) values.emplace_back(column.type.bytes());
  for (std::vector<uint8_t>& value : values) columns.push_back(value.data());
  EXPECT_TRUE(source.Read(seed, place, columns, &*scratch).ok());
  std::vector<float> result(values[0].size() / sizeof(float));
  std::memcpy(result.data(), values[0].data(), values[0].size());
  return result;
}

TEST(StreamTest, ForeignDatasetsAndTransformsNeedNoEditOfOurs) {
  const DataStream stream = Parse(
      "[acme.Ramp.ramp] { examples: 9 }"
      "transform { column: 'x' normalize { mean: 1 } } transform { column: 'x' [acme.Jitter.jitter] {} }");
  const absl::StatusOr<ExampleSource> train = OpenStream(stream, {}, TransformMode::kTrain);
  ASSERT_TRUE(train.ok()) << train.status();
  EXPECT_EQ(train->size(), 9);
  const absl::StatusOr<ExampleSource> evaluate = OpenStream(stream, {}, TransformMode::kEvaluate);
  ASSERT_TRUE(evaluate.ok());
  EXPECT_EQ(Example(*evaluate, 0, {0, 5}), (std::vector<float>{4, -6}));
  const std::vector<float> first = Example(*train, 0, {0, 5});
  EXPECT_GT(first[0], 4);
  EXPECT_LT(first[0], 5);
}

TEST(StreamTest, RandomnessIsAFunctionOfSeedEpochIndexAndTransform) {
  const DataStream stream = Parse(
      "[acme.Ramp.ramp] { examples: 9 }"
      "transform { column: 'x' [acme.Jitter.jitter] {} } transform { column: 'x' [acme.Jitter.jitter] {} }");
  const absl::StatusOr<ExampleSource> source = OpenStream(stream, {}, TransformMode::kTrain);
  ASSERT_TRUE(source.ok());
  const std::vector<float> first = Example(*source, 1, {0, 0});
  EXPECT_EQ(first, Example(*source, 1, {0, 0}));
  EXPECT_NE(first, Example(*source, 2, {0, 0}));
  EXPECT_NE(first, Example(*source, 1, {1, 0}));
  EXPECT_NE(first[0], Example(*source, 1, {0, 1})[0] - 1);
  const DataStream once = Parse("[acme.Ramp.ramp] { examples: 9 } transform { column: 'x' [acme.Jitter.jitter] {} }");
  const float jitter = Example(*OpenStream(once, {}, TransformMode::kTrain), 1, {0, 0})[0];
  EXPECT_NE(first[0], 2 * jitter);  // the second transform draws numbers of its own
}

TEST(StreamTest, SkipsAndTakes) {
  const absl::StatusOr<ExampleSource> source =
      OpenStream(Parse("[acme.Ramp.ramp] { examples: 9 } skip: 3 take: 2"), {}, TransformMode::kTrain);
  ASSERT_TRUE(source.ok());
  EXPECT_EQ(source->size(), 2);
  EXPECT_EQ(Example(*source, 0, {0, 1})[0], 4);
  EXPECT_EQ(ErrorOf("[acme.Ramp.ramp] { examples: 9 } skip: 9"), "skip 9 of a data set of 9 examples");
  EXPECT_EQ(ErrorOf("[acme.Ramp.ramp] { examples: 9 } skip: -1"), "skip -1 of a data set of 9 examples");
  EXPECT_EQ(ErrorOf("[acme.Ramp.ramp] { examples: 9 } skip: 3 take: 7"),
            "take 7, but after skip 3 the data set has 6 examples");
  EXPECT_EQ(ErrorOf("[acme.Ramp.ramp] { examples: 9 } take: 0"),
            "take 0, but after skip 0 the data set has 9 examples");
}

TEST(StreamTest, NamesWhatIsWrong) {
  EXPECT_EQ(ErrorOf(""),
            "no dataset is given; known: idx, synthetic_digits, image_folder, cifar10, cifar100, npy, text, "
            "adding_problem, synthetic_faces, annotated_images, synthetic_points, or an extension");
  EXPECT_EQ(ErrorOf("idx {} [acme.Ramp.ramp] {}"), "idx and [acme.Ramp.ramp] are given, but only one dataset may be");
  EXPECT_EQ(ErrorOf("[acme.Rampe.rampe] {}"),
            "no data set is registered for 'acme.Rampe'; did you mean 'acme.Ramp'? (is its library linked in, with "
            "alwayslink = 1?)");
  EXPECT_EQ(ErrorOf("[acme.Rampe.rampes] {}"),
            "[acme.Rampe.rampes] is not a single message, so it cannot be a dataset");
  EXPECT_EQ(ErrorOf("[acme.Ramp.ramp] { examples: 9 } transform { column: 'x' }"),
            "transform 0 of column 'x': no transform is given; known: normalize, random_crop, center_crop, "
            "random_horizontal_flip, resize, random_resized_crop, color_jitter, lighting, or an extension");
  EXPECT_EQ(ErrorOf("[acme.Ramp.ramp] { examples: 9 } transform { normalize {} }"),
            "transform 0: the data set has no column 'image'; known: x");
  EXPECT_EQ(ErrorOf("synthetic_digits {} transform { normalize {} } transform { random_crop { height: 29 } }"),
            "transform 1 of column 'image': RandomCrop: a window of height 29 does not fit into f32[1, 28, 28]: it is "
            "between 1 and 28");
}

TEST(StreamTest, EmptyDataSetsHaveNoBatches) {
  absl::StatusOr<ExampleSource> source = OpenStream(Parse("[acme.Ramp.ramp] {}"), {}, TransformMode::kTrain);
  ASSERT_TRUE(source.ok());
  EXPECT_EQ(Loader::Make(*std::move(source), {}).status().message(), "the data set has no examples");
}

TEST(PreprocessTest, DoesToOneValueWhatEvaluationDoes) {
  const DataStream stream = Parse(
      "synthetic_digits {} transform { random_crop { height: 20 width: 24 pad: 2 } }"
      "transform { random_horizontal_flip {} } transform { normalize { mean: 0.5 std: 0.25 } }");
  const absl::StatusOr<ExampleSource> source = OpenStream(stream, {}, TransformMode::kEvaluate);
  ASSERT_TRUE(source.ok());
  const absl::StatusOr<ExampleSource> plain = OpenStream(Parse("synthetic_digits {}"), {}, TransformMode::kEvaluate);
  const std::vector<float> pixels = Example(*plain, 0, {0, 3});
  Tensor bytes(TensorType{DType::kUint8, {1, 28, 28}});
  for (int i = 0; i < 784; ++i) bytes.values<uint8_t>()[i] = static_cast<uint8_t>(pixels[i] * 255 + 0.5f);
  const absl::StatusOr<Tensor> made = Preprocess(stream, "image", bytes);
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_EQ(made->type(), source->columns()[0].type);
  const absl::Span<const float> values = made->values<float>();
  EXPECT_EQ(std::vector<float>(values.begin(), values.end()), Example(*source, 0, {0, 3}));
}

TEST(PreprocessTest, WithoutTransformsOnlyScales) {
  const absl::StatusOr<Tensor> made =
      Preprocess(Parse("synthetic_digits {}"), "image", Tensor::Of<uint8_t>({1, 1, 2}, {0, 255}));
  ASSERT_TRUE(made.ok());
  EXPECT_EQ(made->values<float>()[1], 1);
  EXPECT_EQ(Preprocess(DataStream(), "image", Tensor::Of<int32_t>({1}, {1})).status().message(),
            "column 'image' is made of u8 or f32 values, not i32[1]");
  EXPECT_EQ(Preprocess(DataStream(), "image", Tensor()).status().message(), "the value for column 'image' is empty");
}

}  // namespace
}  // namespace gradus
