// The data set gradus.AddingProblem.
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/random.h"
#include "data/dataset_registry.h"
#include "proto/data.pb.h"

namespace gradus {
namespace {

constexpr int64_t kMostExamples = int64_t{1} << 40;
constexpr int64_t kMostLength = int64_t{1} << 20;

class AddingProblemDataset : public Dataset {
 public:
  AddingProblemDataset(int64_t size, int64_t length, uint64_t seed, const char* name)
      : size_(size),
        length_(length),
        seed_(seed),
        name_(name),
        columns_{{"sequence", {DType::kFloat32, {length, 2}}}, {"sum", {DType::kFloat32, {1}}}} {}

  int64_t size() const override { return size_; }
  const std::vector<Column>& columns() const override { return columns_; }

  absl::Status Read(int64_t index, absl::Span<uint8_t* const> columns) const override {
    RandomSequence random(seed_, name_, static_cast<uint64_t>(index));
    auto* const steps = reinterpret_cast<float*>(columns[0]);
    for (int64_t t = 0; t < length_; ++t) {
      steps[2 * t] = static_cast<float>(random.Uniform(0, 1));
      steps[2 * t + 1] = 0;
    }
    const int64_t half = length_ / 2;
    const auto first = static_cast<int64_t>(random.Below(half));
    const int64_t second = half + static_cast<int64_t>(random.Below(length_ - half));
    steps[2 * first + 1] = steps[2 * second + 1] = 1;
    *reinterpret_cast<float*>(columns[1]) = steps[2 * first] + steps[2 * second];
    return absl::OkStatus();
  }

 private:
  const int64_t size_, length_;
  const uint64_t seed_;
  const char* const name_;  // of the randomness: training and test examples differ
  const std::vector<Column> columns_;
};

absl::StatusOr<std::unique_ptr<Dataset>> OpenAddingProblem(const google::protobuf::Message& message,
                                                           const DatasetContext&) {
  const auto& config = static_cast<const AddingProblem&>(message);
  const bool test = config.split() == DatasetSplit::TEST;
  const int64_t examples = config.has_examples() ? config.examples() : test ? 2000 : 20000;
  if (examples < 1 || examples > kMostExamples) {
    return absl::InvalidArgumentError(
        absl::StrCat("adding_problem: examples ", examples, " is not between 1 and 2^40"));
  }
  if (config.length() < 2 || config.length() > kMostLength) {
    return absl::InvalidArgumentError(
        absl::StrCat("adding_problem: length ", config.length(), " is not between 2 and 2^20"));
  }
  return std::make_unique<AddingProblemDataset>(examples, config.length(), config.seed(),
                                                test ? "adding_problem/test" : "adding_problem/train");
}

REGISTER_DATASET("gradus.AddingProblem", OpenAddingProblem);

}  // namespace
}  // namespace gradus
