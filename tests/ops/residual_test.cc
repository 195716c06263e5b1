// The shortcuts of residuals: their graphs, their values and what they refuse.
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "graph/load_model.h"
#include "graph/lower.h"
#include "gtest/gtest.h"

namespace gradus {
namespace {

// A residual over f32[2, 4, 9, 7] whose branch is one convolution without bias.
std::string ModelText(absl::string_view residual, absl::string_view conv, absl::string_view rest = "") {
  return absl::StrCat("input { name: 'x' dims: [4, 9, 7] }\n", rest, "layer { name: 'r' residual { ", residual,
                      " layer { name: 'a' conv { kernel: 3 bias: false ", conv, " } } } }\n");
}

absl::StatusOr<Network> Lowered(absl::string_view text) {
  const absl::StatusOr<LoadedModel> model = LoadModelText(text, "m");
  if (!model.ok()) return model.status();
  LowerOptions options;
  options.batch = 2;
  return Lower(model->model, options);
}

// The graph without its first lines, those of x and of the branch; or the error.
std::string Shortcut(absl::string_view text) {
  const absl::StatusOr<Network> network = Lowered(text);
  if (!network.ok()) return std::string(network.status().message());
  const std::string graph = network->graph.ToString();
  size_t begin = 0;
  for (int i = 0; i < 3; ++i) begin = graph.find('\n', begin) + 1;
  return graph.substr(begin);
}

TEST(Residual, AutoIsTheIdentityWhereShapesAgree) {
  const std::string sum = "%3 = Binary(%2, %0) {function='ADD'} : f32[2, 4, 9, 7]  # r\n";
  EXPECT_EQ(Shortcut(ModelText("", "filters: 4 padding: SAME")), sum);
  EXPECT_EQ(Shortcut(ModelText("shortcut: IDENTITY", "filters: 4 padding: SAME")), sum);
  EXPECT_EQ(Shortcut(ModelText("shortcut: PAD", "filters: 4 padding: SAME")), sum);
  EXPECT_EQ(Shortcut(ModelText("activation: RELU", "filters: 4 padding: SAME")),
            sum + "%4 = Unary(%3) {function='RELU' alpha=0} : f32[2, 4, 9, 7]  # r/activation\n");
}

TEST(Residual, AutoProjectsWithTheConventionsOfConvolutions) {
  const absl::StatusOr<Network> network = Lowered(ModelText(
      "", "filters: 6 stride: 2 activation: NONE norm { none {} }",
      "defaults { conv { padding: SAME norm { batch {} } activation: RELU weights_init { he {} } dilation: 1 } }\n"));
  ASSERT_TRUE(network.ok()) << network.status();
  const Graph& graph = network->graph;
  const int conv = graph.Find("r/shortcut");
  ASSERT_GE(conv, 0) << graph.ToString();
  EXPECT_EQ(graph.node(conv).outputs[0].ToString(), "f32[2, 6, 5, 4]");
  EXPECT_EQ(graph.node(conv).inputs.size(), 2u);  // no bias: a norm follows
  EXPECT_EQ(graph.node(conv).attrs.text(),
            "kernel=[1, 1] stride=[2, 2] dilation=[1, 1] pad_begin=[0, 0] pad_end=[0, 0] groups=1");
  EXPECT_GE(graph.Find("r/shortcut/norm"), 0);
  EXPECT_LT(graph.Find("r/shortcut/activation"), 0);
  EXPECT_GE(graph.FindVariable("r/shortcut/norm/scale"), 0);
  const Variable& weights = graph.variables()[graph.FindVariable("r/shortcut/weights")];
  EXPECT_EQ(weights.type.ToString(), "f32[6, 4, 1, 1]");
}

TEST(Residual, ProjectsWhereShapesAgreeIfToldTo) {
  const absl::StatusOr<Network> network =
      Lowered(ModelText("shortcut: PROJECT projection { bias: false }", "filters: 4 padding: SAME"));
  ASSERT_TRUE(network.ok()) << network.status();
  EXPECT_GE(network->graph.FindVariable("r/shortcut/weights"), 0);
  EXPECT_LT(network->graph.FindVariable("r/shortcut/bias"), 0);
}

TEST(Residual, PadNeedsNoParameters) {
  EXPECT_EQ(Shortcut(ModelText("shortcut: PAD", "filters: 7 padding: SAME stride: 2")),
            "%3 = AveragePool(%0) {kernel=[1, 1] stride=[2, 2] dilation=[1, 1] pad_begin=[0, 0] pad_end=[0, 0] "
            "count_padding=true ceil_rows=[0, 0]} : f32[2, 4, 5, 4]  # r/shortcut/subsample\n"
            "%4 = Pad(%3) {before=[0, 0, 0, 0] after=[0, 3, 0, 0] value=0} : f32[2, 7, 5, 4]  # r/shortcut/pad\n"
            "%5 = Binary(%2, %4) {function='ADD'} : f32[2, 7, 5, 4]  # r\n");
  EXPECT_EQ(Shortcut(ModelText("shortcut: PAD", "filters: 7 padding: SAME")),
            "%3 = Pad(%0) {before=[0, 0, 0, 0] after=[0, 3, 0, 0] value=0} : f32[2, 7, 9, 7]  # r/shortcut/pad\n"
            "%4 = Binary(%2, %3) {function='ADD'} : f32[2, 7, 9, 7]  # r\n");
}

TEST(Residual, Mistakes) {
  const std::string inputs = "\n  its input 'x' is f32[2, 4, 9, 7], from m:1:1\n  its input 'r/a' is ";
  EXPECT_EQ(Shortcut(ModelText("shortcut: IDENTITY", "filters: 5 padding: SAME")),
            "m:2:30: 'r': the shortcut starts as f32[2, 4, 9, 7] and its layers give f32[2, 5, 9, 7]; IDENTITY needs "
            "equal shapes" +
                inputs + "f32[2, 5, 9, 7], from m:2:49");
  EXPECT_EQ(Shortcut(ModelText("", "filters: 5")),
            "m:2:19: 'r': the shortcut starts as f32[2, 4, 9, 7] and its layers give f32[2, 5, 7, 5]; no 1 x 1 "
            "convolution makes them agree" +
                inputs + "f32[2, 5, 7, 5], from m:2:31");
  EXPECT_EQ(Shortcut(ModelText("shortcut: PAD", "filters: 3 padding: SAME")),
            "m:2:30: 'r': the shortcut starts as f32[2, 4, 9, 7] and its layers give f32[2, 3, 9, 7]; no stride and no "
            "channels of zeros make them agree" +
                inputs + "f32[2, 3, 9, 7], from m:2:44");
  EXPECT_EQ(Shortcut(ModelText("shortcut: IDENTITY projection { bias: false }", "filters: 4 padding: SAME")),
            "m:2:49: layer 'r' has a projection, but its shortcut is IDENTITY; PROJECT has use for one");
  EXPECT_EQ(Shortcut(ModelText("projection { bias: false } shortcut: PAD", "filters: 4 padding: SAME")),
            "m:2:30: layer 'r' has a projection, but its shortcut is PAD; PROJECT has use for one");
  EXPECT_EQ(Shortcut(ModelText("shortcut: IDENTITY", "filters: 4 padding: SAME",
                               "defaults { residual { projection { bias: false } } }\n")),
            Shortcut(ModelText("shortcut: IDENTITY", "filters: 4 padding: SAME")));
  EXPECT_EQ(Shortcut(ModelText("projection { kernel: 3 }", "filters: 5 padding: SAME")),
            "m:2:30: 'r': the shapes decide filters, kernel, stride and padding of the projection" + inputs +
                "f32[2, 5, 9, 7], from m:2:55");
  EXPECT_EQ(
      Shortcut(
          "input { name: 'x' dims: [4] }\nlayer { name: 'r' residual { layer { name: 'a' dense { units: 5 } } } }"),
      "m:2:19: 'r': the shortcut starts as f32[2, 4] and its layers give f32[2, 5]; no 1 x 1 convolution makes "
      "them agree\n  its input 'x' is f32[2, 4], from m:1:1\n  its input 'r/a' is f32[2, 5], from m:2:30");
  EXPECT_EQ(Shortcut("input { name: 'x' dims: [4] }\nlayer { name: 'r' residual {} }"),
            "m:2:19: 'r': has no layers inside, like 'residual { layer { ... } }', and no second input\n"
            "  its input 'x' is f32[2, 4], from m:1:1");
  EXPECT_EQ(Shortcut("input { name: 'x' dims: [4, 9, 9] }\nlayer { name: 'r' residual {\n"
                     "layer { name: 'shortcut' conv { filters: 8 kernel: 1 } } } }"),
            "m:2:19: 'r/shortcut': its parameter would be called 'r/shortcut/weights', and so is another; give the "
            "layer another name\n  its input 'x' is f32[2, 4, 9, 9], from m:1:1\n"
            "  its input 'r/shortcut' is f32[2, 8, 9, 9], from m:3:1");
}

// In a block: the block's line and the use's.
TEST(Residual, CitesTheUse) {
  EXPECT_EQ(Shortcut("input { name: 'x' dims: [4, 9, 9] }\nblock { name: 'b' param { name: 'p' target { path: "
                     "'r.a.conv.filters' } }\nlayer { name: 'r' residual { shortcut: IDENTITY\n"
                     "layer { name: 'a' conv { filters: 4 kernel: 1 } } } } }\n"
                     "layer { name: 'u' use { block: 'b' args: [8] } }"),
            "m:3:30 (used at m:5:1): 'u/r': the shortcut starts as f32[2, 4, 9, 9] and its layers give f32[2, 8, 9, "
            "9]; IDENTITY needs equal shapes\n  its input 'x' is f32[2, 4, 9, 9], from m:1:1\n"
            "  its input 'u/r/a' is f32[2, 8, 9, 9], from m:4:1 (used at m:5:1)");
  EXPECT_EQ(Shortcut("input { name: 'x' dims: [4, 9, 9] }\nblock { name: 'b' param { name: 'p' target { path: "
                     "'a.conv.filters' } }\nlayer { name: 'a' conv { filters: 4 kernel: 1 } } }\n"
                     "layer { name: 'u' use { block: 'b' args: [-8] } }"),
            "m:3:26 (used at m:4:43): 'u/a': filters is -8; expected 1 or more\n"
            "  its input 'x' is f32[2, 4, 9, 9], from m:1:1");
  EXPECT_EQ(Shortcut("input { name: 'x' dims: [4, 9, 9] }\nlayer { name: 'c' concat {\n"
                     "branch { layer { name: 'a' conv { filters: 4 kernel: 1 } } } branch {\n"
                     "layer { name: 'b' conv { filters: 4 kernel: 3 } } } } }"),
            "m:2:1: 'c': Concat(f32[2, 4, 9, 9], f32[2, 4, 7, 7]): expected shapes that differ along axis 1 alone, "
            "like [2, 4, 9, 9]; got [2, 4, 7, 7]\n  its input 'c/a' is f32[2, 4, 9, 9], from m:3:10\n"
            "  its input 'c/b' is f32[2, 4, 7, 7], from m:4:1");
}

TEST(Shares, LayersReadOneVariable) {
  const absl::StatusOr<Network> network = Lowered(
      "input { name: 'x' dims: [4] }\nvariable { name: 'w' init { constant { value: 2 } } }\n"
      "layer { name: 'b' dense { units: 4 norm { batch {} } } share { with: 'a' } share { variable: 'norm' with: "
      "'a/norm' } }\n"
      "layer { name: 'a' dense { units: 4 norm { batch {} } } }\n"
      "layer { name: 'c' dense { units: 4 } share { variable: 'weights' with: 'w' } }\n"
      "layer { name: 'd' dense { units: 4 } share { variable: 'weights' with: 'w' } share { variable: 'bias' with: "
      "'c/bias' } }\n");
  ASSERT_TRUE(network.ok()) << network.status();
  std::string names;
  for (const Variable& variable : network->graph.variables()) absl::StrAppend(&names, variable.name, " ");
  EXPECT_EQ(names,
            "a/weights a/norm/scale a/norm/shift b/norm/mean b/norm/variance a/norm/mean a/norm/variance w "
            "c/bias ");
}

TEST(Shares, Mistakes) {
  const std::string a = "input { name: 'x' dims: [4] } layer { name: 'a' dense { units: 4 } }\n";
  const auto error = [&](absl::string_view text) {
    const absl::StatusOr<Network> network = Lowered(a + std::string(text));
    return std::string(network.status().message());
  };
  EXPECT_EQ(error("layer { name: 'b' dense { units: 5 } share { with: 'a' } }"),
            "m:2:1: variable 'a/weights' is a parameter f32[5, 4] here but a parameter f32[4, 4] at m:1:31\n"
            "  its input 'a' is f32[2, 4], from m:1:31");
  EXPECT_EQ(error("layer { name: 'b' dense { units: 4 } share { variable: 'weights' with: 'a/wieghts' } }"),
            "m:2:38: 'b/weights' is to be 'a/wieghts', which is no layer's parameter; did you mean 'a/weights'?");
  EXPECT_EQ(error("layer { name: 'b' input: 'x' dense { units: 4 } share { with: 'c' } }\n"
                  "layer { name: 'c' input: 'x' dense { units: 4 } share { with: 'b' } }"),
            "m:2:30: 'b': 'b/weights' is shared in a circle\n"
            "  its input 'x' is f32[2, 4], from m:1:1\n"
            "m:3:30: 'c': 'c/weights' is shared in a circle\n"
            "  its input 'x' is f32[2, 4], from m:1:1");
}

}  // namespace
}  // namespace gradus
