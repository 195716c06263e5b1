#include "train/metrics_log.h"

#include <cmath>
#include <limits>
#include <string>

#include "absl/strings/str_cat.h"
#include "core/file.h"
#include "gtest/gtest.h"
#include "tests/testlib/scratch_folder.h"

namespace gradus {
namespace {

TEST(MetricsLine, HasStableKeys) {
  MetricsLine line;
  line.step = 100;
  line.epoch = 2;
  EXPECT_EQ(ToJson(line), R"({"step":100,"epoch":2})");
  line.examples_per_second = 20000;
  line.gradient_norm = 1e-30;
  line.learning_rate = 0.01;
  line.loss = 0.1;
  line.evaluation = {{"top1", 0.5}, {"loss", 1}};
  EXPECT_EQ(ToJson(line), R"({"step":100,"epoch":2,"loss":0.1,"learning_rate":0.01,"gradient_norm":1e-30,)"
                          R"("examples_per_second":20000.0,"eval_top1":0.5,"eval_loss":1.0})");
}

TEST(MetricsLine, HasNullForWhatJsonLacks) {
  MetricsLine line;
  line.loss = std::numeric_limits<double>::quiet_NaN();
  line.gradient_norm = -std::numeric_limits<double>::infinity();
  line.evaluation = {{"\xff\n", 0}};
  EXPECT_EQ(ToJson(line), "{\"step\":0,\"epoch\":0,\"loss\":null,\"gradient_norm\":null,\"eval_\ufffd\\n\":0.0}");
}

TEST(MetricsLog, AppendsAndGoesOn) {
  const std::string path = ScratchFolder() + "/metrics.jsonl";
  for (int64_t step = 1; step <= 2; ++step) {
    absl::StatusOr<MetricsLog> log = MetricsLog::Open(path);
    ASSERT_TRUE(log.ok()) << log.status();
    MetricsLine line;
    line.step = step;
    ASSERT_TRUE(log->Append(line).ok());
    ASSERT_TRUE(log->Sync().ok());
  }
  EXPECT_EQ(GetFile(path), "{\"step\":1,\"epoch\":0}\n{\"step\":2,\"epoch\":0}\n");
}

TEST(MetricsLog, SaysWhenItCannotWrite) {
  EXPECT_EQ(MetricsLog::Open("/dev/full")->Append(MetricsLine()).message(),
            "cannot write '/dev/full': No space left on device");
  const std::string folder = ScratchFolder();
  EXPECT_EQ(MetricsLog::Open(folder).status().message(), absl::StrCat("cannot open '", folder, "': Is a directory"));
}

TEST(TruncateMetricsLog, CutsBackToTheCheckpoint) {
  const std::string path = ScratchFolder() + "/metrics.jsonl";
  EXPECT_TRUE(TruncateMetricsLog(path, 5).ok());
  EXPECT_FALSE(KindOfPath(path).value() == PathKind::kFile);

  const std::string kept = "{\"step\":1}\n{\"step\":10}\n{\"step\":10,\"eval_top1\":1.0}\n";
  PutFile(path, kept + "{\"step\":11}\n{\"step\":12}\n");
  EXPECT_TRUE(TruncateMetricsLog(path, 10).ok());
  EXPECT_EQ(GetFile(path), kept);
  EXPECT_TRUE(TruncateMetricsLog(path, 0).ok());
  EXPECT_EQ(GetFile(path), "");
}

TEST(TruncateMetricsLog, DropsWhatIsTorn) {
  const std::string path = ScratchFolder() + "/metrics.jsonl";
  const std::string whole = "{\"step\":1}\n";
  const std::string last = "{\"step\":2,\"loss\":0.125}";
  for (size_t length = 0; length < last.size(); ++length) {
    PutFile(path, whole + last.substr(0, length));
    ASSERT_TRUE(TruncateMetricsLog(path, 10).ok());
    ASSERT_EQ(GetFile(path), whole) << length;
  }
  PutFile(path, whole + last);  // only the end of the line is missing
  ASSERT_TRUE(TruncateMetricsLog(path, 10).ok());
  EXPECT_EQ(GetFile(path), whole + last + "\n");
  PutFile(path, std::string("{\"loss\":1}\n[]\n\0\0\0\n", 18) + whole + "{\"step\":\"1\"}\n{\"step\":1.5}\n");
  ASSERT_TRUE(TruncateMetricsLog(path, 10).ok());
  EXPECT_EQ(GetFile(path), whole);
}

}  // namespace
}  // namespace gradus
