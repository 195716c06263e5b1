#include "examples/model_image.h"

#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/file.h"
#include "core/status_macros.h"
#include "data/stream.h"
#include "examples/command_line.h"

namespace gradus {

absl::StatusOr<ModelImage> FindModelImage(const TrainingFile& file, absl::string_view program) {
  std::vector<ModelImage> found;
  for (const Input& input : file.model.model.model().input()) {
    if (input.dtype() != Input::FLOAT32) continue;
    absl::StatusOr<Shape> shape = Shape::Make(input.dims());
    if (!shape.ok() || shape->rank() != 3 || ((*shape)[0] != 1 && (*shape)[0] != 3)) continue;
    found.push_back({input.name(), input.name(), {DType::kFloat32, *std::move(shape)}});
  }
  if (found.size() != 1) {
    return absl::FailedPreconditionError(absl::StrCat(
        "the model has ", found.size(), " inputs that take images of a fixed size, f32[1, H, W] or f32[3, H, W]; ",
        program, " needs one"));
  }
  for (const Feed& feed : file.training.feed()) {
    if (feed.input() == found[0].name) found[0].column = feed.column();
  }
  return found[0];
}

absl::StatusOr<Tensor> ReadModelImage(const TrainedModel& trained, const ModelImage& input, const std::string& path) {
  GRADUS_ASSIGN_OR_RETURN(const std::string bytes, ReadFile(UserPath(path)));
  GRADUS_ASSIGN_OR_RETURN(Tensor prepared, PrepareImage(trained.evaluation, input.column,
                                                        static_cast<int>(input.type.shape[0]), path, bytes));
  if (prepared.type() == input.type) return prepared;
  return absl::InvalidArgumentError(absl::StrCat(path, ": the image is ", prepared.shape().ToString(),
                                                 " when prepared, but the model's input '", input.name, "' is ",
                                                 input.type.shape.ToString(), ": channels, height, width"));
}

}  // namespace gradus
