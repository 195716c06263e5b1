// The images of a trained model: which input takes them, and where they come from, a user's file or the evaluation data
// of the checkpoint. Functions; thread-safe.
#ifndef GRADUS_EXAMPLES_MODEL_IMAGE_H_
#define GRADUS_EXAMPLES_MODEL_IMAGE_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/tensor.h"
#include "examples/trained_model.h"

namespace gradus {

struct ModelImage {
  std::string name;    // of the model's input
  std::string column;  // of the data set that fed it
  TensorType type;     // of one example
};

// The model's only f32[C, H, W] input without free dimensions, of 1 or 3 channels. `program` is what the error calls
// who needs it.
absl::StatusOr<ModelImage> FindModelImage(const TrainingFile& file, absl::string_view program);

// A JPEG or PNG file as the model takes it, f32[C, H, W]: prepared as the checkpoint's evaluation data were. An error
// with both shapes where it then has another size.
absl::StatusOr<Tensor> ReadModelImage(const TrainedModel& trained, const ModelImage& input, const std::string& path);

}  // namespace gradus

#endif  // GRADUS_EXAMPLES_MODEL_IMAGE_H_
