// Blocks, uses, residuals and branches: what they expand to, and what every mistake is answered with.
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/text_proto.h"
#include "graph/expand.h"
#include "graph/load_model.h"
#include "gtest/gtest.h"

namespace gradus {
namespace {

absl::StatusOr<ExpandedModel> Expand(absl::string_view text) {
  Model model;
  absl::StatusOr<SourceMap> source = ParseText(text, "m", &model);
  if (!source.ok()) return source.status();
  return ExpandModel(model, *std::move(source));
}

std::string ErrorOf(absl::string_view text) { return std::string(Expand(text).status().message()); }

// The layers, one a line: "name(inputs)".
std::string Layers(const absl::StatusOr<ExpandedModel>& expanded) {
  if (!expanded.ok()) return std::string(expanded.status().message());
  std::string text;
  for (const Layer& layer : expanded->model().layer()) {
    absl::StrAppend(&text, layer.name(), "(", absl::StrJoin(layer.input(), ", "), ")",
                    layer.only() == ALWAYS ? "" : " " + Phase_Name(layer.only()), "\n");
  }
  return text;
}

// A bottleneck of a residual, with params; one line.
constexpr char kBottleneck[] =
    "block { name: 'bottleneck' input: 'in' "
    "param { name: 'width' target { path: 'res.a.conv.filters' } target { path: 'res.b.conv.filters' times: 4 } } "
    "param { name: 'stride' target { path: 'res.a.conv.stride' } } "
    "layer { name: 'res' residual { activation: RELU layer { name: 'a' conv { filters: 64 kernel: 1 } } "
    "layer { name: 'b' conv { filters: 256 kernel: 3 } } } } }\n";

std::string WithBottleneck(absl::string_view text) {
  return absl::StrCat(kBottleneck, "input { name: 'x' dims: [3, 8, 8] }\n", text);
}

// What a use of the bottleneck is answered with, on line 3.
std::string ErrorOfUse(absl::string_view use) {
  return ErrorOf(WithBottleneck(absl::StrCat("layer { name: 's' use { ", use, " } }")));
}

TEST(Blocks, AreStampedOutWithScopedNames) {
  const absl::StatusOr<ExpandedModel> expanded = Expand(WithBottleneck(
      "layer { name: 'stage' use { block: 'bottleneck' repeat: 2 args: [8] first { name: 'stride' int: 2 } } }\n"
      "layer { name: 'one' use { block: 'bottleneck' arg { name: 'stride' int: 3 } } }\n"
      "layer { name: 'last' dense { units: 2 } }\n"));
  EXPECT_EQ(Layers(expanded),
            "stage/1/res/a(x)\nstage/1/res/b(stage/1/res/a)\nstage/1/res(x, stage/1/res/b)\n"
            "stage/2/res/a(stage/1/res)\nstage/2/res/b(stage/2/res/a)\nstage/2/res(stage/1/res, stage/2/res/b)\n"
            "one/res/a(stage/2/res)\none/res/b(one/res/a)\none/res(stage/2/res, one/res/b)\n"
            "last(one/res)\n");
  const Model& model = expanded->model();
  EXPECT_EQ(model.layer(0).conv().filters(), 8);
  EXPECT_EQ(model.layer(0).conv().stride(0), 2);
  EXPECT_EQ(model.layer(1).conv().filters(), 32);
  EXPECT_EQ(model.layer(3).conv().stride_size(), 0);
  EXPECT_EQ(model.layer(6).conv().filters(), 64);
  EXPECT_EQ(model.layer(6).conv().stride(0), 3);
  EXPECT_EQ(model.block_size(), 0);
}

TEST(Blocks, CiteTheBlockAndTheUse) {
  const absl::StatusOr<ExpandedModel> expanded = Expand(WithBottleneck(
      "defaults { conv { padding: SAME norm { batch {} } } }\n"
      "layer { name: 'stage' use { block: 'bottleneck' repeat: 2 args: [8] first { name: 'stride' int: 2 } } }\n"));
  ASSERT_TRUE(expanded.ok()) << expanded.status();
  const auto place = [&](absl::string_view path) { return expanded->Where(path).ToString(); };
  EXPECT_EQ(place("layer[0]"), "m:1:259 (used at m:4:1)");
  EXPECT_EQ(place("layer[0].conv.kernel[0]"), "m:1:296 (used at m:4:1)");
  EXPECT_EQ(place("layer[0].conv.filters"), "m:1:284 (used at m:4:66)");  // the argument
  EXPECT_EQ(place("layer[0].conv.stride[0]"), "m:1:277 (used at m:4:69)");
  EXPECT_EQ(place("layer[0].conv.padding"), "m:3:19");
  EXPECT_EQ(place("layer[2].residual.activation"), "m:1:242 (used at m:4:1)");
  EXPECT_EQ(place("layer[2].residual.projection.norm.batch"), "m:3:40");
}

TEST(Blocks, NamesAreLookedUpFromInsideOut) {
  EXPECT_EQ(
      Layers(Expand("input { name: 'x' }\n"
                    "block { name: 'b' input: ['in', 'other'] output: 'c'\n"
                    "  layer { name: 'a' dense {} }\n"
                    "  layer { name: 'c' concat { branch { layer { name: 'p' input: ['a', 'other'] concat {} } }\n"
                    "                             branch {}\n"
                    "                             branch { layer { name: 'q' input: 'p' dense {} } } } }\n"
                    "  layer { name: 'd' input: 'in' dense {} } }\n"
                    "layer { name: 'a' dense {} }\n"
                    "layer { name: 'u' input: ['a', 'x'] use { block: 'b' } }\n"
                    "layer { name: 'v' input: ['u', 'u/c/q'] concat {} }\n"
                    "output: ['u', 'u/d', 'v']")),
      "a(x)\nu/a(a)\nu/c/p(u/a, x)\nu/c/q(u/c/p)\nu/c(u/c/p, u/a, u/c/q)\nu/d(a)\nv(u/c, u/c/q)\n");
}

TEST(Blocks, NestWithArgumentsThatGoDown) {
  EXPECT_EQ(Layers(Expand("input { name: 'x' }\n"
                          "block { name: 'stage' param { name: 'depth' target { path: 'more.use.repeat' } }\n"
                          "  param { name: 'units' target { path: 'more.use.args[0]' } }\n"
                          "  layer { name: 'more' use { block: 'one' repeat: 2 args: [5] } } }\n"
                          "block { name: 'one' param { name: 'units' target { path: 'fc.dense.units' } }\n"
                          "  layer { name: 'fc' dense { units: 1 } } }\n"
                          "layer { name: 's' only: TRAIN use { block: 'stage' args: [3] } }\n"
                          "layer { name: 'y' input: 'x' dense {} }")),
            "s/more/1/fc(x) TRAIN\ns/more/2/fc(s/more/1/fc) TRAIN\ns/more/3/fc(s/more/2/fc) TRAIN\ny(x)\n");
}

TEST(Blocks, TakeEveryKindOfValue) {
  const absl::StatusOr<ExpandedModel> expanded = Expand(
      "input { name: 'x' }\n"
      "block { name: 'b'\n"
      "  param { name: 'kernel' target { path: 'a.conv.kernel[1]' } }\n"
      "  param { name: 'act' target { path: 'a.conv.activation' } }\n"
      "  param { name: 'bias' target { path: 'a.conv.bias' } }\n"
      "  param { name: 'epsilon' target { path: 'a.conv.norm.batch.epsilon' times: 0.5 } }\n"
      "  layer { name: 'a' conv { kernel: [3, 5] norm { batch {} } } } }\n"
      "layer { name: 'u' use { block: 'b' args: [7] arg { name: 'act' text: 'RELU' } arg { name: 'bias' bool: true }\n"
      "                        arg { name: 'epsilon' float: 0.25 } } }\n");
  ASSERT_TRUE(expanded.ok()) << expanded.status();
  const Conv& conv = expanded->model().layer(0).conv();
  EXPECT_EQ(conv.kernel(0), 3);
  EXPECT_EQ(conv.kernel(1), 7);
  EXPECT_EQ(conv.activation(), RELU);
  EXPECT_TRUE(conv.bias());
  EXPECT_EQ(conv.norm().batch().epsilon(), 0.125);
}

TEST(Blocks, AnExpandedModelStaysAsItIs) {
  const absl::StatusOr<ExpandedModel> expanded = Expand(WithBottleneck(
      "input { name: 'label' dtype: INT32 }\n"
      "defaults { conv { padding: SAME norm { batch {} } activation: RELU } }\n"
      "variable { name: 'w' init { constant { value: 2 } } }\n"
      "layer { name: 'stage' use { block: 'bottleneck' repeat: 3 args: [8] first { name: 'stride' int: 2 } } }\n"
      "layer { name: 'twin' use { block: 'bottleneck' args: [8] share_with: 'stage' } }\n"
      "layer { name: 'aux' only: TRAIN dense { units: 2 } }\n"
      "layer { name: 'fc' input: 'twin' dense { units: 2 } share { variable: 'weights' with: 'w' } }\n"
      "loss { name: 'l' target: 'label' softmax_cross_entropy {} }\n"));
  ASSERT_TRUE(expanded.ok()) << expanded.status();
  const std::string text = PrintExpanded(*expanded);
  const absl::StatusOr<LoadedModel> again = LoadModelText(text, "again");
  ASSERT_TRUE(again.ok()) << again.status() << "\n" << text;
  EXPECT_EQ(PrintExpanded(again->model), text);
}

TEST(Blocks, MistakesOfUses) {
  EXPECT_EQ(ErrorOfUse("block: 'botleneck'"),
            "m:3:25: layer 's' uses block 'botleneck', which there is not; did you mean 'bottleneck'?");
  EXPECT_EQ(ErrorOfUse(""), "m:3:19: layer 's' uses no block: say which, like 'use { block: \"bottleneck\" }'");
  EXPECT_EQ(ErrorOfUse("block: 'bottleneck' args: [1, 2, 3]"),
            "m:3:58: block 'bottleneck' has 2 params (width, stride); args has 3");
  EXPECT_EQ(ErrorOfUse("block: 'bottleneck' arg { name: 'widht' int: 3 }"),
            "m:3:51: block 'bottleneck' has no param 'widht'; did you mean 'width'?");
  EXPECT_EQ(ErrorOfUse("block: 'bottleneck' args: 1 arg { name: 'width' int: 3 }"),
            "m:3:53: argument 'width' is given twice: first at m:3:45");
  EXPECT_EQ(ErrorOfUse("block: 'bottleneck' arg { name: 'width' }"),
            "m:3:45: argument 'width' has no value: 'int', 'float', 'bool' or 'text'");
  EXPECT_EQ(ErrorOfUse("block: 'bottleneck' args: 0.3"),
            "m:3:45: argument 'width' of block 'bottleneck': 'filters' takes a whole number, not 0.3\n"
            "m:3:45: argument 'width' of block 'bottleneck': 'filters' takes a whole number, not 0.3 times 4");
  EXPECT_EQ(ErrorOfUse("block: 'bottleneck' arg { name: 'width' text: 'wide' } repeat: 3"),
            "m:3:45: argument 'width' of block 'bottleneck': 'filters' takes a whole number, not \"wide\"\n"
            "m:3:45: argument 'width' of block 'bottleneck': 'filters' takes a whole number, not \"wide\" times 4");
  EXPECT_EQ(ErrorOfUse("block: 'bottleneck' repeat: 0"),
            "m:3:45: layer 's' repeats block 'bottleneck' 0 times; it must be 1 to 200000 times");
  EXPECT_EQ(ErrorOfUse("block: 'bottleneck' repeat: 1000000000"),
            "m:3:45: layer 's' repeats block 'bottleneck' 1000000000 times; it must be 1 to 200000 times");
  EXPECT_EQ(ErrorOfUse("block: 'bottleneck' first { name: 'stride' int: 2 }"),
            "m:3:45: layer 's' sets the 'first' of several copies, but has no 'repeat'; for one copy use 'arg'");
  EXPECT_EQ(ErrorOf(WithBottleneck("layer { name: 's' input: ['x', 'x'] use { block: 'bottleneck' } }")),
            "m:3:1: layer 's' uses block 'bottleneck', which takes 1 input; it has 2");
}

TEST(Blocks, MistakesOfParams) {
  const auto error = [](absl::string_view path) {
    return ErrorOf(absl::StrCat("input { name: 'x' } layer { name: 'y' dense {} }\n",
                                "block { name: 'b' param { name: 'p' target { path: '", path, "' } }\n",
                                "layer { name: 'res' residual { layer { name: 'a' conv { kernel: 3 } } } } }"));
  };
  EXPECT_EQ(error("res.a.conv.filters"), "");
  EXPECT_EQ(error("rez.a.conv.filters"),
            "m:2:46: path 'rez.a.conv.filters': there is no layer 'rez'; did you mean 'res'?");
  EXPECT_EQ(error("res.a.dense.units"), "m:2:46: path 'res.a.dense.units': 'a' has no 'dense': it is 'conv'");
  EXPECT_EQ(error("res.a.conv.filtres"),
            "m:2:46: path 'res.a.conv.filtres': message 'Conv' has no field 'filtres'; did you mean 'filters'?");
  EXPECT_EQ(error("res.a.conv.norm.batch.epsilon"),
            "m:2:46: path 'res.a.conv.norm.batch.epsilon': 'norm' has no 'batch'");
  EXPECT_EQ(error("res.a.conv.kernel[2]"),
            "m:2:46: path 'res.a.conv.kernel[2]': 'kernel[2]' is not there: 'kernel' has 1 element");
  EXPECT_EQ(error("res.a.conv.filters[0]"), "m:2:46: path 'res.a.conv.filters[0]': 'filters' is no list");
  EXPECT_EQ(error("res.a.conv.filters.more"), "m:2:46: path 'res.a.conv.filters.more': 'filters' has no fields");
  EXPECT_EQ(error("res.a.conv"), "m:2:46: path 'res.a.conv': 'conv' is a message; name one of its fields");
  EXPECT_EQ(error("res.a"),
            "m:2:46: path 'res.a': 'res.a' is a layer; name a field of its operation, like 'res.a.conv.filters'");
  EXPECT_EQ(error("res.a.name"),
            "m:2:46: path 'res.a.name': 'name' is no part of what layer 'a' does; name its operation");
  EXPECT_EQ(error(""), "m:2:46: path '': there is no layer ''; known: res");
  EXPECT_EQ(ErrorOf("input { name: 'x' } layer { name: 'y' dense {} }\n"
                    "block { name: 'b' param { name: 'p' target { path: 'a.dense.bias' times: 2 } } param {}\n"
                    "        param { name: 'p' } layer { name: 'a' dense {} } }\n"
                    "block { name: 'b' }"),
            "m:2:67: 'times' multiplies numbers; 'a.dense.bias' takes none\n"
            "m:2:80: a param without a name\n"
            "m:2:80: param '' has no target, like 'target { path: \"conv1.conv.filters\" }'\n"
            "m:3:9: param 'p' has no target, like 'target { path: \"conv1.conv.filters\" }'\n"
            "m:3:17: a second param 'p'\n"
            "m:4:1: block 'b' has no layer\n"
            "m:4:9: a second block 'b': the first is at m:2:9");
}

// What is wrong in a block is told once, with the first use.
TEST(Blocks, MistakesInsideAreToldOnce) {
  EXPECT_EQ(ErrorOf("input { name: 'x' }\n"
                    "block { name: 'b' input: 'in' output: 'ab'\n"
                    "  layer { name: 'a' input: 'inn' dense {} }\n"
                    "  layer { name: 'a' dense {} }\n"
                    "  layer { name: 'c' input: 'outside' }\n"
                    "}\n"
                    "layer { name: 'outside' dense {} }\n"
                    "layer { name: 'u' use { block: 'b' repeat: 3 } }\n"
                    "layer { name: 'v' use { block: 'b' } }\n"),
            "m:2:31 (used at m:8:1): output 'ab' is no layer of the block; did you mean 'a'?\n"
            "m:3:21 (used at m:8:1): layer 'u/1/a' takes 'inn', which is no input and no layer; did you mean 'in'?\n"
            "m:4:11 (used at m:8:1): a second 'u/1/a': the first is at m:3:11 (used at m:8:1)\n"
            "m:5:3 (used at m:8:1): layer 'u/1/c' has no operation: say what it does, like 'dense { units: 10 }'\n"
            "m:5:21 (used at m:8:1): layer 'u/1/c' takes 'outside', which is no input and no layer; known: in, a, c");
}

TEST(Blocks, RefusesCirclesAndExplosions) {
  EXPECT_EQ(ErrorOf("input { name: 'x' }\n"
                    "block { name: 'a' layer { name: 'l' use { block: 'b' } } }\n"
                    "block { name: 'b' layer { name: 'l' use { block: 'a' } } }\n"
                    "layer { name: 'u' use { block: 'a' } }"),
            "m:3:43 (used at m:2:19) (used at m:4:1): layer 'u/l/l' makes a block use itself: a -> b -> a");
  EXPECT_EQ(ErrorOf("input { name: 'x' }\nblock { name: 'b' input: 'in' output: 'in' layer { name: 'l' dense {} } }\n"
                    "layer { name: 'u' input: 'u' use { block: 'b' } }"),
            "m:2:31: output 'in' is an input; it must be a layer of the block\n"
            "m:2:31 (used at m:3:1): output 'in' leads back to itself");
  EXPECT_EQ(ErrorOf("input { name: 'x' }\n"
                    "block { name: 'b' input: 'in' output: 'in.second' layer { name: 'l' dense {} } }\n"
                    "layer { name: 'u' input: 'u' use { block: 'b' } }"),
            "m:2:31 (used at m:3:1): output 'in.second' leads back to itself");
  // Ten layers, ten times, ten times, ... : 10^9 of them.
  std::string text = "input { name: 'x' }\nblock { name: 'b0' layer { name: 'l' dense { units: 1 } } }\n";
  for (int i = 1; i < 10; ++i) {
    absl::StrAppend(&text, "block { name: 'b", i, "' layer { name: 'l' use { block: 'b", i - 1, "' repeat: 10 } } }\n");
  }
  const std::string error = ErrorOf(text + "layer { name: 'u' use { block: 'b9' } }");
  EXPECT_NE(error.find("the model has more than 200000 layers"), std::string::npos) << error;
  // Blocks inside blocks, too deep to recurse into without end.
  text = "input { name: 'x' }\nblock { name: 'b0' layer { name: 'l' dense { units: 1 } } }\n";
  for (int i = 1; i < 1000; ++i) {
    absl::StrAppend(&text, "block { name: 'b", i, "' layer { name: 'l' use { block: 'b", i - 1, "' } } }\n");
  }
  EXPECT_NE(ErrorOf(text + "layer { name: 'u' use { block: 'b999' } }").find("is nested more than 64 deep"),
            std::string::npos);
  EXPECT_EQ(ErrorOf(text + "layer { name: 'u' use { block: 'b60' } }"), "");
  // A large list in a block that is used often.
  text = "input { name: 'x' }\nblock { name: 'b' layer { name: 'l' transpose { permutation: [";
  for (int i = 0; i < 100000; ++i) absl::StrAppend(&text, i == 0 ? "" : ",", "9");
  EXPECT_EQ(ErrorOf(text + "] } } }\nlayer { name: 'u' use { block: 'b' repeat: 200000 } }"),
            "m:3:1: the model's layers have more than 268435456 bytes");
}

TEST(Composites, Mistakes) {
  const auto error = [](absl::string_view text) { return ErrorOf(absl::StrCat("input { name: 'x' }\n", text)); };
  EXPECT_EQ(error("layer { name: 'a' input: ['x', 'x'] residual { layer { name: 'b' dense {} } } }"),
            "m:2:1: layer 'a' holds layers, so it takes 1 input; it has 2");
  EXPECT_EQ(error("layer { name: 'a' only: TRAIN residual { layer { name: 'b' only: EVALUATE dense {} } } }\n"
                  "layer { name: 'y' input: 'x' dense {} }"),
            "m:2:60: layer 'a/b' never runs: it is marked 'only: EVALUATE' inside a layer marked 'only: TRAIN'");
  EXPECT_EQ(error("defaults { residual { layer { name: 'b' dense {} } } }\nlayer { name: 'a' dense {} }"),
            "m:2:12: layers inside others cannot be defaults; write a block");
  EXPECT_EQ(error("layer { name: 'a' concat { branch { layer { name: 'b' dense {} } } } }\n"
                  "layer { name: 'a/b' dense {} }"),
            "m:3:9: a second 'a/b': the first is at m:2:45");
}

TEST(Shares, Mistakes) {
  const auto error = [](absl::string_view text) {
    return ErrorOf(absl::StrCat("input { name: 'x' } layer { name: 'a' dense { units: 1 } }\n", text));
  };
  EXPECT_EQ(error("layer { name: 'b' dense {} share { with: 'a' } }"), "");
  EXPECT_EQ(
      error("layer { name: 'b' dense {} share { variable: 'weights' with: 'aa/weights' } }"),
      "m:2:56: layer 'b' shares with 'aa/weights', which is no layer, no parameter of one and no variable; known: "
      "x, a, b");
  EXPECT_EQ(error("layer { name: 'b' dense {} share { with: 'a/weights' } }"),
            "m:2:28: layer 'b' shares with parameter 'a/weights': say which of its own that is, like 'variable: "
            "\"weights\"'");
  EXPECT_EQ(error("layer { name: 'b' dense {} share { with: 'b' } }"), "m:2:36: layer 'b' shares with itself");
  EXPECT_EQ(error("variable { name: 'w' }"), "m:2:1: nothing takes or shares variable 'w'");
  EXPECT_EQ(
      error("variable { name: 'w' } layer { name: 'b' input: 'w' dense {} share { variable: 'bias' with: 'w' } }"),
      "m:2:42: layer 'b' takes 'w', which is a variable: layers 'share' it, or take it if it says its 'dims'");
  EXPECT_EQ(error("block { name: 'k' layer { name: 'l' dense {} } }\n"
                  "layer { name: 'u' use { block: 'k' share_with: 'a' } }"),
            "m:3:36: layer 'u' shares with 'a', which is no use of block 'k'");
  EXPECT_EQ(error("block { name: 'k' layer { name: 'l' dense {} } }\n"
                  "layer { name: 'u' use { block: 'k' repeat: 2 } }\n"
                  "layer { name: 'v' use { block: 'k' repeat: 3 share_with: 'u' } }"),
            "m:4:46: layer 'v' shares with 'u', which has 2 copies; copy 3 has no partner");
}

TEST(Shares, NameWhoseParametersAreMeant) {
  const absl::StatusOr<ExpandedModel> expanded = Expand(
      "input { name: 'x' }\nvariable { name: 'w' }\n"
      "block { name: 'k' layer { name: 'l' dense {} } layer { name: 'm' dense {} share { with: 'l' } } }\n"
      "layer { name: 'u' use { block: 'k' repeat: 2 } }\n"
      "layer { name: 'v' use { block: 'k' repeat: 2 share_with: 'u' } }\n"
      "layer { name: 't' use { block: 'k' repeat: 2 share_with: 't' } }\n"
      "layer { name: 'y' dense {} share { variable: 'weights' with: 'w' } share { variable: 'bias' with: 'u/1/l' } "
      "}\n");
  ASSERT_TRUE(expanded.ok()) << expanded.status();
  std::string text;
  for (const Layer& layer : expanded->model().layer()) {
    absl::StrAppend(&text, layer.name());
    for (const Layer::Share& share : layer.share()) absl::StrAppend(&text, " ", share.variable(), "=", share.with());
    absl::StrAppend(&text, "\n");
  }
  EXPECT_EQ(text,
            "u/1/l\nu/1/m =u/1/l\nu/2/l\nu/2/m =u/2/l\n"
            "v/1/l =u/1/l\nv/1/m =v/1/l =u/1/m\nv/2/l =u/2/l\nv/2/m =v/2/l =u/2/m\n"
            "t/1/l\nt/1/m =t/1/l\nt/2/l =t/1/l\nt/2/m =t/2/l =t/1/m\n"
            "y weights=w bias=u/1/l/bias\n");
}

}  // namespace
}  // namespace gradus
