// A checkpoint whose layers are looked at: opens views of it, its images and the names of its classes.
//
// Owns the variables and the session that its views borrow, so it must outlive them and stays where it is. Not
// thread-safe.
#ifndef GRADUS_EXAMPLES_VIEWER_H_
#define GRADUS_EXAMPLES_VIEWER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/tensor.h"
#include "data/loader.h"
#include "examples/model_image.h"
#include "examples/network_view.h"
#include "examples/trained_model.h"
#include "graph/session.h"

namespace gradus {

class Viewer {
 public:
  // `program`: what errors call who needs an image. `data_dir`: see OpenEvaluationData. `threads`: see SessionOptions.
  static absl::StatusOr<std::unique_ptr<Viewer>> Open(TrainedModel trained, absl::string_view program,
                                                      std::string data_dir, int threads);

  // A view of options.layer, or of the model's first output where that is empty, with the checkpoint's variables.
  absl::StatusOr<NetworkView> View(NetworkView::Options options);

  // The evaluation data in small batches, and which of their columns has the images.
  struct Data {
    std::unique_ptr<Loader> loader;
    int column;
  };
  absl::StatusOr<Data> OpenData() const;

  // The files, or else the first `count` examples of the evaluation data.
  absl::StatusOr<std::vector<Tensor>> Images(const std::vector<std::string>& files, int64_t count) const;

  // "seven": a class by its name where the layer is the model's output and classes have names, else the unit's number.
  std::string NameOf(const NetworkView& view, int64_t unit) const;

  const TrainedModel& trained() const { return trained_; }
  const ModelImage& input() const { return input_; }

 private:
  Viewer(TrainedModel trained, ModelImage input, std::string data_dir, std::shared_ptr<VariableStore> variables,
         SessionOptions options)
      : trained_(std::move(trained)),
        input_(std::move(input)),
        data_dir_(std::move(data_dir)),
        session_(std::move(variables), std::move(options)) {}

  std::string Output() const { return trained_.file.model.model.model().output(0); }

  const TrainedModel trained_;
  const ModelImage input_;
  const std::string data_dir_;
  Session session_;
};

}  // namespace gradus

#endif  // GRADUS_EXAMPLES_VIEWER_H_
