#include "core/error_list.h"

#include <memory>

#include "absl/strings/match.h"
#include "gtest/gtest.h"

namespace gradus {
namespace {

SourceLocation At(const char* file, int line, int column) {
  return {std::make_shared<const std::string>(file), line, column, nullptr};
}

TEST(ErrorList, IsFineWhenEmpty) { EXPECT_TRUE(ErrorList().ToStatus().ok()); }

TEST(ErrorList, SortsByPlaceWithinAFile) {
  ErrorList errors;
  errors.Add(At("model", 10, 2), "c");
  errors.Add(At("train", 1, 1), "d");
  errors.Add(At("model", 9, 7), "b");
  errors.Add(At("model", 0, 0), "a");
  errors.Add(At("model", 10, 2), "c again");
  errors.Add(SourceLocation(), "e");
  EXPECT_EQ(errors.ToStatus().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(errors.ToStatus().message(),
            "model: a\nmodel:9:7: b\nmodel:10:2: c\nmodel:10:2: c again\ntrain:1:1: d\n<code>: e");
}

TEST(ErrorList, CountsWhatItDoesNotPrint) {
  ErrorList errors;
  for (int i = 0; i < 123; ++i) errors.Add(At("m", i, 1), "x");
  EXPECT_TRUE(errors.full());
  EXPECT_TRUE(absl::EndsWith(errors.ToStatus().message(), "m:99:1: x\n... and 23 more"));
}

}  // namespace
}  // namespace gradus
