// What `plot_run` writes of runs, and its files of events read back.
#include <cmath>
#include <cstdint>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "core/crc32c.h"
#include "examples/run_log.h"
#include "examples/tensorboard_events.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/tensorboard.pb.h"
#include "tests/examples/run_program.h"
#include "tests/testlib/scratch_folder.h"

namespace gradus {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

template <typename T>
T NumberAt(const std::string& bytes, size_t at) {
  T number;
  std::memcpy(&number, bytes.data() + at, sizeof number);  // little-endian, as this machine
  return number;
}

// Undoes the mask as TensorFlow's reader does.
uint32_t Unmasked(uint32_t masked) {
  const uint32_t rotated = masked - 0xa282ead8u;
  return rotated >> 17 | rotated << 15;
}

// All events of a file, whose framing is checked.
std::vector<tensorboard::Event> EventsIn(const std::string& file) {
  std::vector<tensorboard::Event> events;
  for (size_t at = 0; at < file.size();) {
    const auto length = NumberAt<uint64_t>(file, at);
    EXPECT_LE(at + 16 + length, file.size());
    if (at + 16 + length > file.size()) return events;
    EXPECT_EQ(Unmasked(NumberAt<uint32_t>(file, at + 8)), Crc32c(file.substr(at, 8)));
    const std::string data = file.substr(at + 12, length);
    EXPECT_EQ(Unmasked(NumberAt<uint32_t>(file, at + 12 + length)), Crc32c(data));
    events.emplace_back();
    EXPECT_TRUE(events.back().ParseFromString(data));
    at += 16 + length;
  }
  return events;
}

TEST(EventsTest, ARecordIsFramedAsTensorFlowDoes) {
  const std::string record = RecordOf("123456789");
  ASSERT_EQ(record.size(), 8u + 4 + 9 + 4);
  EXPECT_EQ(NumberAt<uint64_t>(record, 0), 9u);
  // The checksum of these digits is 0xe3069283.
  EXPECT_EQ(NumberAt<uint32_t>(record, 21), ((0xe3069283u >> 15) | (0xe3069283u << 17)) + 0xa282ead8u);
}

// Field numbers and types on the wire, byte by byte.
TEST(EventsTest, AnEventHasTheBytesThatReadersExpect) {
  tensorboard::Event event;
  event.set_step(3);
  tensorboard::Summary::Value* value = event.mutable_summary()->add_value();
  value->set_tag("a");
  value->set_simple_value(1);
  EXPECT_EQ(event.SerializeAsString(), std::string("\x10\x03\x2a\x0a\x0a\x08\x0a\x01"
                                                   "a\x15\x00\x00\x80\x3f",
                                                   14));
}

TEST(EventsTest, HistogramsAddUp) {
  const std::vector<float> values = {-1, 0, 0, 0.5f, 1, NAN};
  const tensorboard::Histogram histogram = EventHistogram(values, 4);
  EXPECT_EQ(histogram.count(), 5);
  EXPECT_EQ(histogram.min(), -1);
  EXPECT_EQ(histogram.max(), 1);
  EXPECT_EQ(histogram.sum(), 0.5);
  EXPECT_EQ(histogram.sum_squares(), 2.25);
  EXPECT_THAT(histogram.end_of_bin(), ElementsAre(-0.5, 0, 0.5, 1));
  EXPECT_THAT(histogram.in_bin(), ElementsAre(1, 0, 2, 2));
}

TEST(RunLogTest, ReadsCurves) {
  const absl::StatusOr<RunLog> log = ParseRunLog(
      "{\"step\":10,\"epoch\":0,\"loss\":2.5,\"learning_rate\":0.1}\n"
      "{\"step\":20,\"epoch\":0,\"loss\":null}\n"
      "{\"step\":20,\"epoch\":1,\"eval_top1\":0.5}\n"
      "{\"step\":30,\"lo",
      "m");
  ASSERT_TRUE(log.ok()) << log.status();
  EXPECT_EQ(log->last_step, 20);
  ASSERT_EQ(log->course.at("loss").size(), 2u);
  EXPECT_EQ(log->course.at("loss")[0].x, 10);
  EXPECT_EQ(log->course.at("loss")[0].y, 2.5);
  EXPECT_TRUE(std::isnan(log->course.at("loss")[1].y));
  EXPECT_EQ(log->course.at("eval_top1")[0].y, 0.5);
  EXPECT_EQ(ParseRunLog("{\"step\":1}\nloss\n", "run/metrics.jsonl").status().message(),
            "run/metrics.jsonl:2: expected a JSON object with a step, as `train` writes them");
  EXPECT_EQ(ParseRunLog("", "m")->last_step, -1);
}

TEST(RunLogTest, NamesAreAsShortAsTheyMayBe) {
  EXPECT_THAT(DistinctNames({"runs/a", "runs/b/"}), ElementsAre("a", "b"));
  EXPECT_THAT(DistinctNames({"x/lenet", "y/lenet"}), ElementsAre("x/lenet", "y/lenet"));
  EXPECT_EQ(DistinctNames({"runs/a/../b/."})[0], "b");
  EXPECT_EQ(DistinctNames({"/"})[0], "root");
  EXPECT_EQ(DistinctNames({"/../.."})[0], "root");
  EXPECT_THAT(DistinctNames({"a", "./a"}), ElementsAre("a (1)", "a (2)"));
}

TEST(PlotRunTest, OnePageForSeveralRuns) {
  const std::string folder = ScratchFolder(), run = TrainSmall(folder);
  const std::string again = folder + "/again";
  ProgramEnd end = RunExample(
      "train", {"--config=" + folder + "/train.textproto", "--run_dir=" + again, "--set=learning_rate=0.01"});
  ASSERT_EQ(end.exit_code, 0) << end.err;
  end =
      RunExample("plot_run", {run, again, "--output=" + folder + "/page.html", "--tensorboard=" + folder + "/events"});
  ASSERT_EQ(end.exit_code, 0) << end.err;
  EXPECT_THAT(end.out, HasSubstr("page.html: 2 runs\n"));
  const std::string page = GetFile(folder + "/page.html");
  for (const char* text : {">loss</text>", ">run, training</text>", ">again, evaluation</text>",
                           ">top1 in evaluation</text>", ">learning_rate</text>", "logits/weights  f32[10, 784]"}) {
    EXPECT_THAT(page, HasSubstr(text));
  }
  // Nothing from elsewhere: the only address is the name space of SVG.
  size_t addresses = 0, name_spaces = 0;
  for (size_t at = page.find("http"); at != std::string::npos; at = page.find("http", at + 1)) ++addresses;
  for (size_t at = page.find("xmlns="); at != std::string::npos; at = page.find("xmlns=", at + 1)) ++name_spaces;
  EXPECT_EQ(addresses, name_spaces);
  EXPECT_THAT(page, Not(HasSubstr("<script")));
  EXPECT_THAT(page, Not(HasSubstr("nan")));

  const std::vector<tensorboard::Event> events =
      EventsIn(GetFile(folder + "/events/run/events.out.tfevents.0000000000.gradus"));
  // A run's folder by way of others: nothing is written above --tensorboard.
  end = RunExample("plot_run", {folder + "/run/..", folder + "/run/.", "--output=" + folder + "/p.html",
                                "--tensorboard=" + folder + "/e/f"});
  EXPECT_EQ(end.exit_code, 1);  // that above is no run
  end = RunExample("plot_run",
                   {run + "/checkpoints/..", "--output=" + folder + "/p.html", "--tensorboard=" + folder + "/e/f"});
  ASSERT_EQ(end.exit_code, 0) << end.err;
  EXPECT_NE(GetFile(folder + "/e/f/run/events.out.tfevents.0000000000.gradus"), "");
  ASSERT_GE(events.size(), 2u);
  EXPECT_EQ(events[0].file_version(), "brain.Event:2");
  std::vector<std::string> skipped;
  const absl::StatusOr<RunLog> log = ReadRunLog(run, &skipped);
  ASSERT_TRUE(log.ok()) << log.status();
  EXPECT_EQ(log->weights_step, 8);
  std::map<std::string, std::vector<Point>> read;
  int histograms = 0;
  for (const tensorboard::Event& event : events) {
    for (const tensorboard::Summary::Value& value : event.summary().value()) {
      if (value.has_histogram()) {
        ++histograms;
        EXPECT_EQ(event.step(), 8);
      } else {
        read[value.tag()].push_back({static_cast<double>(event.step()), value.simple_value()});
      }
    }
  }
  EXPECT_EQ(histograms, 2);  // weights and bias
  ASSERT_EQ(read.count("eval/top1"), 1u);
  const std::vector<Point>& top1 = log->course.at("eval_top1");
  ASSERT_EQ(read["eval/top1"].size(), top1.size());
  EXPECT_EQ(read["eval/top1"].back().x, top1.back().x);
  EXPECT_EQ(read["eval/top1"].back().y, static_cast<float>(top1.back().y));
}

TEST(PlotRunTest, Mistakes) {
  ProgramEnd end = RunExample("plot_run", {});
  EXPECT_EQ(end.exit_code, 2);
  EXPECT_EQ(end.err, "plot_run: which runs? Their folders are the arguments\nplot_run: see --help\n");
  const std::string folder = ScratchFolder();
  end = RunExample("plot_run", {folder});
  EXPECT_EQ(end.exit_code, 1);
  EXPECT_EQ(end.err, "plot_run: '" + folder + "' is no folder of a run: it has no metrics.jsonl\n");
  PutFile(folder + "/metrics.jsonl", "{\"step\":1,\"loss\":2}\nhello\n");
  end = RunExample("plot_run", {folder});
  EXPECT_EQ(end.exit_code, 1);
  EXPECT_THAT(end.err, HasSubstr("metrics.jsonl:2: expected a JSON object with a step"));
  PutFile(folder + "/metrics.jsonl", "{\"step\":1,\"loss\":2}\n");
  end = RunExample("plot_run", {folder, "--output=" + folder + "/page.html"});
  ASSERT_EQ(end.exit_code, 0) << end.err;
  EXPECT_THAT(GetFile(folder + "/page.html"), HasSubstr("None of the runs has a checkpoint yet."));
  end = RunExample("plot_run", {folder, "--output=/nowhere/page.html"});
  EXPECT_EQ(end.exit_code, 1);
  EXPECT_THAT(end.err, HasSubstr("/nowhere"));
}

}  // namespace
}  // namespace gradus
