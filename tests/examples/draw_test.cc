// What `draw` writes and refuses.
#include <cstdlib>
#include <filesystem>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/examples/run_program.h"
#include "tests/testlib/scratch_folder.h"

namespace gradus {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr char kModel[] = R"(name: "tiny"
input { name: "x" dims: 4 }
input { name: "t" dims: 2 }
layer { name: "a/1" dense { units: 3 activation: RELU } }
layer { name: "y" dense { units: 2 bias: false } }
loss { name: "l2" input: "y" target: "t" mean_squared_error {} }
)";

class DrawTest : public testing::Test {
 protected:
  DrawTest() : folder_(ScratchFolder()), model_("--model=" + folder_ + "/model.textproto") {
    PutFile(folder_ + "/model.textproto", kModel);
  }
  const std::string folder_, model_;
};

TEST_F(DrawTest, NodesHaveNamesOperationsTypesAndParameters) {
  const ProgramEnd end = RunExample("draw", {model_, "--batch=5"});
  ASSERT_EQ(end.exit_code, 0) << end.err;
  EXPECT_THAT(end.out, HasSubstr("digraph \"tiny\" {\n"));
  EXPECT_THAT(end.out, HasSubstr("[label=\"x\\nInput  f32[5, 4]\" fillcolor=\"#dcefdc\"]\n"));
  EXPECT_THAT(end.out, HasSubstr("  subgraph \"cluster_a/1\" {\n"));
  EXPECT_THAT(end.out, HasSubstr("[label=\"a/1\\nDense  f32[5, 3]\\na/1/weights  f32[3, 4]\\na/1/bias  f32[3]\""));
  EXPECT_THAT(end.out, HasSubstr("[label=\"a/1/activation\\nUnary  f32[5, 3]\""));
  EXPECT_THAT(end.out, HasSubstr("\\noutput y\" fillcolor=\"#e4ecf8\" penwidth=2]\n"));
  EXPECT_THAT(end.out, HasSubstr("\\nloss l2\" fillcolor=\"#e4ecf8\" penwidth=2]\n"));
  EXPECT_THAT(end.out, Not(HasSubstr("gradient")));
  EXPECT_EQ(end.out.substr(end.out.size() - 3), "\n}\n");
}

TEST_F(DrawTest, GradientsAreTheWayBack) {
  const ProgramEnd end = RunExample("draw", {model_, "--gradients"});
  ASSERT_EQ(end.exit_code, 0) << end.err;
  EXPECT_THAT(end.out, HasSubstr("DenseBackwardWeights  f32[3, 4]\\ngradient of a/1/weights\\ngradient of a/1/bias\" "
                                 "fillcolor=\"#f8e4d8\" penwidth=2]\n"));
  EXPECT_THAT(end.out, HasSubstr("\\ngradient of y/weights\""));
  EXPECT_THAT(end.out, HasSubstr(" [dir=back]\n"));
  EXPECT_THAT(end.out, HasSubstr("  subgraph \"cluster_gradients of a/1\" {\n"));
  EXPECT_THAT(end.out, HasSubstr("[style=dashed color=\"#808080\" constraint=false]\n"));
}

TEST_F(DrawTest, FilesAndPictures) {
  ProgramEnd end = RunExample("draw", {model_, "--output=" + folder_ + "/tiny.dot"});
  ASSERT_EQ(end.exit_code, 0) << end.err;
  EXPECT_EQ(end.out, "");
  EXPECT_EQ(GetFile(folder_ + "/tiny.dot"), RunExample("draw", {model_}).out);
  end = RunExample("draw", {model_, "--output=" + folder_ + "/tiny.svg"});
  if (end.exit_code == 0) {
    EXPECT_THAT(GetFile(folder_ + "/tiny.svg"), HasSubstr("<svg"));
  } else {
    EXPECT_EQ(end.exit_code, 1);
    EXPECT_THAT(end.err, HasSubstr("draw: SVG files are made by Graphviz's program 'dot', which is not installed"));
  }
  EXPECT_EQ(GetFile(folder_ + "/tiny.svg.dot"), "");
}

// A program `dot` that answers with what it was told and given.
TEST_F(DrawTest, OnlyTheOutputIsWritten) {
  std::filesystem::create_directories(folder_ + "/bin");
  PutFile(folder_ + "/bin/dot", "#!/bin/sh\necho \"<svg $*>\"\ncat\n");
  std::filesystem::permissions(folder_ + "/bin/dot", std::filesystem::perms::owner_all);
  const std::string path = std::getenv("PATH");
  setenv("PATH", (folder_ + "/bin:" + path).c_str(), 1);
  PutFile(folder_ + "/-a.svg.dot", "a user's");
  ProgramEnd end = RunExample("draw", {model_, "--output=" + folder_ + "/-a.svg"});
  ASSERT_EQ(end.exit_code, 0) << end.err;
  EXPECT_EQ(end.out, "");
  EXPECT_EQ(GetFile(folder_ + "/-a.svg"), "<svg -Tsvg>\n" + RunExample("draw", {model_}).out);
  EXPECT_EQ(GetFile(folder_ + "/-a.svg.dot"), "a user's");
  PutFile(folder_ + "/bin/dot", "#!/bin/sh\necho half\nexit 1\n");
  std::filesystem::permissions(folder_ + "/bin/dot", std::filesystem::perms::owner_all);
  const std::string before = GetFile(folder_ + "/-a.svg");
  end = RunExample("draw", {model_, "--output=" + folder_ + "/-a.svg"});
  EXPECT_EQ(end.exit_code, 1);
  EXPECT_EQ(end.err, "draw: 'dot' could not draw '" + folder_ + "/-a.svg'\n");
  EXPECT_EQ(GetFile(folder_ + "/-a.svg"), before);
  setenv("PATH", path.c_str(), 1);
}

TEST_F(DrawTest, Mistakes) {
  ProgramEnd end = RunExample("draw", {});
  EXPECT_EQ(end.exit_code, 2);
  EXPECT_EQ(end.err, "draw: --model is missing\ndraw: see --help\n");
  PutFile(folder_ + "/forward.textproto", "input { name: 'x' dims: 4 } layer { name: 'a' dense { units: 3 } }");
  const std::string forward = folder_ + "/forward.textproto";
  end = RunExample("draw", {"--model=" + forward, "--gradients"});
  EXPECT_EQ(end.exit_code, 1);
  EXPECT_EQ(end.err, "draw: " + forward + ": the model has no loss that runs in training, so there are no gradients\n");
  end = RunExample("draw", {model_, "--output=/nowhere/a.dot"});
  EXPECT_EQ(end.exit_code, 1);
  EXPECT_THAT(end.err, HasSubstr("/nowhere"));
}

}  // namespace
}  // namespace gradus
