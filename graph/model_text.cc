#include "graph/model_text.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "core/shape.h"
#include "graph/names.h"

namespace gradus {
namespace {

// Of losses and metrics; StampLayers sees the others.
void CheckTermNames(const Model& model, MistakeList* mistakes) {
  absl::flat_hash_map<std::string, std::string> paths;  // the names so far, each with its path
  const auto check = [&](absl::string_view what, const std::string& name, int index) {
    const std::string path = ElementPath(what, index), name_path = path + ".name";
    if (name.empty()) return mistakes->Add(InModel(name_path), "", absl::StrCat(what, " without a name"));
    const std::string mistake = NameMistake(name, /*may_have_dots=*/false);
    if (!mistake.empty()) mistakes->Add(InModel(name_path), "", absl::StrCat(Called(what, name), " ", mistake));
    const auto [first, added] = paths.try_emplace(name, name_path);
    if (added) return;
    mistakes->Add(InModel(name_path), "",
                  absl::StrCat("a second '", name, "': the first is at ",
                               mistakes->Place(InModel(first->second), "").ToString()));
  };
  for (int i = 0; i < model.loss_size(); ++i) check("loss", model.loss(i).name(), i);
  for (int i = 0; i < model.metric_size(); ++i) {
    check("metric", model.metric(i).name(), i);
    if (model.metric(i).name() == "loss") {
      mistakes->Add(InModel(ElementPath("metric", i) + ".name"), "",
                    "a metric cannot be called 'loss': evaluations report the sum of all losses by this name");
    }
  }
}

void CheckDims(const Model& model, int index, MistakeList* mistakes) {
  const Input& input = model.input(index);
  const Origin where = InModel(ElementPath("input", index));
  std::vector<int64_t> dims = {1};  // the batch
  for (int i = 0; i < input.dims_size(); ++i) {
    const int64_t dim = input.dims(i);
    dims.push_back(std::max<int64_t>(dim, 1));
    if (dim >= 1 || dim == -1) continue;
    mistakes->Add(where, ElementPath("dims", i),
                  absl::StrCat(Called("input", input.name()), " has dimension ", dim,
                               "; it must be above 0, or -1 if it is bound later"));
  }
  const absl::StatusOr<Shape> shape = Shape::Make(dims);
  if (shape.ok()) return;
  mistakes->Add(where, "dims",
                absl::StrCat(Called("input", input.name()), " with its batch: ", shape.status().message()));
}

void CheckVariableDims(const Model& model, int index, MistakeList* mistakes) {
  const SharedVariable& variable = model.variable(index);
  for (int i = 0; i < variable.dims_size(); ++i) {
    if (variable.dims(i) >= 1) continue;
    mistakes->Add(
        InModel(ElementPath("variable", index)), ElementPath("dims", i),
        absl::StrCat(Called("variable", variable.name()), " has dimension ", variable.dims(i), "; it must be above 0"));
  }
}

void CheckDefaults(const Model& model, MistakeList* mistakes) {
  if (model.defaults().residual().layer_size() > 0 || model.defaults().concat().branch_size() > 0) {
    mistakes->Add(InModel("defaults"), model.defaults().concat().branch_size() > 0 ? "concat" : "residual",
                  "layers inside others cannot be defaults; write a block");
  }
}

}  // namespace

void CheckText(const Model& model, MistakeList* mistakes) {
  for (int i = 0; i < model.input_size(); ++i) CheckDims(model, i, mistakes);
  for (int i = 0; i < model.variable_size(); ++i) CheckVariableDims(model, i, mistakes);
  CheckTermNames(model, mistakes);
  CheckDefaults(model, mistakes);
}

}  // namespace gradus
