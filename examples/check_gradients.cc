// Checks a model's gradients: see kUsage.
#include <cstdio>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/status/statusor.h"
#include "core/status_macros.h"
#include "examples/command_line.h"
#include "examples/model_gradient_check.h"
#include "graph/load_model.h"

namespace {

constexpr char kUsage[] = R"(Checks the gradients of a model against differences, both in float64.

  check_gradients --model=examples/mnist/lenet.textproto
  check_gradients --model=mine.textproto --batch=4 --seed=7

The model is lowered for training and fed random images and labels; its parameters are at their first values. Of every
parameter 20 elements and one random direction are moved a little, and the change of the loss is compared with what the
gradient promises. Where the loss has a kink (ReLU at 0, a tie of maxima) another point is drawn. All points are a
function of --seed.

A table on stdout: what was compared, and the worst relative error of each parameter. The time grows with the model:
seconds for LeNet, far too long for ImageNet's networks.

Exit code: 0 when all gradients are right, 1 when one is wrong or after an error, 2 for wrong flags.)";

}  // namespace

ABSL_FLAG(std::string, model, "", "model file (gradus.Model as text)");
ABSL_FLAG(int64_t, batch, 2, "examples in the batch");
ABSL_FLAG(gradus::RepeatedFlag, dims, {},
          "input=d1,d2,...: one example's shape of an input with free dimensions; repeatable");
ABSL_FLAG(uint64_t, seed, 1, "decides parameters, inputs and what is compared");
ABSL_FLAG(int, elements, 20, "elements compared in each parameter");
ABSL_FLAG(double, tolerance, 1e-6, "largest relative error of a right gradient");

namespace gradus {
namespace {

absl::StatusOr<int> Check(const std::vector<std::string>& arguments) {
  GRADUS_RETURN_IF_ERROR(RefuseArguments(arguments));
  GRADUS_RETURN_IF_ERROR(RequireFlags({"model"}));
  ModelGradientOptions options;
  options.batch = absl::GetFlag(FLAGS_batch);
  options.check.elements = absl::GetFlag(FLAGS_elements);
  options.check.tolerance = absl::GetFlag(FLAGS_tolerance);
  options.check.seed = options.check.state.seed = absl::GetFlag(FLAGS_seed);
  GRADUS_RETURN_IF_ERROR(CheckFlagRange("batch", options.batch, 1));
  GRADUS_RETURN_IF_ERROR(CheckFlagRange("elements", options.check.elements, 1));
  if (!(options.check.tolerance > 0)) return WrongFlags("--tolerance must be above 0");
  GRADUS_ASSIGN_OR_RETURN(options.input_dims, ParseInputDims("dims", absl::GetFlag(FLAGS_dims)));
  GRADUS_ASSIGN_OR_RETURN(const LoadedModel model, LoadModel(UserPath(absl::GetFlag(FLAGS_model))));
  GRADUS_ASSIGN_OR_RETURN(const GradientReport report, CheckModelGradients(model, options));
  std::printf("%s", GradientTable(report).c_str());
  GRADUS_RETURN_IF_ERROR(JudgeGradients(report));
  return 0;
}

}  // namespace
}  // namespace gradus

int main(int argc, char** argv) { return gradus::RunProgram(argc, argv, kUsage, gradus::Check); }
