// A folder with a small model and its training, and the real program to run on it: for tests of what it says.
#ifndef GRADUS_TESTS_TRAIN_PROGRAM_TEST_H_
#define GRADUS_TESTS_TRAIN_PROGRAM_TEST_H_

#include <sys/resource.h>

#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "tests/train/train_process.h"

namespace gradus {

using Words = std::vector<std::string>;
using Edits = std::vector<std::pair<std::string, std::string>>;

// Lenet's little sister on synthetic digits, 3 steps; names and lines are those that messages cite.
extern const char kProgramModel[];
extern const char kProgramTraining[];

class ProgramTest : public testing::Test {
 protected:
  void SetUp() override;

  // Writes model.textproto and train.textproto with each of the edits made, whose left sides the texts must have.
  void Write(const Edits& model, const Edits& training);

  // `train --config=train.textproto --run_dir=run ...` in the folder.
  ProcessEnd Run(const Words& more = {}, rlim_t file_size = RLIM_INFINITY);

  // The program fails, as it should, and complains of nothing but `message`.
  void Fails(const ProcessEnd& end, const std::string& message, int exit_code = 1);

  std::string folder_;
};

// What a process has complained of: its lines on stderr that begin with its name, without it; none of them twice.
std::string Complaint(const ProcessEnd& end);

}  // namespace gradus

#endif  // GRADUS_TESTS_TRAIN_PROGRAM_TEST_H_
