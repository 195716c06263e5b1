#include "data/stream.h"

#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/new_tensor.h"
#include "core/status_macros.h"
#include "data/chosen_member.h"
#include "data/image_file.h"
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
  absl::Status ReadImageFile(int64_t index, size_t column, std::string* bytes, std::string* name) const override {
    return all_->ReadImageFile(first_ + index, column, bytes, name);
  }
  bool reads_files() const override { return all_->reads_files(); }
  std::vector<std::string> notes() const override { return all_->notes(); }

 private:
  const std::unique_ptr<Dataset> all_;
  const int64_t first_;
  const int64_t size_;
};

absl::StatusOr<std::unique_ptr<Dataset>> Limit(const DataStream& stream, std::unique_ptr<Dataset> dataset) {
  if (!stream.has_skip() && !stream.has_take()) return dataset;
  if (dataset->streams() > 0) return absl::InvalidArgumentError("skip and take would tear streams apart");
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
  GRADUS_ASSIGN_OR_RETURN(Tensor result, NewTensor({DType::kFloat32, value.shape()}));
  const absl::Span<const uint8_t> in = value.values<uint8_t>();
  const absl::Span<float> out = result.values<float>();
  for (size_t i = 0; i < in.size(); ++i) out[i] = static_cast<float>(in[i]) / 255;
  return result;
}

// What a chain works in.
struct Buffers {
  static absl::StatusOr<Buffers> Make(const TransformChain& chain) {
    const TensorType type{DType::kUint8, {chain.buffer_bytes()}};
    Buffers buffers;
    GRADUS_ASSIGN_OR_RETURN(buffers.first, NewTensor(type));
    GRADUS_ASSIGN_OR_RETURN(buffers.second, NewTensor(type));
    GRADUS_ASSIGN_OR_RETURN(buffers.result, NewTensor(chain.output()));
    return buffers;
  }
  Tensor first, second, result;
};

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
  GRADUS_ASSIGN_OR_RETURN(Buffers buffers, Buffers::Make(chain));
  TransformChain::Scratch scratch;
  std::memcpy(buffers.first.data(), buffer.data(), buffer.bytes());
  GRADUS_RETURN_IF_ERROR(
      chain.Apply(0, ExamplePlace(), buffers.first.data(), buffers.second.data(), buffers.result.data(), &scratch));
  return std::move(buffers.result);
}

// An image of any size, if the transforms know what to do with one; else they were made for the data set's only size,
// which this image may happen to have.
absl::StatusOr<Tensor> PrepareImage(const DataStream& stream, absl::string_view column, int channels,
                                    absl::string_view name, absl::string_view file) {
  const Column any_size = {std::string(column), {DType::kFloat32, {channels, 0, 0}}, /*image_files=*/true};
  const absl::StatusOr<TransformChain> chain =
      TransformChain::Make(stream.transform(), any_size, TransformMode::kEvaluate);
  if (chain.ok()) {
    GRADUS_ASSIGN_OR_RETURN(Buffers buffers, Buffers::Make(*chain));
    TransformChain::Scratch scratch;
    GRADUS_RETURN_IF_ERROR(chain->ApplyToFile(0, ExamplePlace(), name, file, buffers.first.data(),
                                              buffers.second.data(), buffers.result.data(), &scratch));
    return std::move(buffers.result);
  }
  GRADUS_ASSIGN_OR_RETURN(const Tensor pixels, DecodeImage(name, file, channels));
  absl::StatusOr<Tensor> prepared = Preprocess(stream, column, pixels);
  if (prepared.ok()) return prepared;
  return absl::Status(prepared.status().code(), absl::StrCat(name, ": ", pixels.type().ToString(),
                                                             " cannot be prepared: ", prepared.status().message()));
}

}  // namespace gradus
