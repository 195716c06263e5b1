// What `summarize` prints and refuses.
#include <nlohmann/json.hpp>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/examples/run_program.h"
#include "tests/testlib/scratch_folder.h"

namespace gradus {
namespace {

using testing::HasSubstr;

constexpr char kLeNet[] = "--model=examples/mnist/lenet.textproto";

TEST(SummarizeTest, LeNetHasTheFieldsFigures) {
  const ProgramEnd end = RunExample("summarize", {kLeNet, "--batch=64", "--json"});
  ASSERT_EQ(end.exit_code, 0) << end.err;
  const auto json = nlohmann::json::parse(LastLine(end.out));
  EXPECT_EQ(json["name"], "lenet");
  EXPECT_EQ(json["parameters"], 431080);
  EXPECT_EQ(json["macs"], 2293000);
  EXPECT_EQ(json["inference_parameters"], 431080);
  EXPECT_EQ(json["inference_macs"], 2293000);
  ASSERT_EQ(json["layers"].size(), 6u);
  EXPECT_EQ(json["layers"][0].dump(),
            R"({"formula_operations":299520,"formula_parameters":520,"kind":"conv","macs":288000,"name":"conv1",)"
            R"("output":[64,20,24,24],"parameters":520,)"
            R"("receptive_field":{"all":false,"offset":[2.0,2.0],"size":[5.0,5.0],"stride":[1.0,1.0]}})");
  EXPECT_EQ(json["layers"][1].dump(),
            R"({"formula_operations":0,"formula_parameters":0,"kind":"pool","macs":0,"name":"pool1",)"
            R"("output":[64,20,12,12],"parameters":0,)"
            R"("receptive_field":{"all":false,"offset":[2.5,2.5],"size":[6.0,6.0],"stride":[2.0,2.0]}})");
  EXPECT_EQ(json["formula_parameters"], 431080);
  EXPECT_EQ(json["formula_operations"], 299520 + 50 * 8 * 8 * (5 * 5 * 20 + 1) + 801 * 500 + 501 * 10);
  // Variables alone: parameters and momentum; parameters.
  EXPECT_GT(json["training_bytes"], 2 * 4 * 431080);
  EXPECT_GT(json["inference_bytes"], 4 * 431080);
  EXPECT_GT(json["training_bytes"], json["inference_bytes"]);
}

TEST(SummarizeTest, TheTableHasLayersTotalsAndMemory) {
  const ProgramEnd end = RunExample("summarize", {kLeNet, "--batch=1"});
  ASSERT_EQ(end.exit_code, 0) << end.err;
  EXPECT_THAT(end.out, HasSubstr("lenet (examples/mnist/lenet.textproto), batch 1\n"));
  EXPECT_THAT(
      end.out,
      HasSubstr("\nconv2   conv   f32[1, 50, 8, 8]        25,050    100.2 kB  1,600,000  3,200,000      12.8 kB\n"));
  EXPECT_THAT(
      end.out,
      HasSubstr("\ntotal                                 431,080      1.7 MB  2,293,000  4,586,000      75.6 kB\n"));
  EXPECT_THAT(end.out, HasSubstr("\nconv2   conv                14       2     6.5    25,050   1,603,200\n"));
  EXPECT_THAT(end.out, HasSubstr("\nfc1     dense              all                   400,500     400,500\n"));
  EXPECT_THAT(end.out, HasSubstr("\ntraining memory   "));
  EXPECT_THAT(end.out, HasSubstr("\ninference memory  "));
}

TEST(SummarizeTest, ComparesTwoModels) {
  const std::string folder = "examples/receptive_field/";
  ProgramEnd end = RunExample(
      "summarize", {"--compare", folder + "five_by_five.textproto", folder + "two_three_by_three.textproto"});
  ASSERT_EQ(end.exit_code, 0) << end.err;
  EXPECT_THAT(end.out, HasSubstr("               five_by_five  two_three_by_three  ratio\n"));
  EXPECT_THAT(end.out, HasSubstr("\nreceptive field                           5                   5\n"));
  EXPECT_THAT(end.out, HasSubstr("\nparameters                               25                  18  0.720\n"));
  EXPECT_THAT(end.out, HasSubstr("\n(kkC+1)F                                 26                  20  0.769\n"));
  end = RunExample("summarize", {"--compare", folder + "five_by_five.textproto"});
  EXPECT_EQ(end.exit_code, 2);
  EXPECT_EQ(end.err, "summarize: --compare takes two model files; there are 1\nsummarize: see --help\n");
  end = RunExample("summarize", {"--compare", kLeNet, "a", "b"});
  EXPECT_EQ(end.exit_code, 2);
  EXPECT_EQ(end.err, "summarize: --compare goes without --model, --expand and --json\nsummarize: see --help\n");
}

// Convolutions as products of matrices see what others do.
TEST(SummarizeTest, FieldsAreThoseOfTheLayersNotOfTheAlgorithm) {
  const std::string model = ScratchFolder() + "/model.textproto";
  PutFile(model,
          "input { name: 'x' dims: [2, 20, 9] } "
          "layer { name: 'a' conv { filters: 3 kernel: [5, 3] stride: [2, 1] algorithm: IM2COL } }");
  const ProgramEnd end = RunExample("summarize", {"--model=" + model});
  ASSERT_EQ(end.exit_code, 0) << end.err;
  EXPECT_THAT(end.out, HasSubstr("\na      conv            5 x 3   2 x 1   2 x 1        93       5,208\n"));
}

// 100 GB of activations: planned, never allocated.
TEST(SummarizeTest, ModelsLargerThanTheMachineAreSummarised) {
  const ProgramEnd end = RunExample("summarize", {kLeNet, "--batch=1000000", "--json"});
  ASSERT_EQ(end.exit_code, 0) << end.err;
  EXPECT_GT(nlohmann::json::parse(end.out)["training_bytes"], int64_t{50} * 1000 * 1000 * 1000);
}

TEST(SummarizeTest, WithoutALossThereIsNoTraining) {
  const std::string model = ScratchFolder() + "/model.textproto";
  PutFile(model, "name: 'm' input { name: 'x' dims: 4 } layer { name: 'a' dense { units: 3 bias: false } }");
  ProgramEnd end = RunExample("summarize", {"--model=" + model, "--json"});
  ASSERT_EQ(end.exit_code, 0) << end.err;
  const auto json = nlohmann::json::parse(end.out);
  EXPECT_TRUE(json["training_bytes"].is_null());
  EXPECT_EQ(json["macs"], 12);
  end = RunExample("summarize", {"--model=" + model});
  EXPECT_THAT(end.out, HasSubstr("training memory   none: the model has no loss\n"));
}

TEST(SummarizeTest, FreeDimensionsAreGivenByAFlag) {
  const std::string model = ScratchFolder() + "/model.textproto";
  PutFile(model, "input { name: 'x' dims: [2, -1, -1] } layer { name: 'a' conv { filters: 3 kernel: 3 } }");
  ProgramEnd end = RunExample("summarize", {"--model=" + model});
  EXPECT_EQ(end.exit_code, 1);
  EXPECT_THAT(end.err, HasSubstr("input 'x' has a free dimension (-1), which has to be given"));
  end = RunExample("summarize", {"--model=" + model, "--dims=x=2,10,12", "--batch=5", "--json"});
  ASSERT_EQ(end.exit_code, 0) << end.err;
  EXPECT_EQ(nlohmann::json::parse(end.out)["layers"][0]["output"].dump(), "[5,3,8,10]");
  end = RunExample("summarize", {"--model=" + model, "--dims=2,10,12"});
  EXPECT_EQ(end.exit_code, 2);
}

TEST(SummarizeTest, TellsWhatOnlyTrainingNeeds) {
  const std::string model = ScratchFolder() + "/model.textproto";
  PutFile(model, R"(
      name: "heads"
      input { name: "x" dims: 4 }
      input { name: "label" dtype: INT32 }
      layer { name: "a" dense { units: 3 } }
      layer { name: "head" only: TRAIN dense { units: 2 } }
      loss { name: "main" input: "a" target: "label" softmax_cross_entropy {} }
      loss { name: "auxiliary" input: "head" target: "label" only: TRAIN softmax_cross_entropy {} }
      output: "a")");
  ProgramEnd end = RunExample("summarize", {"--model=" + model, "--json"});
  ASSERT_EQ(end.exit_code, 0) << end.err;
  const auto json = nlohmann::json::parse(end.out);
  EXPECT_EQ(json["parameters"], 4 * 3 + 3 + 3 * 2 + 2);
  EXPECT_EQ(json["inference_parameters"], 4 * 3 + 3);
  EXPECT_EQ(json["macs"], 4 * 3 + 3 * 2);
  EXPECT_EQ(json["inference_macs"], 4 * 3);
  end = RunExample("summarize", {"--model=" + model});
  EXPECT_THAT(end.out, HasSubstr("in inference      15 parameters, 12 MACs\n"));
}

TEST(SummarizeTest, PrintsTheExpandedModel) {
  const std::string folder = ScratchFolder(), model = folder + "/model.textproto",
                    expanded = folder + "/expanded.textproto";
  PutFile(model, R"(
      name: "net"
      input { name: "x" dims: 4 }
      defaults { dense { activation: RELU } }
      block { name: "pair" param { name: "units" target { path: "a.dense.units" } target { path: "b.dense.units" times: 2 } }
        layer { name: "a" dense { units: 1 } } layer { name: "b" dense { units: 2 activation: NONE } } }
      layer { name: "p" use { block: "pair" repeat: 2 args: 3 } })");
  ProgramEnd end = RunExample("summarize", {"--model=" + model, "--expand"});
  ASSERT_EQ(end.exit_code, 0) << end.err;
  EXPECT_EQ(end.out, R"(# proto-file: proto/model.proto
# proto-message: gradus.Model
name: "net"
input { name: "x" dims: [4] }
layer { name: "p/1/a" input: "x" dense { units: 3 activation: RELU } }
layer { name: "p/1/b" input: "p/1/a" dense { units: 6 activation: NONE } }
layer { name: "p/2/a" input: "p/1/b" dense { units: 3 activation: RELU } }
layer { name: "p/2/b" input: "p/2/a" dense { units: 6 activation: NONE } }
output: "p/2/b"
)");
  PutFile(expanded, end.out);
  EXPECT_EQ(RunExample("summarize", {"--model=" + expanded, "--expand"}).out, end.out);
}

TEST(SummarizeTest, MistakesInTheModelAreListed) {
  const std::string model = ScratchFolder() + "/model.textproto";
  PutFile(model, "input { name: 'x' dims: 4 }\nlayer { name: 'a' dense { unit: 3 } }\nlayr {}\n");
  const ProgramEnd end = RunExample("summarize", {"--model=" + model});
  EXPECT_EQ(end.exit_code, 1);
  EXPECT_EQ(end.err, "summarize: " + model + ":2:27: message 'Dense' has no field 'unit'; did you mean 'units'?\n" +
                         "summarize: " + model + ":3:1: message 'Model' has no field 'layr'; did you mean 'layer'?\n");
  EXPECT_EQ(end.out, "");
}

TEST(SummarizeTest, MissingFilesAndWrongFlags) {
  ProgramEnd end = RunExample("summarize", {"--model=/nowhere/model.textproto"});
  EXPECT_EQ(end.exit_code, 1);
  EXPECT_EQ(end.err, "summarize: cannot open '/nowhere/model.textproto': No such file or directory\n");
  end = RunExample("summarize", {});
  EXPECT_EQ(end.exit_code, 2);
  EXPECT_EQ(end.err, "summarize: --model is missing\nsummarize: see --help\n");
  end = RunExample("summarize", {kLeNet, "--batch=0"});
  EXPECT_EQ(end.exit_code, 2);
  EXPECT_EQ(end.err, "summarize: --batch is 0; it must be 1 or more\nsummarize: see --help\n");
}

// 2^61 examples: refused where the shape is made.
TEST(SummarizeTest, SizesThatOverflowAreErrors) {
  const ProgramEnd end = RunExample("summarize", {kLeNet, "--batch=2305843009213693952"});
  EXPECT_EQ(end.exit_code, 1);
  EXPECT_THAT(end.err, HasSubstr("input 'image': shape [2305843009213693952, 1, 28, 28] has 2^56 elements or more"));
}

}  // namespace
}  // namespace gradus
