// Says how large and how sparse a trained model's weights are: see kUsage.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/glob.h"
#include "core/human.h"
#include "core/status_macros.h"
#include "examples/command_line.h"
#include "examples/text_table.h"
#include "examples/trained_model.h"

namespace {

constexpr char kUsage[] = R"(Says how large and how sparse the variables of a trained model are.

  show_weights --run_dir=runs/l1
  show_weights --run_dir=runs/max_norm --match="*/weights"

For each variable: how many elements are not zero, and their share; the mean magnitude; the largest; and the largest L2 norm
of what enters one unit or filter (an index of the first axis; a vector is taken as a whole).

Exit code: 0, 1 after an error, 2 for wrong flags.)";

}  // namespace

ABSL_FLAG(std::string, run_dir, "", "folder of a run: its newest whole checkpoint");
ABSL_FLAG(std::string, checkpoint, "", "folder of a checkpoint, instead of --run_dir");
ABSL_FLAG(std::string, match, "**", "pattern of the variables, as in a param_group");

namespace gradus {
namespace {

struct Size {
  int64_t nonzero = 0;
  double mean = 0, largest = 0, largest_norm = 0;
};

Size Measure(const Tensor& tensor) {
  Size size;
  const absl::Span<const float> values = tensor.values<float>();
  const auto elements = static_cast<int64_t>(values.size());
  const int64_t units = tensor.shape().rank() > 1 ? tensor.shape()[0] : 1;
  for (int64_t unit = 0; unit < units && elements > 0; ++unit) {
    const int64_t each = elements / units;
    double squares = 0;
    for (int64_t i = unit * each; i < (unit + 1) * each; ++i) {
      const double magnitude = std::abs(static_cast<double>(values[i]));
      size.nonzero += magnitude != 0 ? 1 : 0;
      size.mean += magnitude / static_cast<double>(elements);
      size.largest = std::max(size.largest, magnitude);
      squares += magnitude * magnitude;
    }
    size.largest_norm = std::max(size.largest_norm, std::sqrt(squares));
  }
  return size;
}

absl::StatusOr<int> ShowWeights(const std::vector<std::string>& arguments) {
  GRADUS_RETURN_IF_ERROR(RefuseArguments(arguments));
  GRADUS_ASSIGN_OR_RETURN(const TrainedModel trained,
                          OpenTrainedModel(absl::GetFlag(FLAGS_checkpoint), absl::GetFlag(FLAGS_run_dir)));
  std::vector<std::string> names;
  for (const StoredTensor& tensor : trained.checkpoint.model().tensors()) names.push_back(tensor.name);
  const absl::StatusOr<std::vector<size_t>> matches = MatchNames(absl::GetFlag(FLAGS_match), names, "variable");
  if (!matches.ok()) return absl::InvalidArgumentError(absl::StrCat("--match: ", matches.status().message()));
  using Align = TextTable::Align;
  TextTable table(
      {Align::kLeft, Align::kLeft, Align::kRight, Align::kRight, Align::kRight, Align::kRight, Align::kRight});
  table.Add({"variable", "type", "not zero", "share", "mean |w|", "max |w|", "max norm"});
  for (const size_t i : *matches) {
    GRADUS_ASSIGN_OR_RETURN(const Tensor tensor, trained.checkpoint.ReadModel(names[i]));
    if (tensor.dtype() != DType::kFloat32) continue;
    const Size size = Measure(tensor);
    const double share = static_cast<double>(size.nonzero) / std::max<double>(1, tensor.shape().num_elements());
    table.Add({names[i], tensor.type().ToString(), HumanCount(size.nonzero), absl::StrFormat("%.2f %%", 100 * share),
               absl::StrFormat("%.4g", size.mean), absl::StrFormat("%.4g", size.largest),
               absl::StrFormat("%.4g", size.largest_norm)});
  }
  std::printf("%s", table.ToString().c_str());
  return 0;
}

}  // namespace
}  // namespace gradus

int main(int argc, char** argv) { return gradus::RunProgram(argc, argv, kUsage, gradus::ShowWeights); }
