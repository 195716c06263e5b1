#include "tests/train/train_process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <thread>
#include <utility>

#include "gtest/gtest.h"
#include "tests/testlib/scratch_folder.h"

namespace gradus {
namespace {

std::string Program() { return std::filesystem::current_path() / "examples/train"; }

void Redirect(const std::string& path, int to) {
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  dup2(fd, to);
  close(fd);
}

}  // namespace

TrainProcess::TrainProcess(std::string folder, const std::vector<std::string>& arguments, rlim_t file_size,
                           const std::string& stdout_path)
    : folder_(std::move(folder)), out_path_(stdout_path), err_path_(folder_ + ".err") {
  if (out_path_.empty()) out_path_ = folder_ + ".out";
  const std::string program = Program();
  std::vector<std::string> words = {"train"};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  pid_ = fork();
  if (pid_ != 0) return;
  Redirect(out_path_, STDOUT_FILENO);
  Redirect(err_path_, STDERR_FILENO);
  unsetenv("BUILD_WORKING_DIRECTORY");
  const rlimit limit = {file_size, file_size};
  if (chdir(folder_.c_str()) == 0 && setrlimit(RLIMIT_FSIZE, &limit) == 0) execv(program.c_str(), argv.data());
  _exit(127);
}

TrainProcess::~TrainProcess() {
  if (!Running()) return;
  Signal(SIGKILL);
  Wait();
}

void TrainProcess::Signal(int number) const {
  if (!ended_) kill(pid_, number);
}

bool TrainProcess::WaitFor(const std::string& path) {
  while (!std::filesystem::exists(folder_ + "/" + path)) {
    if (!Running()) return false;
    std::this_thread::sleep_for(std::chrono::microseconds(500));
  }
  return true;
}

bool TrainProcess::Running() {
  int status = 0;
  if (!ended_ && waitpid(pid_, &status, WNOHANG) == pid_) Ended(status);
  return !ended_;
}

ProcessEnd TrainProcess::Wait() {
  int status = 0;
  if (!ended_ && waitpid(pid_, &status, 0) == pid_) Ended(status);
  if (std::filesystem::is_regular_file(out_path_)) end_.out = GetFile(out_path_);
  end_.err = GetFile(err_path_);
  return end_;
}

void TrainProcess::Ended(int status) {
  ended_ = true;
  if (WIFEXITED(status)) end_.exit_code = WEXITSTATUS(status);
  if (WIFSIGNALED(status)) end_.signal = WTERMSIG(status);
}

ProcessEnd Train(const std::string& folder, const std::vector<std::string>& arguments, rlim_t file_size) {
  return TrainProcess(folder, arguments, file_size).Wait();
}

}  // namespace gradus
