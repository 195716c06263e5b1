// What `visualize` writes and refuses.
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/examples/run_program.h"
#include "tests/testlib/scratch_folder.h"

namespace gradus {
namespace {

using testing::HasSubstr;

// Trains a convolution and a dense layer for a few steps; the folder of the run.
std::string TrainConvolution(const std::string& folder) {
  WriteSmallTraining(folder);
  PutFile(folder + "/model.textproto", R"(
      input { name: "image" dims: [1, 28, 28] }
      input { name: "label" dtype: INT32 }
      layer { name: "conv" conv { filters: 3 kernel: 5 activation: RELU } }
      layer { name: "pool" pool { kernel: 4 } }
      layer { name: "logits" dense { units: 10 } }
      loss { name: "xent" input: "logits" target: "label" softmax_cross_entropy {} }
      output: "logits")");
  const ProgramEnd end =
      RunExample("train", {"--config=" + folder + "/train.textproto", "--run_dir=" + folder + "/run"});
  EXPECT_EQ(end.exit_code, 0) << end.err;
  return folder + "/run";
}

std::string Head(const std::string& path) { return GetFile(path).substr(1, 3); }

TEST(VisualizeTest, DrawsEachPicture) {
  const std::string folder = ScratchFolder(), run = TrainConvolution(folder);
  const std::vector<std::vector<std::string>> commands = {{"filters", "--layer=conv"},
                                                          {"features", "--layer=conv"},
                                                          {"deconvolution", "--layer=pool", "--count=3", "--search=40"},
                                                          {"guided", "--layer=conv", "--units=2", "--count=2"},
                                                          {"saliency", "--count=2"},
                                                          {"occlusion", "--count=2", "--stride=7"},
                                                          {"maximize", "--steps=2", "--units=1,3"}};
  for (std::vector<std::string> command : commands) {
    const std::string output = folder + "/" + command[0] + ".png";
    command.insert(command.end(), {"--run_dir=" + run, "--threads=1", "--output=" + output});
    const ProgramEnd end = RunExample("visualize", command);
    ASSERT_EQ(end.exit_code, 0) << command[0] << ": " << end.err;
    EXPECT_THAT(end.out, testing::ContainsRegex(output + ": [0-9]+ x [0-9]+ pixels\n"));
    EXPECT_EQ(Head(output), "PNG");
  }
  // A picture that it wrote is no digit, but an image.
  const ProgramEnd wrong = RunExample("visualize", {"saliency", "--run_dir=" + run, folder + "/saliency.png"});
  EXPECT_EQ(wrong.exit_code, 1);
  EXPECT_THAT(wrong.err, HasSubstr("when prepared, but the model's input 'image' is [1, 28, 28]"));
}

// Unit 0 sees a pixel and unit 3 a square of 5: the picture shows what either sees, whichever comes first.
TEST(VisualizeTest, MaximizeShowsWhatAnyUnitSees) {
  const std::string folder = ScratchFolder();
  WriteSmallTraining(folder);
  PutFile(folder + "/model.textproto", R"(
      input { name: "image" dims: [1, 28, 28] }
      input { name: "label" dtype: INT32 }
      layer { name: "two" concat { branch { layer { name: "a" conv { filters: 3 kernel: 1 } } }
                                   branch { layer { name: "b" conv { filters: 3 kernel: 5 padding: SAME } } } } }
      layer { name: "logits" dense { units: 10 } }
      loss { name: "xent" input: "logits" target: "label" softmax_cross_entropy {} } output: "logits")");
  ASSERT_EQ(RunExample("train", {"--config=" + folder + "/train.textproto", "--run_dir=" + folder + "/run",
                                 "--set=epochs=1", "--set=train_data.synthetic_digits.examples=50"})
                .exit_code,
            0);
  std::vector<std::string> sizes;
  for (const char* units : {"--units=0,3", "--units=3,0", "--units=0,1"}) {
    const ProgramEnd end = RunExample("visualize", {"maximize", "--run_dir=" + folder + "/run", "--layer=two", units,
                                                    "--steps=2", "--output=" + folder + "/a.png", "--threads=1"});
    ASSERT_EQ(end.exit_code, 0) << end.err;
    sizes.push_back(end.out.substr(end.out.find("a.png: ")));
  }
  EXPECT_EQ(sizes[0], sizes[1]);
  EXPECT_NE(sizes[0], sizes[2]);
}

// A file as NumPy saves it, of elements of 4 bytes, all 0.
std::string Npy(const std::string& type, const std::vector<int>& shape) {
  size_t elements = 1;
  std::string dims;
  for (int dim : shape) elements *= dim, dims += std::to_string(dim) + ", ";
  std::string header = "{'descr': '" + type + "', 'fortran_order': False, 'shape': (" + dims + "), }";
  header.resize(117, ' ');
  return std::string("\x93NUMPY\x01\0\x76\0", 10) + header + "\n" + std::string(4 * elements, '\0');
}

// The names are right, but what is behind them is not what the model takes.
TEST(VisualizeTest, DataOfAnotherTypeOrSizeAreRefused) {
  const std::string folder = ScratchFolder();
  WriteSmallTraining(folder);
  PutFile(folder + "/train.textproto", R"(model: "model.textproto" batch_size: 4 steps: 1
      train_data { npy { column { name: "image" path: "x.npy" } column { name: "label" path: "y.npy" } } })");
  PutFile(folder + "/x.npy", Npy("<f4", {8, 1, 28, 28}));
  PutFile(folder + "/y.npy", Npy("<i4", {8}));
  const ProgramEnd trained = RunExample(
      "train", {"--config=" + folder + "/train.textproto", "--data_dir=" + folder, "--run_dir=" + folder + "/run"});
  ASSERT_EQ(trained.exit_code, 0) << trained.err;
  const auto saliency = [&folder] {
    return RunExample("visualize", {"saliency", "--run_dir=" + folder + "/run", "--data_dir=" + folder,
                                    "--output=" + folder + "/a.png", "--threads=1"});
  };
  EXPECT_EQ(saliency().exit_code, 0);
  PutFile(folder + "/x.npy", Npy("<i4", {8, 1, 28, 28}));
  EXPECT_THAT(saliency().err, HasSubstr("the data have a column 'image' of i32[1, 28, 28] for each example and not "
                                        "f32[1, 28, 28]; input 'image' needs it"));
  PutFile(folder + "/x.npy", Npy("<f4", {8, 1, 40, 28}));
  EXPECT_THAT(saliency().err, HasSubstr("f32[1, 40, 28] for each example and not f32[1, 28, 28]"));
  EXPECT_EQ(saliency().exit_code, 1);
}

TEST(VisualizeTest, Mistakes) {
  const std::string folder = ScratchFolder(), run = TrainConvolution(folder);
  auto message = [&](std::vector<std::string> command, int exit_code) {
    command.insert(command.end(), {"--run_dir=" + run, "--output=" + folder + "/no.png"});
    const ProgramEnd end = RunExample("visualize", command);
    EXPECT_EQ(end.exit_code, exit_code) << end.err;
    return end.err;
  };
  EXPECT_EQ(message({}, 2),
            "visualize: what to draw is missing: one of filters, features, deconvolution, guided, saliency, occlusion, "
            "maximize\nvisualize: see --help\n");
  EXPECT_EQ(message({"filter"}, 2),
            "visualize: 'filter' is nothing to draw; did you mean 'filters'?\nvisualize: see --help\n");
  EXPECT_EQ(message({"filters"}, 2), "visualize: --layer is missing\nvisualize: see --help\n");
  EXPECT_EQ(message({"filters", "--layer=conv", "a.png"}, 2),
            "visualize: filters takes no image: 'a.png' is too much\nvisualize: see --help\n");
  EXPECT_EQ(message({"filters", "--layer=convl"}, 1),
            "visualize: the model has no variable 'convl/weights'; did you mean 'conv/weights'?\n");
  EXPECT_THAT(message({"filters", "--layer=logits"}, 1),
              HasSubstr("'logits/weights' is f32[10, 108]; only weights of"));
  EXPECT_EQ(message({"features", "--layer=logits"}, 1),
            "visualize: layer 'logits' gives 10 numbers and no maps; features needs f32[N, C, H, W]\n");
  EXPECT_EQ(message({"saliency", "--units=10"}, 1), "visualize: layer 'logits' has no unit 10; its units are 0 to 9\n");
  EXPECT_EQ(message({"saliency", "--units=three"}, 2),
            "visualize: --units: 'three' is no whole number; expected a list like 0,3,7\nvisualize: see --help\n");
  EXPECT_EQ(message({"saliency", "--units=0,3"}, 2),
            "visualize: --units has 2 units; saliency looks at one\nvisualize: see --help\n");
  EXPECT_EQ(message({"saliency", "--square=3"}, 2),
            "visualize: --square means nothing to saliency\nvisualize: see --help\n");
  EXPECT_EQ(message({"filters", "--layer=conv", "--units=1"}, 2),
            "visualize: --units means nothing to filters\nvisualize: see --help\n");
  EXPECT_EQ(message({"occlusion", "--square=29"}, 1),
            "visualize: a square of 29 x 29 pixels does not fit into an image of 28 x 28\n");
  EXPECT_EQ(message({"occlusion", "--stride=0"}, 2),
            "visualize: --stride is 0; it must be 1 or more\nvisualize: see --help\n");
  EXPECT_EQ(message({"maximize", "--blur=2"}, 2), "visualize: --blur is 2; it must be 0 to 1\nvisualize: see --help\n");
  EXPECT_EQ(message({"saliency", "missing.png"}, 1).substr(0, 27), "visualize: cannot open 'mis");
}

}  // namespace
}  // namespace gradus
