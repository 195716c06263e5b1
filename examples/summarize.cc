// Says what a model costs: see kUsage.
#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "core/human.h"
#include "core/status_macros.h"
#include "examples/command_line.h"
#include "examples/model_summary.h"
#include "examples/text_table.h"
#include "graph/load_model.h"

namespace {

constexpr char kUsage[] = R"(Says what a model costs before it runs: layers, parameters, arithmetic and memory.

  summarize --model=examples/mnist/lenet.textproto
  summarize --model=resnet50.textproto --batch=32
  summarize --model=fully_convolutional.textproto --dims=image=3,480,640
  summarize --model=resnet50.textproto --expand > expanded.textproto
  summarize --model=resnet50.textproto --batch=32 --json | jq .training_bytes

For each layer its output at this batch, its parameters (what is trained; running statistics do not count) and its
multiply-accumulates: those of convolutions, dense layers and matrix products, without bias, for one example. A FLOP
count is twice that.

The memory is that of compiled plans, and exact: training with SGD and momentum 0.9, and inference. Nothing is run and
no variable is made, so models larger than this machine can be summarised here.

With --expand the model as it is meant, itself a model file: blocks stamped out, defaults merged, every input explicit.

With --json one JSON object: name, batch, parameters, macs, inference_parameters and inference_macs (without what only
training needs), output_bytes, training_bytes (null without a loss), inference_bytes, and layers, each with name, kind,
output (its shape), parameters and macs.

Exit code: 0, 1 after an error, 2 for wrong flags.)";

}  // namespace

ABSL_FLAG(std::string, model, "", "model file (gradus.Model as text)");
ABSL_FLAG(int64_t, batch, 64, "examples at a time: decides shapes and memory");
ABSL_FLAG(gradus::RepeatedFlag, dims, {},
          "input=d1,d2,...: one example's shape of an input with free dimensions; repeatable");
ABSL_FLAG(bool, expand, false, "the expanded model instead of a table");
ABSL_FLAG(bool, json, false, "one JSON object instead of a table");

namespace gradus {
namespace {

struct Memory {
  std::optional<MemoryNeed> training;  // none for a model without a loss
  MemoryNeed inference;
};

// Whole, where a double is exact.
nlohmann::ordered_json Number(double macs) {
  if (macs < 0x1p53) return static_cast<int64_t>(macs);
  return macs;
}

std::string Count(double macs) { return macs < 0x1p53 ? HumanCount(static_cast<int64_t>(macs)) : absl::StrCat(macs); }

void PrintJson(const LoadedModel& model, const ModelSummary& summary, const Memory& memory) {
  nlohmann::ordered_json json;
  json["name"] = model.written.name();
  json["batch"] = absl::GetFlag(FLAGS_batch);
  json["parameters"] = summary.training.parameters;
  json["macs"] = Number(summary.training.macs);
  json["inference_parameters"] = summary.inference.parameters;
  json["inference_macs"] = Number(summary.inference.macs);
  json["output_bytes"] = summary.output_bytes;
  auto& training_bytes = json["training_bytes"];
  if (memory.training) training_bytes = memory.training->total();
  json["inference_bytes"] = memory.inference.total();
  json["layers"] = nlohmann::ordered_json::array();
  for (const LayerSummary& layer : summary.layers) {
    const Dims& dims = layer.output.shape.dims();
    json["layers"].push_back({{"name", layer.name},
                              {"kind", layer.kind},
                              {"output", std::vector<int64_t>(dims.begin(), dims.end())},
                              {"parameters", layer.parameters},
                              {"macs", Number(layer.macs)}});
  }
  std::printf("%s\n", json.dump().c_str());
}

std::string LayerTable(const ModelSummary& summary) {
  using Align = TextTable::Align;
  TextTable table({Align::kLeft, Align::kLeft, Align::kLeft, Align::kRight, Align::kRight, Align::kRight});
  table.Add({"layer", "kind", "output", "parameters", "MACs", "output size"});
  table.AddRule();
  for (const LayerSummary& layer : summary.layers) {
    table.Add({layer.name, layer.kind, layer.output.ToString(),
               layer.parameters == 0 ? "" : HumanCount(layer.parameters), layer.macs == 0 ? "" : Count(layer.macs),
               HumanBytes(layer.output.bytes())});
  }
  table.AddRule();
  table.Add({"total", "", "", HumanCount(summary.training.parameters), Count(summary.training.macs),
             HumanBytes(summary.output_bytes)});
  return table.ToString();
}

std::string Describe(const MemoryNeed& need, absl::string_view arena) {
  return absl::StrCat(HumanBytes(need.total()), ": ", HumanBytes(need.arena), " for ", arena, ", ",
                      HumanBytes(need.variables), " for variables");
}

void PrintTable(const LoadedModel& model, const ModelSummary& summary, const Memory& memory) {
  std::printf("%s (%s), batch %lld\n\n%s\n", model.written.name().c_str(), absl::GetFlag(FLAGS_model).c_str(),
              static_cast<long long>(absl::GetFlag(FLAGS_batch)), LayerTable(summary).c_str());
  using Align = TextTable::Align;
  TextTable table({Align::kLeft, Align::kLeft});
  const NetworkCost &training = summary.training, &inference = summary.inference;
  if (inference.parameters != training.parameters || inference.macs != training.macs) {
    table.Add({"in inference",
               absl::StrCat(HumanCount(inference.parameters), " parameters, ", Count(inference.macs), " MACs")});
  }
  table.Add({"training memory", memory.training ? Describe(*memory.training, "activations, gradients and scratch")
                                                : "none: the model has no loss"});
  table.Add({"inference memory", Describe(memory.inference, "activations and scratch")});
  std::printf("%s", table.ToString().c_str());
}

absl::StatusOr<int> Summarize(const std::vector<std::string>& arguments) {
  GRADUS_RETURN_IF_ERROR(RefuseArguments(arguments));
  GRADUS_RETURN_IF_ERROR(RequireFlags({"model"}));
  SummaryOptions options;
  options.batch = absl::GetFlag(FLAGS_batch);
  GRADUS_RETURN_IF_ERROR(CheckFlagRange("batch", options.batch, 1));
  GRADUS_ASSIGN_OR_RETURN(options.input_dims, ParseInputDims("dims", absl::GetFlag(FLAGS_dims)));
  GRADUS_ASSIGN_OR_RETURN(const LoadedModel model, LoadModel(UserPath(absl::GetFlag(FLAGS_model))));
  if (absl::GetFlag(FLAGS_expand)) {
    std::printf("%s", PrintExpanded(model.model).c_str());
    return 0;
  }
  GRADUS_ASSIGN_OR_RETURN(const ModelSummary summary, SummarizeModel(model.model, options));
  Memory memory;
  if (summary.has_loss) {
    GRADUS_ASSIGN_OR_RETURN(memory.training, TrainingMemory(model, options));
  }
  GRADUS_ASSIGN_OR_RETURN(memory.inference, InferenceMemory(model, options));
  absl::GetFlag(FLAGS_json) ? PrintJson(model, summary, memory) : PrintTable(model, summary, memory);
  return 0;
}

}  // namespace
}  // namespace gradus

int main(int argc, char** argv) { return gradus::RunProgram(argc, argv, kUsage, gradus::Summarize); }
