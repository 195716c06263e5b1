// Says what a model costs: see kUsage.
#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "core/human.h"
#include "core/status_macros.h"
#include "examples/command_line.h"
#include "examples/model_summary.h"
#include "examples/text_table.h"
#include "graph/load_model.h"

namespace {

constexpr char kUsage[] =
    R"(Says what a model costs before it runs: layers, parameters, arithmetic and memory; and what its units see.

  summarize --model=examples/mnist/lenet.textproto
  summarize --model=resnet50.textproto --batch=32
  summarize --model=fully_convolutional.textproto --dims=image=3,480,640
  summarize --model=resnet50.textproto --expand > expanded.textproto
  summarize --model=resnet50.textproto --batch=32 --json | jq .training_bytes
  summarize --compare five_by_five.textproto two_three_by_three.textproto

For each layer its output at this batch, its parameters (what is trained; running statistics do not count) with their
bytes, and its multiply-accumulates: those of convolutions, dense layers and matrix products, without bias, for one
example. FLOPs are twice that.

A second table says what one unit sees of the input: the size of its receptive field, the distance from a unit's field
to the next unit's (stride) and the centre of the first unit's field (offset), in elements of the input, where the first
element's centre is 0. Fields are nominal: they may reach beyond the input into padding. "all" is the whole input.
Beside it parameters and operations by the formulas that textbooks give for convolutions, in which every filter has a
bias: (k_w k_h C_in + 1) C_out and W H (k_w k_h C_in + 1) C_out, for an output of W x H.

With --compare two models side by side, and the second as a multiple of the first.

The memory is that of compiled plans, and exact: training with SGD and momentum 0.9, and inference. Nothing is run and
no variable is made, so models larger than this machine can be summarised here.

With --expand the model as it is meant, itself a model file: blocks stamped out, defaults merged, every input explicit.

With --json one JSON object: name, batch, parameters, macs, inference_parameters and inference_macs (without what only
training needs), output_bytes, training_bytes (null without a loss), inference_bytes, formula_parameters,
formula_operations, and layers, each with name, kind, output (its shape), parameters, macs, formula_parameters,
formula_operations and receptive_field (null where there is none): size, stride and offset, each with a number for every
spatial axis, and all (whether it is the whole input).

Exit code: 0, 1 after an error, 2 for wrong flags.)";

}  // namespace

ABSL_FLAG(std::string, model, "", "model file (gradus.Model as text)");
ABSL_FLAG(int64_t, batch, 64, "examples at a time: decides shapes and memory");
ABSL_FLAG(gradus::RepeatedFlag, dims, {},
          "input=d1,d2,...: one example's shape of an input with free dimensions; repeatable");
ABSL_FLAG(bool, expand, false, "the expanded model instead of a table");
ABSL_FLAG(bool, compare, false, "two model files, which are the arguments, side by side");
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

nlohmann::ordered_json FieldJson(const LayerSummary& layer) {
  if (layer.field.empty()) return nullptr;
  nlohmann::ordered_json json;
  for (const FieldExtent& axis : layer.field) {
    json["size"].push_back(axis.size);
    json["stride"].push_back(axis.stride);
    json["offset"].push_back(axis.offset);
  }
  json["all"] = layer.sees_all;
  return json;
}

std::string Count(double macs) { return macs < 0x1p53 ? HumanCount(static_cast<int64_t>(macs)) : absl::StrCat(macs); }

std::string CountOrNothing(double count) { return count == 0 ? "" : Count(count); }

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
  json["formula_parameters"] = Number(summary.formula_parameters);
  json["formula_operations"] = Number(summary.formula_operations);
  json["layers"] = nlohmann::ordered_json::array();
  for (const LayerSummary& layer : summary.layers) {
    const Dims& dims = layer.output.shape.dims();
    json["layers"].push_back({{"name", layer.name},
                              {"kind", layer.kind},
                              {"output", std::vector<int64_t>(dims.begin(), dims.end())},
                              {"parameters", layer.parameters},
                              {"macs", Number(layer.macs)},
                              {"formula_parameters", Number(layer.formula_parameters)},
                              {"formula_operations", Number(layer.formula_operations)},
                              {"receptive_field", FieldJson(layer)}});
  }
  std::printf("%s\n", json.dump().c_str());
}

std::string CostTable(const ModelSummary& summary) {
  using Align = TextTable::Align;
  TextTable table({Align::kLeft, Align::kLeft, Align::kLeft, Align::kRight, Align::kRight, Align::kRight, Align::kRight,
                   Align::kRight});
  table.Add({"layer", "kind", "output", "parameters", "their size", "MACs", "FLOPs", "output size"});
  table.AddRule();
  for (const LayerSummary& layer : summary.layers) {
    const NetworkCost cost = {layer.parameters, layer.macs};
    table.Add({layer.name, layer.kind, layer.output.ToString(), CountOrNothing(layer.parameters),
               cost.parameters == 0 ? "" : HumanBytes(cost.weight_bytes()), CountOrNothing(cost.macs),
               CountOrNothing(cost.flops()), HumanBytes(layer.output.bytes())});
  }
  table.AddRule();
  const NetworkCost& all = summary.training;
  table.Add({"total", "", "", HumanCount(all.parameters), HumanBytes(all.weight_bytes()), Count(all.macs),
             Count(all.flops()), HumanBytes(summary.output_bytes)});
  return table.ToString();
}

// One number of each axis, "5 x 3", or a single one where they are the same.
std::string Axes(const std::vector<FieldExtent>& field, double FieldExtent::*number) {
  const bool same = std::all_of(field.begin(), field.end(),
                                [&](const FieldExtent& axis) { return axis.*number == field[0].*number; });
  if (same && !field.empty()) return absl::StrCat(field[0].*number);
  return absl::StrJoin(field, " x ",
                       [&](std::string* out, const FieldExtent& axis) { absl::StrAppend(out, axis.*number); });
}

// Size, stride and offset.
std::vector<std::string> FieldCells(const LayerSummary& layer) {
  if (layer.sees_all) return {"all", "", ""};
  return {Axes(layer.field, &FieldExtent::size), Axes(layer.field, &FieldExtent::stride),
          Axes(layer.field, &FieldExtent::offset)};
}

std::string FieldTable(const ModelSummary& summary) {
  using Align = TextTable::Align;
  TextTable table(
      {Align::kLeft, Align::kLeft, Align::kRight, Align::kRight, Align::kRight, Align::kRight, Align::kRight});
  table.Add({"layer", "kind", "receptive field", "stride", "offset", "(kkC+1)F", "WH(kkC+1)F"});
  table.AddRule();
  for (const LayerSummary& layer : summary.layers) {
    const std::vector<std::string> field = FieldCells(layer);
    table.Add({layer.name, layer.kind, field[0], field[1], field[2], CountOrNothing(layer.formula_parameters),
               CountOrNothing(layer.formula_operations)});
  }
  table.AddRule();
  table.Add({"total", "", "", "", "", Count(summary.formula_parameters), Count(summary.formula_operations)});
  return table.ToString();
}

std::string Describe(const MemoryNeed& need, absl::string_view arena) {
  return absl::StrCat(HumanBytes(need.total()), ": ", HumanBytes(need.arena), " for ", arena, ", ",
                      HumanBytes(need.variables), " for variables");
}

void PrintTable(const LoadedModel& model, const ModelSummary& summary, const Memory& memory) {
  std::printf("%s (%s), batch %lld\n\n%s\n%s\n", model.written.name().c_str(), absl::GetFlag(FLAGS_model).c_str(),
              static_cast<long long>(absl::GetFlag(FLAGS_batch)), CostTable(summary).c_str(),
              FieldTable(summary).c_str());
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

// A model and all that is said of it.
struct Summarized {
  LoadedModel model;
  ModelSummary summary;
  Memory memory;
};

absl::StatusOr<Summarized> SummarizeFile(const std::string& path, const SummaryOptions& options) {
  Summarized s;
  GRADUS_ASSIGN_OR_RETURN(s.model, LoadModel(UserPath(path)));
  GRADUS_ASSIGN_OR_RETURN(s.summary, SummarizeModel(s.model.model, options));
  if (s.summary.has_loss) {
    GRADUS_ASSIGN_OR_RETURN(s.memory.training, TrainingMemory(s.model, options));
  }
  GRADUS_ASSIGN_OR_RETURN(s.memory.inference, InferenceMemory(s.model, options));
  return s;
}

// Rows of two models' figures.
class Comparison {
 public:
  Comparison(const Summarized& a, const Summarized& b) : table_({Left, Right, Right, Right}) {
    table_.Add({"", a.model.written.name(), b.model.written.name(), "ratio"});
    table_.AddRule();
  }

  void Add(std::string what, double a, double b, std::string (*print)(double)) {
    table_.Add({std::move(what), print(a), print(b), a == 0 ? "" : absl::StrFormat("%.3f", b / a)});
  }
  void Add(std::string what, std::string a, std::string b) {
    if (!a.empty() || !b.empty()) table_.Add({std::move(what), std::move(a), std::move(b)});
  }
  std::string ToString() const { return table_.ToString(); }

 private:
  static constexpr auto Left = TextTable::Align::kLeft, Right = TextTable::Align::kRight;
  TextTable table_;
};

std::string Bytes(double bytes) { return HumanBytes(static_cast<int64_t>(bytes)); }

double TrainingBytes(const Memory& memory) {
  return memory.training ? static_cast<double>(memory.training->total()) : 0;
}

// What units of the last layer see: that of the first output of most models.
void PrintComparison(const Summarized& a, const Summarized& b) {
  Comparison table(a, b);
  const ModelSummary &x = a.summary, &y = b.summary;
  table.Add("layers", static_cast<double>(x.layers.size()), static_cast<double>(y.layers.size()), Count);
  table.Add("output", x.layers.back().output.ToString(), y.layers.back().output.ToString());
  const std::vector<std::string> left = FieldCells(x.layers.back()), right = FieldCells(y.layers.back());
  table.Add("receptive field", left[0], right[0]);
  table.Add("its stride", left[1], right[1]);
  table.Add("its offset", left[2], right[2]);
  table.Add("parameters", static_cast<double>(x.training.parameters), static_cast<double>(y.training.parameters),
            Count);
  table.Add("their size", static_cast<double>(x.training.weight_bytes()),
            static_cast<double>(y.training.weight_bytes()), Bytes);
  table.Add("MACs", x.training.macs, y.training.macs, Count);
  table.Add("FLOPs", x.training.flops(), y.training.flops(), Count);
  table.Add("(kkC+1)F", x.formula_parameters, y.formula_parameters, Count);
  table.Add("WH(kkC+1)F", x.formula_operations, y.formula_operations, Count);
  table.Add("output size, all layers", static_cast<double>(x.output_bytes), static_cast<double>(y.output_bytes), Bytes);
  if (x.has_loss && y.has_loss) {
    table.Add("training memory", TrainingBytes(a.memory), TrainingBytes(b.memory), Bytes);
  }
  table.Add("inference memory", static_cast<double>(a.memory.inference.total()),
            static_cast<double>(b.memory.inference.total()), Bytes);
  std::printf("%s", table.ToString().c_str());
}

absl::StatusOr<int> Compare(const std::vector<std::string>& paths, const SummaryOptions& options) {
  if (paths.size() != 2) {
    return WrongFlags(absl::StrCat("--compare takes two model files; there are ", paths.size()));
  }
  if (!absl::GetFlag(FLAGS_model).empty() || absl::GetFlag(FLAGS_expand) || absl::GetFlag(FLAGS_json)) {
    return WrongFlags("--compare goes without --model, --expand and --json");
  }
  GRADUS_ASSIGN_OR_RETURN(const Summarized a, SummarizeFile(paths[0], options));
  GRADUS_ASSIGN_OR_RETURN(const Summarized b, SummarizeFile(paths[1], options));
  PrintComparison(a, b);
  return 0;
}

absl::StatusOr<int> Summarize(const std::vector<std::string>& arguments) {
  SummaryOptions options;
  options.batch = absl::GetFlag(FLAGS_batch);
  GRADUS_RETURN_IF_ERROR(CheckFlagRange("batch", options.batch, 1));
  GRADUS_ASSIGN_OR_RETURN(options.input_dims, ParseInputDims("dims", absl::GetFlag(FLAGS_dims)));
  if (absl::GetFlag(FLAGS_compare)) return Compare(arguments, options);
  GRADUS_RETURN_IF_ERROR(RefuseArguments(arguments));
  GRADUS_RETURN_IF_ERROR(RequireFlags({"model"}));
  if (absl::GetFlag(FLAGS_expand)) {
    GRADUS_ASSIGN_OR_RETURN(const LoadedModel model, LoadModel(UserPath(absl::GetFlag(FLAGS_model))));
    std::printf("%s", PrintExpanded(model.model).c_str());
    return 0;
  }
  GRADUS_ASSIGN_OR_RETURN(const Summarized s, SummarizeFile(absl::GetFlag(FLAGS_model), options));
  absl::GetFlag(FLAGS_json) ? PrintJson(s.model, s.summary, s.memory) : PrintTable(s.model, s.summary, s.memory);
  return 0;
}

}  // namespace
}  // namespace gradus

int main(int argc, char** argv) { return gradus::RunProgram(argc, argv, kUsage, gradus::Summarize); }
