#include "tests/train/program_test.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "tests/testlib/scratch_folder.h"

namespace gradus {
namespace {

std::string Edited(std::string text, const Edits& edits) {
  for (const auto& [from, to] : edits) {
    EXPECT_TRUE(absl::StrContains(text, from)) << from;
    text = absl::StrReplaceAll(text, {{from, to}});
  }
  return text;
}

}  // namespace

const char kProgramModel[] = R"(name: "tiny"
input { name: "image" dims: [1, 28, 28] }
input { name: "label" dtype: INT32 }
layer { name: "conv1"  conv { filters: 4 kernel: 5 } }
layer { name: "pool1"  pool { kind: MAX kernel: 2 } }
layer { name: "fc1"    dense { units: 16 activation: RELU } }
layer { name: "logits" dense { units: 10 } }
loss   { name: "xent" input: "logits" target: "label" softmax_cross_entropy {} }
metric { name: "top1" input: "logits" target: "label" accuracy {} }
output: "logits"
)";

const char kProgramTraining[] = R"(model: "model.textproto"
train_data { synthetic_digits { examples: 64 } }
eval_data  { synthetic_digits { examples: 16 split: TEST } }
batch_size: 16
steps: 3
threads: 1
optimizer { sgd { momentum: 0.9 } }
)";

void ProgramTest::SetUp() {
  folder_ = ScratchFolder();
  Write({}, {});
}

void ProgramTest::Write(const Edits& model, const Edits& training) {
  PutFile(folder_ + "/model.textproto", Edited(kProgramModel, model));
  PutFile(folder_ + "/train.textproto", Edited(kProgramTraining, training));
}

ProcessEnd ProgramTest::Run(const Words& more, rlim_t file_size) {
  Words words = {"--config=train.textproto", "--run_dir=run"};
  words.insert(words.end(), more.begin(), more.end());
  return Train(folder_, words, file_size);
}

void ProgramTest::Fails(const ProcessEnd& end, const std::string& message, int exit_code) {
  EXPECT_EQ(end.signal, 0) << message;
  EXPECT_EQ(end.exit_code, exit_code) << end.err;
  EXPECT_EQ(Complaint(end), message);
  EXPECT_EQ(end.out, "");
}

std::string Complaint(const ProcessEnd& end) {
  Words lines;
  for (absl::string_view line : absl::StrSplit(end.err, '\n')) {
    if (!absl::ConsumePrefix(&line, "train: ")) continue;
    EXPECT_EQ(std::count(lines.begin(), lines.end(), line), 0) << line;
    lines.emplace_back(line);
  }
  return absl::StrJoin(lines, "\n");
}

}  // namespace gradus
