#include "examples/viewer.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "examples/class_name.h"
#include "examples/evaluation_data.h"
#include "examples/image_views.h"
#include "train/model_variables.h"

namespace gradus {

absl::StatusOr<std::unique_ptr<Viewer>> Viewer::Open(TrainedModel trained, absl::string_view program,
                                                     std::string data_dir, int threads) {
  GRADUS_ASSIGN_OR_RETURN(ModelImage input, FindModelImage(trained.file, program));
  GRADUS_ASSIGN_OR_RETURN(std::shared_ptr<VariableStore> variables, DeclareVariables(trained));
  SessionOptions options;
  options.threads = threads;
  return std::unique_ptr<Viewer>(
      new Viewer(std::move(trained), std::move(input), std::move(data_dir), std::move(variables), std::move(options)));
}

absl::StatusOr<NetworkView> Viewer::View(NetworkView::Options options) {
  if (options.layer.empty()) options.layer = Output();
  GRADUS_ASSIGN_OR_RETURN(NetworkView view,
                          NetworkView::Make(trained_.file.model.model, input_.name, options, &session_));
  GRADUS_RETURN_IF_ERROR(RestoreVariables(trained_.checkpoint, /*optimizer=*/false, &session_.variables()));
  return view;
}

absl::StatusOr<Viewer::Data> Viewer::OpenData() const {
  constexpr int64_t kBatch = 32;
  GRADUS_ASSIGN_OR_RETURN(std::unique_ptr<Loader> loader, OpenEvaluationData(trained_, data_dir_, kBatch));
  GRADUS_ASSIGN_OR_RETURN(const int column,
                          FindColumn(trained_, *loader, input_.column, input_.type.dtype, input_.type.shape.dims(),
                                     absl::StrCat("input '", input_.name, "' needs it")));
  return Data{std::move(loader), column};
}

absl::StatusOr<std::vector<Tensor>> Viewer::Images(const std::vector<std::string>& files, int64_t count) const {
  if (files.empty()) {
    GRADUS_ASSIGN_OR_RETURN(const Data data, OpenData());
    return FirstImages(data.loader.get(), data.column, count);
  }
  std::vector<Tensor> images;
  for (const std::string& file : files) {
    GRADUS_ASSIGN_OR_RETURN(Tensor image, ReadModelImage(trained_, input_, file));
    images.push_back(std::move(image));
  }
  return images;
}

std::string Viewer::NameOf(const NetworkView& view, int64_t unit) const {
  return view.layer() == Output() ? ClassName(trained_.class_names, unit) : absl::StrCat(unit);
}

}  // namespace gradus
