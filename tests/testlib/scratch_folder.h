// A folder of its own for each test, below the one that Bazel gives ($TEST_TMPDIR) or /tmp.
#ifndef GRADUS_TESTS_TESTLIB_SCRATCH_FOLDER_H_
#define GRADUS_TESTS_TESTLIB_SCRATCH_FOLDER_H_

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "gtest/gtest.h"

namespace gradus {

// An empty folder named after the running test; what an earlier run left in it is removed.
inline std::string ScratchFolder() {
  const testing::TestInfo* test = testing::UnitTest::GetInstance()->current_test_info();
  std::string name = std::string(test->test_suite_name()) + "." + test->name();
  std::replace(name.begin(), name.end(), '/', '_');  // of parameterised tests
  std::string folder = testing::TempDir() + "/" + name;
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  return folder;
}

// Plain writing and reading, for files that a test makes up.
inline void PutFile(const std::string& path, const std::string& contents) {
  std::filesystem::remove(path);  // ext4 flushes a file to disk that is cut to nothing and written again
  std::ofstream(path, std::ios::binary) << contents;
}

inline std::string GetFile(const std::string& path) {
  std::ostringstream contents;
  contents << std::ifstream(path, std::ios::binary).rdbuf();
  return contents.str();
}

}  // namespace gradus

#endif  // GRADUS_TESTS_TESTLIB_SCRATCH_FOLDER_H_
