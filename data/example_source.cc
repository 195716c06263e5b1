#include "data/example_source.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/nearest_name.h"
#include "core/status_macros.h"

namespace gradus {
namespace {

int64_t AlignedTo64(int64_t bytes) { return (bytes + 63) / 64 * 64; }

absl::Status CheckNames(const std::vector<Column>& columns) {
  if (columns.empty()) return absl::InvalidArgumentError("the data set has no columns");
  for (size_t i = 0; i < columns.size(); ++i) {
    if (columns[i].name.empty()) return absl::InvalidArgumentError(absl::StrCat("column ", i, " has no name"));
    for (size_t j = 0; j < i; ++j) {
      if (columns[i].name == columns[j].name) {
        return absl::InvalidArgumentError(
            absl::StrCat("columns ", j, " and ", i, " are both named '", columns[i].name, "'"));
      }
    }
  }
  return absl::OkStatus();
}

absl::Status CheckTransformColumns(const google::protobuf::RepeatedPtrField<Transform>& transforms,
                                   const std::vector<Column>& columns) {
  std::vector<std::string> names;
  names.reserve(columns.size());
  for (const Column& column : columns) names.push_back(column.name);
  for (int i = 0; i < transforms.size(); ++i) {
    const std::string& name = transforms[i].column();
    if (std::find(names.begin(), names.end(), name) != names.end()) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("transform ", i, ": the data set has no column '", name, "'", Suggestion(name, names)));
  }
  return absl::OkStatus();
}

absl::Status CheckImageFiles(const Column& column) {
  const Shape& shape = column.type.shape;
  if (!column.image_files || (column.type.dtype == DType::kFloat32 && shape.rank() == 3 &&
                              (shape[0] == 1 || shape[0] == 3) && shape[1] == 0 && shape[2] == 0)) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "column '", column.name, "' of image files is f32[1, 0, 0] or f32[3, 0, 0], not ", column.type.ToString()));
}

}  // namespace

absl::StatusOr<ExampleSource> ExampleSource::Make(std::shared_ptr<const Dataset> dataset) {
  return Make(std::move(dataset), {}, TransformMode::kEvaluate);
}

absl::StatusOr<ExampleSource> ExampleSource::Make(std::shared_ptr<const Dataset> dataset,
                                                  const google::protobuf::RepeatedPtrField<Transform>& transforms,
                                                  TransformMode mode) {
  ExampleSource source;
  source.columns_ = dataset->columns();
  source.has_files_ = dataset->reads_files();
  source.dataset_ = std::move(dataset);
  GRADUS_RETURN_IF_ERROR(CheckNames(source.columns_));
  GRADUS_RETURN_IF_ERROR(CheckTransformColumns(transforms, source.columns_));
  for (Column& column : source.columns_) {
    GRADUS_RETURN_IF_ERROR(CheckImageFiles(column));
    GRADUS_ASSIGN_OR_RETURN(TransformChain chain, TransformChain::Make(transforms, column, mode));
    source.has_files_ |= column.image_files;
    column.type = chain.output();
    source.chains_.push_back(std::move(chain));
  }
  return source;
}

absl::StatusOr<ExampleSource::Scratch> ExampleSource::MakeScratch() const {
  int64_t bytes = 0;
  for (const TransformChain& chain : chains_) bytes += 2 * AlignedTo64(chain.buffer_bytes());
  Scratch scratch;
  scratch.bytes_ = AllocateAligned(bytes);
  if (scratch.bytes_ == nullptr) {
    return absl::ResourceExhaustedError(absl::StrCat("no memory for ", bytes, " bytes to transform an example in"));
  }
  uint8_t* next = scratch.bytes_.get();
  for (const TransformChain& chain : chains_) {
    const int64_t buffer = AlignedTo64(chain.buffer_bytes());
    scratch.first_.push_back(next);
    scratch.other_.push_back(next + buffer);
    next += 2 * buffer;
  }
  scratch.read_.resize(chains_.size());
  return scratch;
}

absl::Status ExampleSource::ReadAs(uint64_t seed, ExamplePlace place, int64_t index, absl::Span<uint8_t* const> columns,
                                   Scratch* scratch) const {
  for (size_t i = 0; i < chains_.size(); ++i) {
    scratch->read_[i] = columns_[i].image_files ? nullptr : chains_[i].empty() ? columns[i] : scratch->first_[i];
  }
  GRADUS_RETURN_IF_ERROR(dataset_->Read(index, scratch->read_));
  for (size_t i = 0; i < chains_.size(); ++i) {
    if (chains_[i].empty()) continue;
    uint8_t *first = scratch->first_[i], *other = scratch->other_[i];
    if (columns_[i].image_files) {
      GRADUS_RETURN_IF_ERROR(dataset_->ReadImageFile(index, i, &scratch->file_, &scratch->file_name_));
      GRADUS_RETURN_IF_ERROR(chains_[i].ApplyToFile(seed, place, scratch->file_name_, scratch->file_, first, other,
                                                    columns[i], &scratch->chain_));
    } else {
      GRADUS_RETURN_IF_ERROR(chains_[i].Apply(seed, place, first, other, columns[i], &scratch->chain_));
    }
  }
  return absl::OkStatus();
}

absl::Status ExampleSource::ReadSubstitute(uint64_t seed, ExamplePlace place, absl::Span<uint8_t* const> columns,
                                           Scratch* scratch) const {
  const int64_t most = size() / 100 + 1;
  absl::Status status = absl::DataLossError("there is no other example");
  for (int64_t i = 1; i <= most && i < size(); ++i) {
    status = ReadAs(seed, place, (place.index + i) % size(), columns, scratch);
    if (status.ok() || !IsDamage(status)) return status;
  }
  return status;
}

}  // namespace gradus
