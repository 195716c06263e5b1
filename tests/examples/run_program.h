// Runs a program of //examples as a user does, from the runfiles of a test that has it among its `data`.
#ifndef GRADUS_TESTS_EXAMPLES_RUN_PROGRAM_H_
#define GRADUS_TESTS_EXAMPLES_RUN_PROGRAM_H_

#include <string>
#include <vector>

namespace gradus {

struct ProgramEnd {
  int exit_code = -1;  // -1: ended by a signal, or never started
  std::string out, err;
};

// `name`: "summarize". Waits for its end.
ProgramEnd RunExample(const std::string& name, const std::vector<std::string>& arguments);

// The last line of a text that ends with '\n'.
std::string LastLine(const std::string& text);

// The rest of a test: a data set that the program draws itself, and one linear layer, in `folder`/model.textproto and
// `folder`/train.textproto.
void WriteSmallTraining(const std::string& folder);

// Trains that for a few steps into `folder`/run; takes well under a second. The folder of the run.
std::string TrainSmall(const std::string& folder);

}  // namespace gradus

#endif  // GRADUS_TESTS_EXAMPLES_RUN_PROGRAM_H_
