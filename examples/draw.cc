// Draws a network: see kUsage.
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/file.h"
#include "core/status_macros.h"
#include "examples/command_line.h"
#include "examples/graph_drawing.h"
#include "graph/load_model.h"
#include "graph/lower.h"

namespace {

constexpr char kUsage[] = R"(Draws a network as a graph: its operations, their types and the values that they exchange.

  draw --model=examples/mnist/lenet.textproto
  draw --model=examples/mnist/lenet.textproto --gradients --output=lenet.svg
  draw --model=examples/imagenet/resnet50.textproto --output=resnet50.dot

The drawing is text in Graphviz's language, on the standard output or in a file; its program `dot` makes a picture of
it. An --output that ends in .svg is that picture, if `dot` is installed. Operations whose names begin alike
(stage1/2/...) are in one box. A parameter is named in the operations that read it.

With --gradients the network is drawn together with its backward graph: the gradients of its losses by its parameters.
Dashed arrows are values of the way forward that the way back takes.

Exit code: 0, 1 after an error, 2 for wrong flags.)";

}  // namespace

ABSL_FLAG(std::string, model, "", "model file (gradus.Model as text)");
ABSL_FLAG(std::string, output, "", "file to write: .svg is a picture, others are text; empty: the standard output");
ABSL_FLAG(bool, gradients, false, "with the backward graph");
ABSL_FLAG(int64_t, batch, 1, "examples at a time: decides shapes");
ABSL_FLAG(gradus::RepeatedFlag, dims, {},
          "input=d1,d2,...: one example's shape of an input with free dimensions; repeatable");

namespace gradus {
namespace {

absl::StatusOr<Differentiated> NetworkToDraw(const LoadedModel& model, const LowerOptions& options) {
  GRADUS_ASSIGN_OR_RETURN(Network network, Lower(model.model, options));
  if (absl::GetFlag(FLAGS_gradients)) {
    absl::StatusOr<Differentiated> differentiated = Differentiate(std::move(network));
    if (differentiated.ok()) return differentiated;
    return absl::Status(differentiated.status().code(),
                        absl::StrCat(model.path, ": ", differentiated.status().message()));
  }
  const int nodes = network.graph.size();
  return Differentiated{std::move(network), nodes, {}};
}

absl::StatusOr<int> Draw(const std::vector<std::string>& arguments) {
  GRADUS_RETURN_IF_ERROR(RefuseArguments(arguments));
  GRADUS_RETURN_IF_ERROR(RequireFlags({"model"}));
  LowerOptions options;
  options.batch = absl::GetFlag(FLAGS_batch);
  GRADUS_RETURN_IF_ERROR(CheckFlagRange("batch", options.batch, 1));
  GRADUS_ASSIGN_OR_RETURN(options.input_dims, ParseInputDims("dims", absl::GetFlag(FLAGS_dims)));
  GRADUS_ASSIGN_OR_RETURN(const LoadedModel model, LoadModel(UserPath(absl::GetFlag(FLAGS_model))));
  GRADUS_ASSIGN_OR_RETURN(const Differentiated network, NetworkToDraw(model, options));
  const std::string drawing = DrawGraph(model.written.name(), network);
  const std::string output = UserPath(absl::GetFlag(FLAGS_output));
  if (output.empty()) {
    std::fputs(drawing.c_str(), stdout);
  } else if (absl::EndsWithIgnoreCase(output, ".svg")) {
    GRADUS_RETURN_IF_ERROR(WriteSvg(drawing, output));
  } else {
    GRADUS_RETURN_IF_ERROR(WriteFileAtomically(output, drawing));
  }
  return 0;
}

}  // namespace
}  // namespace gradus

int main(int argc, char** argv) { return gradus::RunProgram(argc, argv, kUsage, gradus::Draw); }
