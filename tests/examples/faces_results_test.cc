// The figures that examples/faces/README.md names: each task trained in full, minutes. Tagged `manual`.
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/examples/run_program.h"
#include "tests/testlib/scratch_folder.h"

namespace gradus {
namespace {

// The last line of a program's output.
nlohmann::json LastJson(const ProgramEnd& end) {
  EXPECT_EQ(end.exit_code, 0) << end.err;
  return nlohmann::json::parse(LastLine(end.out));
}

// Trains a task; what `train` says at the end.
nlohmann::json Train(const std::string& task, const std::string& run) {
  const std::string config = absl::StrCat("--config=examples/faces/", task, ".train.textproto");
  return LastJson(RunExample("train", {config, "--run_dir=" + run}));
}

TEST(FacesResultsTest, Liveness) { EXPECT_GE(Train("live", ScratchFolder() + "/run")["eval_accuracy"], 0.98); }

TEST(FacesResultsTest, Landmarks) { EXPECT_LE(Train("landmarks", ScratchFolder() + "/run")["eval_error"], 0.03); }

TEST(FacesResultsTest, Detection) {
  const std::string run = ScratchFolder() + "/run";
  Train("detection", run);
  EXPECT_GE(LastJson(RunExample("detect_faces", {"--run_dir=" + run, "--evaluate"}))["average_precision"], 0.95);
}

TEST(FacesResultsTest, Similarity) {
  const std::string run = ScratchFolder() + "/run";
  Train("similarity", run);
  EXPECT_LE(LastJson(RunExample("compare_faces", {"--run_dir=" + run, "--evaluate"}))["equal_error_rate"], 0.05);
}

}  // namespace
}  // namespace gradus
