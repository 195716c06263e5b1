// Registered means checked: walks the registry and holds every operation to tests/ops/op_cases.h. A failing test is
// named after the operation, the check and the case: Conv.gradient_channels_7.
#include <functional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "graph/op.h"
#include "gtest/gtest.h"
#include "tests/ops/op_cases.h"
#include "tests/testlib/op_checks.h"

namespace gradus {
namespace {

constexpr size_t kMostFailures = 8;  // printed of one test
constexpr size_t kOddCases = 3;      // of each operation: those that odd shapes start from

class OpTest : public testing::Test {
 public:
  explicit OpTest(std::function<Failures()> check) : check_(std::move(check)) {}

  void TestBody() override {
    Failures failures = check_();
    const size_t total = failures.size();
    if (total > kMostFailures) failures.resize(kMostFailures);
    EXPECT_EQ(total, 0u) << absl::StrJoin(failures, "\n");
  }

 private:
  std::function<Failures()> check_;
};

void AddTest(const OpDef& op, const std::string& name, std::function<Failures()> check) {
  testing::RegisterTest(op.name().c_str(), name.c_str(), nullptr, nullptr, __FILE__, __LINE__,
                        [check = std::move(check)]() -> OpTest* { return new OpTest(check); });
}

void AddTestsOf(const OpDef& op) {
  const auto good = OpCases::Get().good(op.name());
  const auto bad = OpCases::Get().bad(op.name());
  AddTest(op, "registration", [&op, good, bad] { return CheckRegistration(op, good, bad); });
  for (const OpCase& one : good) {
    AddTest(op, absl::StrCat("types_", one.name), [&op, &one] { return CheckTypes(op, one); });
    AddTest(op, absl::StrCat("gradient_", one.name), [&op, &one] { return CheckGradient(op, one); });
    AddTest(op, absl::StrCat("kernels_", one.name), [&op, &one] { return CheckKernel(op, one); });
  }
  for (const BadCase& one : bad) {
    AddTest(op, absl::StrCat("refused_", one.name), [&op, &one] { return CheckRefused(op, one); });
  }
  for (const OpCase& one : good.subspan(0, kOddCases)) {
    AddTest(op, absl::StrCat("odd_shapes_", one.name), [&op, &one] { return CheckOddShapes(op, one); });
  }
}

TEST(OpCasesTest, BelongToOperations) {
  for (const std::string& name : OpCases::Get().Names()) {
    EXPECT_NE(OpRegistry::Get().Find(name), nullptr) << "cases for '" << name << "', which is no operation";
  }
}

}  // namespace
}  // namespace gradus

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  for (const gradus::OpDef* op : gradus::OpRegistry::Get().All()) gradus::AddTestsOf(*op);
  return RUN_ALL_TESTS();
}
