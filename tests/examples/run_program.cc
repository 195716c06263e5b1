#include "tests/examples/run_program.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/testlib/scratch_folder.h"

namespace gradus {
namespace {

void Redirect(const std::string& path, int to) {
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  dup2(fd, to);
  close(fd);
}

}  // namespace

ProgramEnd RunExample(const std::string& name, const std::vector<std::string>& arguments) {
  const std::string program = absl::StrCat("examples/", name);
  const std::string out = absl::StrCat(testing::TempDir(), "/", name, ".out");
  const std::string err = absl::StrCat(testing::TempDir(), "/", name, ".err");
  std::vector<std::string> words = {program};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  const pid_t child = fork();
  if (child == 0) {
    Redirect(out, STDOUT_FILENO);
    Redirect(err, STDERR_FILENO);
    execv(program.c_str(), argv.data());
    _exit(127);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, GetFile(out), GetFile(err)};
}

std::string LastLine(const std::string& text) {
  if (text.empty()) return "";
  const size_t before = text.size() < 2 ? std::string::npos : text.rfind('\n', text.size() - 2);
  return text.substr(before == std::string::npos ? 0 : before + 1, text.size() - before - 2);
}

void WriteSmallTraining(const std::string& folder) {
  PutFile(folder + "/model.textproto", R"(name: "tiny"
input { name: "image" dims: [1, 28, 28] }
input { name: "label" dtype: INT32 }
layer { name: "logits" dense { units: 10 } }
loss { name: "xent" input: "logits" target: "label" softmax_cross_entropy {} }
metric { name: "top1" input: "logits" target: "label" accuracy {} }
)");
  PutFile(folder + "/train.textproto", R"(model: "model.textproto"
train_data { synthetic_digits { examples: 200 } }
eval_data { synthetic_digits { examples: 130 split: TEST } }
batch_size: 50
epochs: 2
learning_rate: 0.1
)");
}

std::string TrainSmall(const std::string& folder) {
  WriteSmallTraining(folder);
  std::string run = folder + "/run";
  const ProgramEnd end = RunExample("train", {"--config=" + folder + "/train.textproto", "--run_dir=" + run});
  EXPECT_EQ(end.exit_code, 0) << end.err;
  return run;
}

}  // namespace gradus
