#include "train/data_binding.h"

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace gradus {
namespace {

const std::vector<Column> kColumns = {{"image", {DType::kFloat32, {1, 28, 28}}}, {"label", {DType::kInt32, {}}}};

absl::StatusOr<DataBinding> Bind(const std::string& inputs, const std::string& feeds = "",
                                 const std::vector<Column>& columns = kColumns) {
  const std::string model =
      absl::StrCat(inputs, "\nlayer { name: \"y\" dense { units: 2 } } loss { name: \"l\" value {} }");
  const absl::StatusOr<TrainingFile> file = LoadTrainingText(absl::StrCat("model: \"m\"\ntrain_data {}\n", feeds),
                                                             "train.textproto", model, "model.textproto", {});
  if (!file.ok()) return file.status();
  return DataBinding::Make(*file, "train_data", columns);
}

TEST(DataBinding, BindsByNameAndByFeed) {
  absl::StatusOr<DataBinding> binding =
      Bind("input { name: \"x\" dims: [1, 28, 28] } input { name: \"label\" dtype: INT32 }",
           "feed { input: \"x\" column: \"image\" }");
  ASSERT_TRUE(binding.ok()) << binding.status();
  Batch batch;
  batch.columns.emplace_back(TensorType{DType::kFloat32, {4, 1, 28, 28}});
  batch.columns.emplace_back(TensorType{DType::kInt32, {4}});
  const absl::Span<const InputFeed> feeds = binding->Feeds(batch);
  ASSERT_EQ(feeds.size(), 2u);
  EXPECT_EQ(feeds[0].input, "x");
  EXPECT_EQ(feeds[0].value, &batch.columns[0]);
  EXPECT_EQ(feeds[1].input, "label");
  EXPECT_EQ(feeds[1].value, &batch.columns[1]);
}

TEST(DataBinding, LetsFreeDimensionsBeTheDatas) {
  const absl::StatusOr<DataBinding> binding = Bind("input { name: \"image\" dims: [1, -1, -1] }");
  ASSERT_TRUE(binding.ok()) << binding.status();
  EXPECT_EQ(binding->input_dims().at("image").ToString(), "[1, 28, 28]");
}

TEST(DataBinding, NamesBothSidesAndTheRemedy) {
  struct Row {
    const char *inputs, *feeds, *message;
  };
  const Row rows[] = {
      {"input { name: \"image\" dims: [3, 32, 32] }", "",
       "train.textproto:2:1: column 'image' is f32[1, 28, 28] for each example, but input 'image' "
       "(model.textproto:1:1) "
       "is f32[3, 32, 32]; what would fit is `input { name: \"image\" dims: [1, 28, 28] }`"},
      {"input { name: \"label\" }", "",
       "train.textproto:2:1: column 'label' is i32[] for each example, but input 'label' (model.textproto:1:1) is "
       "f32[]; what would fit is `input { name: \"label\" dtype: INT32 }`"},
      {"input { name: \"image\" dims: [1, -1] }", "",
       "train.textproto:2:1: column 'image' is f32[1, 28, 28] for each example, but input 'image' "
       "(model.textproto:1:1) "
       "is f32[1, -1]; what would fit is `input { name: \"image\" dims: [1, 28, 28] }`"},
      {"input { name: \"labels\" dtype: INT32 }", "",
       "train.textproto:2:1: the data set of train_data has no column 'labels' for input 'labels' "
       "(model.textproto:1:1), and no `feed` gives it another; did you mean 'label'?"},
      {"input { name: \"labels\" dtype: INT32 }", "feed { input: \"labels\" column: \"class\" }",
       "train.textproto:3:24: the data set of train_data has no column 'class' for input 'labels' "
       "(model.textproto:1:1); known: image, label"},
      {"input { name: \"label\" dtype: INT32 }\ninput { name: \"x\" }", "feed { input: \"lable\" column: \"image\" }",
       "train.textproto:3:8: the model has no input 'lable'; did you mean 'label'?\n"
       "train.textproto:2:1: the data set of train_data has no column 'x' for input 'x' (model.textproto:2:1), and no "
       "`feed` gives it another; known: image, label"},
  };
  for (const Row& row : rows) EXPECT_EQ(Bind(row.inputs, row.feeds).status().message(), row.message);
}

}  // namespace
}  // namespace gradus
