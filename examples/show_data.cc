// Draws training examples: see kUsage.
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/human.h"
#include "core/status_macros.h"
#include "data/loader.h"
#include "examples/class_name.h"
#include "examples/command_line.h"
#include "examples/evaluation_data.h"
#include "examples/image_grid.h"
#include "examples/training_data.h"
#include "train/training_file.h"

namespace {

constexpr char kUsage[] =
    R"(Draws training examples as a network sees them: in the order of the first epoch, augmented, with their labels.

  show_data --config=examples/digits/lenet.train.textproto
  show_data --config=examples/mnist/lenet.train.textproto --data_dir=/data/mnist --output=mnist.png --count=100
  show_data --config=... --set='train_data.transform=[{random_crop {pad: 2}}]'

Normalised values are stretched to black and white, for each channel over all images shown.

Exit code: 0, 1 after an error, 2 for wrong flags.)";

}  // namespace

ABSL_FLAG(std::string, config, "", "training file (gradus.Training as text)");
ABSL_FLAG(std::string, stage, "", "of a training file with stages: which one");
ABSL_FLAG(std::string, data_dir, "", "folder that relative paths of data sets start from; empty: the current one");
ABSL_FLAG(std::string, output, "data.png", "PNG file to write");
ABSL_FLAG(int64_t, count, 64, "examples to draw");
ABSL_FLAG(gradus::RepeatedFlag, set, {}, "path.to.field=value: overrides a field of the training file; repeatable");

namespace gradus {
namespace {

// The columns to draw.
struct DrawnColumns {
  int image = -1;  // f32[C, H, W]
  int label = -1;  // i32; -1: none
};

absl::StatusOr<DrawnColumns> ChooseColumns(absl::Span<const Column> columns) {
  DrawnColumns drawn;
  for (int i = static_cast<int>(columns.size()) - 1; i >= 0; --i) {  // the first of each kind stays
    const TensorType& type = columns[i].type;
    if (type.dtype == DType::kFloat32 && type.shape.rank() == 3) drawn.image = i;
    if (type.dtype == DType::kInt32 && type.shape.rank() == 0) drawn.label = i;
  }
  if (drawn.image >= 0) return drawn;
  const std::string all = absl::StrJoin(columns, ", ", [](std::string* out, const Column& column) {
    absl::StrAppend(out, "'", column.name, "' ", column.type.ToString());
  });
  return absl::InvalidArgumentError(
      absl::StrCat("the training data have no images to draw, no column f32[C, H, W]; their columns: ", all));
}

// The next `count` examples.
absl::StatusOr<CaptionedImages> ReadExamples(Loader* loader, const DrawnColumns& drawn, int64_t count) {
  const std::vector<std::string> names = loader->source().dataset().class_names();
  CaptionedImages captioned;
  for (int64_t i = 0; i < count; ++i) {
    GRADUS_ASSIGN_OR_RETURN(const Batch* batch, loader->Next());
    TellSkipped(*batch);
    Tensor image(loader->columns()[drawn.image].type);  // without the batch's dimension of 1
    std::memcpy(image.data(), batch->columns[drawn.image].data(), image.bytes());
    captioned.images.push_back(std::move(image));
    captioned.captions.push_back(drawn.label < 0 ? ""
                                                 : ClassName(names, batch->columns[drawn.label].values<int32_t>()[0]));
  }
  return captioned;
}

absl::StatusOr<int> ShowData(const std::vector<std::string>& arguments) {
  GRADUS_RETURN_IF_ERROR(RefuseArguments(arguments));
  GRADUS_RETURN_IF_ERROR(RequireFlags({"config", "output"}));
  GRADUS_RETURN_IF_ERROR(CheckFlagRange("count", absl::GetFlag(FLAGS_count), 1));
  GRADUS_ASSIGN_OR_RETURN(
      const TrainingFile file,
      LoadTraining(absl::GetFlag(FLAGS_config), absl::GetFlag(FLAGS_set).values, absl::GetFlag(FLAGS_stage)));
  GRADUS_ASSIGN_OR_RETURN(const std::unique_ptr<Loader> loader,
                          OpenTrainingData(file, absl::GetFlag(FLAGS_data_dir), /*batch_size=*/1));
  GRADUS_ASSIGN_OR_RETURN(const DrawnColumns drawn, ChooseColumns(loader->columns()));
  const int64_t pixels = std::max<int64_t>(1, loader->columns()[drawn.image].type.shape.ElementsBetween(1, 3));
  GRADUS_RETURN_IF_ERROR(CheckFlagRange("count", absl::GetFlag(FLAGS_count), 1, kMostGridPixels / pixels));
  const int64_t count = std::min(absl::GetFlag(FLAGS_count), loader->num_examples());
  GRADUS_ASSIGN_OR_RETURN(const CaptionedImages captioned, ReadExamples(loader.get(), drawn, count));
  GRADUS_RETURN_IF_ERROR(
      WriteImageGrid(captioned, absl::GetFlag(FLAGS_output),
                     absl::StrCat(HumanCount(count), " of ", HumanCount(loader->num_examples()), " training examples, ",
                                  loader->columns()[drawn.image].type.ToString(), " each")));
  return 0;
}

}  // namespace
}  // namespace gradus

int main(int argc, char** argv) { return gradus::RunProgram(argc, argv, kUsage, gradus::ShowData); }
