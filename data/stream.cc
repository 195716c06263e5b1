#include "data/stream.h"

#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "data/chosen_member.h"
#include "data/transform_chain.h"

namespace gradus {
namespace {

// Examples [first, first + size) of another data set.
class Subset : public Dataset {
 public:
  Subset(std::unique_ptr<Dataset> all, int64_t first, int64_t size)
      : all_(std::move(all)), first_(first), size_(size) {}

  int64_t size() const override { return size_; }
  const std::vector<Column>& columns() const override { return all_->columns(); }
  std::vector<std::string> class_names() const override { return all_->class_names(); }
  absl::Status Read(int64_t index, absl::Span<uint8_t* const> columns) const override {
    return all_->Read(first_ + index, columns);
  }

 private:
  const std::unique_ptr<Dataset> all_;
  const int64_t first_;
  const int64_t size_;
};

absl::StatusOr<std::unique_ptr<Dataset>> Limit(const DataStream& stream, std::unique_ptr<Dataset> dataset) {
  if (!stream.has_skip() && !stream.has_take()) return dataset;
  const int64_t all = dataset->size();
  const int64_t skip = stream.skip();
  const int64_t take = stream.has_take() ? stream.take() : all - skip;
  if (skip < 0 || skip >= all) {
    return absl::InvalidArgumentError(absl::StrCat("skip ", skip, " of a data set of ", all, " examples"));
  }
  if (take < 1 || take > all - skip) {
    return absl::InvalidArgumentError(
        absl::StrCat("take ", take, ", but after skip ", skip, " the data set has ", all - skip, " examples"));
  }
  return std::make_unique<Subset>(std::move(dataset), skip, take);
}

absl::StatusOr<Tensor> ToFloat(absl::string_view column, const Tensor& value) {
  if (value.empty()) return absl::InvalidArgumentError(absl::StrCat("the value for column '", column, "' is empty"));
  if (value.dtype() == DType::kFloat32) return value.Clone();
  if (value.dtype() != DType::kUint8) {
    return absl::InvalidArgumentError(
        absl::StrCat("column '", column, "' is made of u8 or f32 values, not ", value.type().ToString()));
  }
  Tensor result(TensorType{DType::kFloat32, value.shape()});
  const absl::Span<const uint8_t> in = value.values<uint8_t>();
  const absl::Span<float> out = result.values<float>();
  for (size_t i = 0; i < in.size(); ++i) out[i] = static_cast<float>(in[i]) / 255;
  return result;
}

}  // namespace

absl::StatusOr<ExampleSource> OpenStream(const DataStream& stream, const DatasetContext& context, TransformMode mode) {
  GRADUS_ASSIGN_OR_RETURN(const google::protobuf::Message* config, ChosenMember(stream, "dataset"));
  GRADUS_ASSIGN_OR_RETURN(std::unique_ptr<Dataset> dataset, OpenDataset(*config, context));
  GRADUS_ASSIGN_OR_RETURN(dataset, Limit(stream, std::move(dataset)));
  return ExampleSource::Make(std::move(dataset), stream.transform(), mode);
}

absl::StatusOr<Tensor> Preprocess(const DataStream& stream, absl::string_view column, const Tensor& value) {
  GRADUS_ASSIGN_OR_RETURN(Tensor buffer, ToFloat(column, value));
  GRADUS_ASSIGN_OR_RETURN(
      const TransformChain chain,
      TransformChain::Make(stream.transform(), {std::string(column), buffer.type()}, TransformMode::kEvaluate));
  if (chain.empty()) return buffer;
  const TensorType bytes = {DType::kUint8, {chain.buffer_bytes()}};
  Tensor first(bytes);
  Tensor second(bytes);
  Tensor result(chain.output());
  std::memcpy(first.data(), buffer.data(), buffer.bytes());
  chain.Apply(0, ExamplePlace(), first.data(), second.data(), result.data());
  return result;
}

}  // namespace gradus
