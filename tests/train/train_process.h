// The real `train` program as a child process, as a user starts it, from the runfiles of a test that has it among its
// `data`.
#ifndef GRADUS_TESTS_TRAIN_TRAIN_PROCESS_H_
#define GRADUS_TESTS_TRAIN_TRAIN_PROCESS_H_

#include <sys/resource.h>
#include <sys/types.h>

#include <string>
#include <vector>

namespace gradus {

struct ProcessEnd {
  int exit_code = -1;  // -1: ended by `signal`
  int signal = 0;
  std::string out, err;
};

// One process; killed when the object goes and it still runs.
class TrainProcess {
 public:
  // Starts in `folder`; output goes to files beside it. `file_size`: RLIMIT_FSIZE, bytes. `stdout_path`: "" for a file
  // that Wait() reads.
  TrainProcess(std::string folder, const std::vector<std::string>& arguments, rlim_t file_size = RLIM_INFINITY,
               const std::string& stdout_path = "");
  ~TrainProcess();
  TrainProcess(const TrainProcess&) = delete;
  TrainProcess& operator=(const TrainProcess&) = delete;

  pid_t pid() const { return pid_; }
  void Signal(int number) const;

  // Waits until a path (relative to the folder) is there; false when the process ends before.
  bool WaitFor(const std::string& path);

  // Whether it still runs.
  bool Running();

  ProcessEnd Wait();

 private:
  void Ended(int status);

  std::string folder_, out_path_, err_path_;
  pid_t pid_ = -1;
  bool ended_ = false;
  ProcessEnd end_;
};

// Starts, waits, done.
ProcessEnd Train(const std::string& folder, const std::vector<std::string>& arguments,
                 rlim_t file_size = RLIM_INFINITY);

}  // namespace gradus

#endif  // GRADUS_TESTS_TRAIN_TRAIN_PROCESS_H_
