#include "graph/expand.h"

#include <google/protobuf/text_format.h>

#include <chrono>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/text_proto.h"
#include "gtest/gtest.h"
#include "proto/model.pb.h"
#include "tests/core/foreign.pb.h"

namespace gradus {
namespace {

absl::StatusOr<ExpandedModel> Expand(absl::string_view text) {
  Model model;
  absl::StatusOr<SourceMap> source = ParseText(text, "m", &model);
  if (!source.ok()) return source.status();
  return ExpandModel(model, *std::move(source));
}

std::string ErrorOf(absl::string_view text) { return std::string(Expand(text).status().message()); }

// Mistakes of a model that is right up to `text`.
std::string ErrorAfterStart(absl::string_view text) {
  return ErrorOf(absl::StrCat("input { name: 'x' } layer { name: 'a' dense {} } layer { name: 'b' dense {} }\n", text));
}

std::string Printed(const google::protobuf::Message& message) {
  google::protobuf::TextFormat::Printer printer;
  printer.SetSingleLineMode(true);
  printer.SetUseShortRepeatedPrimitives(true);
  std::string text;
  printer.PrintToString(message, &text);
  return text;
}

constexpr char kLeNet[] = R"(name: "lenet"
input { name: "image" dims: [1, 28, 28] }
input { name: "label" dtype: INT32 }
defaults { conv { padding: SAME stride: [2, 2] norm { batch { epsilon: 0.1 } } activation: RELU
                  weights_init { xavier { gain: 2 } } } }
layer { name: "conv1" conv { filters: 20 kernel: 5 stride: 1 norm { batch { momentum: 0.5 } } } }
layer { name: "conv2" conv { filters: 50 kernel: 5 pad: 3 norm { none {} } weights_init { he {} } } }
layer { name: "logits" dense { units: 10 } }
loss { name: "xent" target: "label" softmax_cross_entropy {} }
metric { name: "top1" input: "logits" target: "label" accuracy {} }
)";

TEST(ExpandModel, MergesDefaultsAndMakesNamesExplicit) {
  const absl::StatusOr<ExpandedModel> expanded = Expand(kLeNet);
  ASSERT_TRUE(expanded.ok()) << expanded.status();
  const Model& model = expanded->model();
  EXPECT_FALSE(model.has_defaults());
  EXPECT_EQ(Printed(model.layer(0)),
            "name: \"conv1\" input: \"image\" conv { filters: 20 kernel: [5] stride: [1] padding: SAME "
            "weights_init { xavier { gain: 2 } } norm { batch { epsilon: 0.1 momentum: 0.5 } } activation: RELU } ");
  EXPECT_EQ(Printed(model.layer(1)),
            "name: \"conv2\" input: \"conv1\" conv { filters: 50 kernel: [5] stride: [2, 2] pad: [3] "
            "weights_init { he { } } norm { none { } } activation: RELU } ");
  EXPECT_EQ(Printed(model.layer(2)), "name: \"logits\" input: \"conv2\" dense { units: 10 } ");
  EXPECT_EQ(model.loss(0).input(0), "logits");
  EXPECT_EQ(model.output_size(), 1);
  EXPECT_EQ(model.output(0), "logits");
}

TEST(ExpandModel, KnowsWhereThingsWereWritten) {
  const absl::StatusOr<ExpandedModel> expanded = Expand(kLeNet);
  ASSERT_TRUE(expanded.ok());
  const auto place = [&](absl::string_view path) { return expanded->Where(path).ToString(); };
  EXPECT_EQ(place("layer[0].conv.stride[0]"), "m:6:52");
  EXPECT_EQ(place("layer[0].conv.padding"), "m:4:19");
  EXPECT_EQ(place("layer[0].conv.norm.batch.momentum"), "m:6:77");
  EXPECT_EQ(place("layer[0].conv.norm.batch.epsilon"), "m:4:63");
  EXPECT_EQ(place("layer[1].conv.stride[1]"), "m:4:45");
  EXPECT_EQ(place("layer[1].conv.groups"), "m:7:23");
  EXPECT_EQ(place("layer[1].input[0]"), "m:7:1");
  EXPECT_EQ(expanded->WhereLayer(2).ToString(), "m:8:1");
  EXPECT_EQ(expanded->WhereLoss(0).ToString(), "m:9:1");
  EXPECT_EQ(expanded->WhereMetric(0).ToString(), "m:10:1");
  EXPECT_EQ(expanded->WhereOutput(0).ToString(), "m");
}

TEST(ExpandModel, TreatsExtensionsAsItsOwn) {
  const absl::StatusOr<ExpandedModel> expanded = Expand(
      "input { name: 'x' }\ndefaults { [acme.default_roi_align] { size: 3 ratio: 2 } }\n"
      "layer { name: 'a' [acme.roi_align] { size: 7 } }");
  ASSERT_TRUE(expanded.ok()) << expanded.status();
  EXPECT_EQ(Printed(expanded->model().layer(0)), "name: \"a\" input: \"x\" [acme.roi_align] { size: 7 ratio: [2] } ");
  EXPECT_EQ(expanded->model().layer(0).GetExtension(acme::roi_align).ratio(0), 2);
  EXPECT_EQ(expanded->Where("layer[0].[acme.roi_align].ratio[0]").ToString(), "m:2:47");
  EXPECT_EQ(ErrorAfterStart("layer { name: 'c' dense {} [acme.roi_align] {} }"),
            "m:2:1: layer 'c' has more than one operation: 'dense' and 'roi_align'");
}

TEST(ExpandModel, SortsLayersAndRemembersTheirPlaces) {
  const absl::StatusOr<ExpandedModel> expanded = Expand(R"(input { name: "x" }
layer { name: "sum" input: ["left", "right"] binary { function: ADD } }
layer { name: "left" input: "x" dense { units: 1 } }
layer { name: "right" input: "x" dense { units: 1 } }
layer { name: "after" input: "sum" flatten {} }
)");
  ASSERT_TRUE(expanded.ok()) << expanded.status();
  std::vector<std::string> names;
  for (const Layer& layer : expanded->model().layer()) names.push_back(layer.name());
  EXPECT_EQ(absl::StrJoin(names, " "), "left right sum after");
  EXPECT_EQ(expanded->WhereLayer(0).ToString(), "m:3:1");
  EXPECT_EQ(expanded->Where("layer[2].input[1]").ToString(), "m:2:37");
  EXPECT_EQ(expanded->model().output(0), "after");
}

TEST(ExpandModel, TakesSecondOutputs) {
  EXPECT_EQ(ErrorOf("input { name: 'x.y' } layer { name: 'lstm' input: 'x.y' dense {} }"
                    "layer { name: 'a' input: 'lstm.final_state' dense {} } output: 'lstm.final_state'"),
            "");
  EXPECT_EQ(ErrorAfterStart("layer { name: 'c' input: ['x.final', 'aa.', '.a', 'q.r'] dense {} }"),
            "m:2:27: layer 'c' takes 'x.final', which is no input and no layer; known: x, a, b, c\n"
            "m:2:38: layer 'c' takes 'aa.', which is no input and no layer; did you mean 'a'?\n"
            "m:2:45: layer 'c' takes '.a', which is no input and no layer; did you mean 'a'?\n"
            "m:2:51: layer 'c' takes 'q.r', which is no input and no layer; known: x, a, b, c");
}

TEST(ExpandModel, ReportsAllMistakesAtOnce) {
  EXPECT_EQ(ErrorOf(R"(input { name: "image" dims: [1, 0, 28] }
input { name: "image" dims: [-2] }
layer { conv {} }
layer { name: "conv 1" conv {} }
layer { name: "pool1" }
layer { name: "pool1" input: "pol1" pool {} }
layer { name: "self" input: "self" dense {} }
layer { name: "/a//b" input: "image" dense {} }
loss { name: "xent" input: "logit" target: "lable" value {} }
loss { name: "xent" }
metric { accuracy {} }
output: ["image", "pool1", "pool1", "polo1"]
)"),
            "m:1:33: input 'image' has dimension 0; it must be above 0, or -1 if it is bound later\n"
            "m:2:9: a second 'image': the first is at m:1:9\n"
            "m:2:30: input 'image' has dimension -2; it must be above 0, or -1 if it is bound later\n"
            "m:3:1: layer without a name\n"
            "m:4:9: layer 'conv 1' has ' ' in its name; allowed are letters, digits and _ - + /\n"
            "m:5:1: layer 'pool1' has no operation: say what it does, like 'dense { units: 10 }'\n"
            "m:6:9: a second 'pool1': the first is at m:5:9\n"
            "m:6:23: layer 'pool1' takes 'pol1', which is no input and no layer; did you mean 'pool1'?\n"
            "m:7:22: layer 'self' takes itself\n"
            "m:8:9: layer '/a//b' has an empty part in its name, before, after or between '/'\n"
            "m:9:21: loss 'xent' takes 'logit', which is no input and no layer; known: image, conv 1, pool1, self, "
            "/a//b\n"
            "m:9:36: loss 'xent' takes 'lable', which is no input and no layer; known: image, conv 1, pool1, self, "
            "/a//b\n"
            "m:10:1: loss 'xent' has no operation: say what it does, like 'softmax_cross_entropy {}'\n"
            "m:10:8: a second 'xent': the first is at m:9:8\n"
            "m:11:1: metric without a name\n"
            "m:12:10: output 'image' is an input; it must be a layer\n"
            "m:12:28: output 'pool1' is given twice\n"
            "m:12:37: output 'polo1' is no layer; did you mean 'pool1'?");
}

TEST(ExpandModel, RefusesEmptyModels) {
  EXPECT_EQ(ErrorOf(""), "m: the model has no layer");
  EXPECT_EQ(ErrorOf("layer { name: 'a' dense {} }"), "m:1:1: layer 'a' has nothing to take: the model has no input");
  EXPECT_EQ(ErrorOf("input { name: 'x' } layer { name: 'a' only: TRAIN dense {} }"),
            "m: the model has no output: every layer is marked 'only'");
  Model model;
  model.set_language_version(2);
  EXPECT_EQ(
      ExpandModel(model, SourceMap()).status().message(),
      "<code>: the model needs version 2 of the language; this program knows version 1: a newer Gradus is needed");
}

TEST(ExpandModel, RefusesHugeInputs) {
  EXPECT_EQ(ErrorAfterStart("input { name: 'y' dims: [4611686018427387904, 4] }"),
            "m:2:19: input 'y' with its batch: shape [1, 4611686018427387904, 4] has 2^56 elements or more");
  EXPECT_EQ(ErrorAfterStart("input { name: 'y' dims: [1,1,1,1,1,1,1,1,1,1,1,1] }"),
            "m:2:19: input 'y' with its batch: a shape of rank 13; the largest rank is 12");
}

TEST(ExpandModel, NamesCycles) {
  EXPECT_EQ(ErrorOf("input { name: 'x' }\n"
                    "layer { name: 'a' input: ['x', 'c'] concat {} }\n"
                    "layer { name: 'b' dense {} }\n"
                    "layer { name: 'c' dense {} }\n"
                    "layer { name: 'd' input: 'e' dense {} }\n"
                    "layer { name: 'e' dense {} }\n"),
            "m:2:1: layers form a cycle: a -> b -> c -> a\n"
            "m:5:1: layers form a cycle: d -> e -> d");
  std::string text = "input { name: 'x' } layer { name: 'l0' input: 'l99' dense {} }\n";
  for (int i = 1; i < 100; ++i) absl::StrAppend(&text, "layer { name: 'l", i, "' dense {} }\n");
  EXPECT_EQ(ErrorOf(text),
            "m:1:21: layers form a cycle: l0 -> l1 -> l2 -> l3 -> l4 -> l5 -> l6 -> l7 -> l8 -> l9 -> "
            "l10 -> l11 -> (88 more) -> l0");
}

TEST(ExpandModel, RefusesWhatDoesNotRunWhenItIsNeeded) {
  EXPECT_EQ(ErrorAfterStart("layer { name: 't' only: TRAIN dense {} }\n"
                            "layer { name: 'c' dense {} }\n"
                            "layer { name: 'd' only: EVALUATE input: 't' dense {} }\n"
                            "layer { name: 'e' only: TRAIN input: 't' dense {} }\n"
                            "loss { name: 'l' input: 't' value {} }\n"
                            "loss { name: 'k' input: 't' only: TRAIN value {} }\n"
                            "metric { name: 'm' input: 'a' target: 't' accuracy {} }\n"
                            "output: 't'"),
            "m:3:1: layer 'c', which always runs, takes 't', marked 'only: TRAIN' at m:2:19\n"
            "m:4:34: layer 'd', marked 'only: EVALUATE', takes 't', marked 'only: TRAIN' at m:2:19\n"
            "m:6:18: loss 'l', which always runs, takes 't', marked 'only: TRAIN' at m:2:19\n"
            "m:8:31: metric 'm', which always runs, takes 't', marked 'only: TRAIN' at m:2:19\n"
            "m:9:1: the model's output, which always runs, takes 't', marked 'only: TRAIN' at m:2:19");
}

TEST(ExpandModel, ExpandsTenThousandLayersAtOnce) {
  std::string text = "input { name: 'x' }\ndefaults { conv { padding: SAME norm { batch {} } } }\n";
  for (int i = 0; i < 10000; ++i) absl::StrAppend(&text, "layer { name: 'l", i, "' conv { filters: 8 kernel: 3 } }\n");
  Model model;
  absl::StatusOr<SourceMap> source = ParseText(text, "m", &model);
  ASSERT_TRUE(source.ok());
  const auto start = std::chrono::steady_clock::now();
  const absl::StatusOr<ExpandedModel> expanded = ExpandModel(model, *std::move(source));
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  ASSERT_TRUE(expanded.ok());
  EXPECT_EQ(expanded->WhereLayer(9999).ToString(), "m:10002:1");
  EXPECT_LT(seconds.count(), 3.0);  // ten times what it takes, for busy machines and sanitizers
  RecordProperty("milliseconds", static_cast<int>(1000 * seconds.count()));
}

}  // namespace
}  // namespace gradus
