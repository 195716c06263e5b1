#include "data/transform_chain.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/check.h"
#include "core/random.h"
#include "core/status_macros.h"
#include "data/chosen_member.h"
#include "data/image_file.h"

namespace gradus {
namespace {

RandomSequence RandomOf(uint64_t seed, absl::string_view name, ExamplePlace place) {
  constexpr int kIndexBits = 40;  // more examples than any data set has; the epoch takes the bits above
  return RandomSequence(seed, name,
                        (static_cast<uint64_t>(place.epoch) << kIndexBits) ^ static_cast<uint64_t>(place.index));
}

// `type` with the last two dimensions of `size`.
absl::StatusOr<TensorType> WithSize(const TensorType& type, ImageSize size) {
  Dims dims = type.shape.dims();
  dims[dims.size() - 2] = size.height;
  dims[dims.size() - 1] = size.width;
  GRADUS_ASSIGN_OR_RETURN(Shape shape, Shape::Make(dims));
  return TensorType{type.dtype, std::move(shape)};
}

}  // namespace

absl::StatusOr<TransformChain> TransformChain::Make(const google::protobuf::RepeatedPtrField<Transform>& transforms,
                                                    const Column& column, TransformMode mode) {
  TransformChain chain;
  ImageInput at = {column.type, column.image_files};
  if (column.image_files) chain.channels_ = static_cast<int>(column.type.shape[0]);
  for (int i = 0; i < transforms.size(); ++i) {
    if (transforms[i].column() != column.name) continue;
    const std::string place = absl::StrCat("transform ", i, " of column '", column.name, "': ");
    const absl::StatusOr<const google::protobuf::Message*> config = ChosenMember(transforms[i], "transform");
    if (!config.ok()) {
      return absl::Status(config.status().code(), absl::StrCat(place, config.status().message()));
    }
    absl::StatusOr<MadeTransform> made = MakeTransform(**config, at, mode);
    absl::Status status = made.status();
    if (status.ok()) status = chain.Add(*std::move(made), absl::StrCat("transform/", i), &at);
    if (!status.ok()) {
      return absl::Status(status.code(),
                          absl::StrCat(place, (*config)->GetDescriptor()->name(), ": ", status.message()));
    }
  }
  if (at.any_size) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the images of column '", column.name,
        "' may have any size, and no transform gives all of them the same one; add `transform { random_resized_crop { "
        "height: 224 width: 224 } }` or `transform { resize { height: 224 width: 224 } }`, with your model's size"));
  }
  chain.output_ = at.type;
  for (size_t i = 0; i + 1 < chain.stages_.size(); ++i) {
    chain.buffer_bytes_ = std::max(chain.buffer_bytes_, chain.stages_[i].output.bytes());
  }
  if (!chain.empty() && !column.image_files) {
    chain.buffer_bytes_ = std::max(chain.buffer_bytes_, column.type.bytes());
  }
  return chain;
}

// A geometric transform joins those before it, unless it resizes and there may be zeros around the image by now.
absl::Status TransformChain::Add(MadeTransform made, std::string random_name, ImageInput* at) {
  if (made.example == nullptr && made.geometric == nullptr) return absl::OkStatus();
  ImageInput next = *at;
  bool joins = false;
  if (made.geometric != nullptr) {
    if (const std::optional<ImageSize> size = made.geometric->size()) {
      GRADUS_ASSIGN_OR_RETURN(next.type, WithSize(at->type, *size));
      next.any_size = false;
    }
    joins = !stages_.empty() && stages_.back().steps[0].transform.geometric != nullptr;
    for (size_t i = 0; joins && made.geometric->resizes() && i < stages_.back().steps.size(); ++i) {
      joins = !stages_.back().steps[i].transform.geometric->pads();
    }
  } else {
    if (made.example->wants_unit_range() && normalized_) {
      return absl::InvalidArgumentError("wants colours in 0...1, so put it before normalize");
    }
    normalized_ |= made.example->leaves_unit_range();
    next.type = made.example->output();
  }
  if (!joins) {
    if (at->any_size && !stages_.empty()) {
      return absl::InvalidArgumentError("would enlarge padding; put it before the crop that pads");
    }
    stages_.emplace_back();
    stages_.back().input = at->type;
  }
  stages_.back().steps.push_back({std::move(made), std::move(random_name)});
  stages_.back().output = next.type;
  *at = std::move(next);
  return absl::OkStatus();
}

absl::StatusOr<ImageView> TransformChain::ViewOf(const Stage& stage, ImageSize size, uint64_t seed,
                                                 ExamplePlace place) const {
  ImageView view(size);
  for (const Step& step : stage.steps) {
    RandomSequence random = RandomOf(seed, step.random_name, place);
    GRADUS_RETURN_IF_ERROR(step.transform.geometric->Apply(&view, &random));
  }
  return view;
}

absl::Status TransformChain::ApplyStage(const Stage& stage, uint64_t seed, ExamplePlace place, const uint8_t* in,
                                        uint8_t* out, Scratch* scratch) const {
  if (const ExampleTransform* transform = stage.steps[0].transform.example.get()) {
    RandomSequence random = RandomOf(seed, stage.steps[0].random_name, place);
    transform->Apply(in, out, &random);
    return absl::OkStatus();
  }
  const ImageInput input = {stage.input};
  GRADUS_ASSIGN_OR_RETURN(const ImageView view, ViewOf(stage, {input.height(), input.width()}, seed, place));
  const int64_t planes = stage.input.shape.ElementsBetween(0, stage.input.shape.rank() - 2);
  if (view.copies()) {
    CopyView(view, planes, static_cast<int64_t>(SizeOf(stage.input.dtype)), in, out);
  } else {
    scratch->resampler.Prepare(view, 1);
    scratch->resampler.Render(reinterpret_cast<const float*>(in), planes, reinterpret_cast<float*>(out));
  }
  return absl::OkStatus();
}

absl::Status TransformChain::ApplyFrom(size_t first, uint64_t seed, ExamplePlace place, uint8_t* buffer,
                                       uint8_t* other_buffer, uint8_t* out, Scratch* scratch) const {
  for (size_t i = first; i < stages_.size(); ++i) {
    uint8_t* to = i + 1 == stages_.size() ? out : other_buffer;
    GRADUS_RETURN_IF_ERROR(ApplyStage(stages_[i], seed, place, buffer, to, scratch));
    std::swap(buffer, other_buffer);
  }
  return absl::OkStatus();
}

absl::Status TransformChain::Apply(uint64_t seed, ExamplePlace place, uint8_t* buffer, uint8_t* other_buffer,
                                   uint8_t* out, Scratch* scratch) const {
  GRADUS_CHECK(!empty() && channels_ == 0);
  return ApplyFrom(0, seed, place, buffer, other_buffer, out, scratch);
}

absl::Status TransformChain::ApplyToFile(uint64_t seed, ExamplePlace place, absl::string_view name,
                                         absl::string_view file, uint8_t* buffer, uint8_t* other_buffer, uint8_t* out,
                                         Scratch* scratch) const {
  GRADUS_CHECK(!empty() && channels_ > 0);
  const auto choose = [&](ImageSize size, int most_reduction) -> absl::StatusOr<ImagePart> {
    const absl::StatusOr<ImageView> view = ViewOf(stages_[0], size, seed, place);
    if (!view.ok()) {
      return absl::Status(view.status().code(), absl::StrCat(name, ": ", view.status().message()));
    }
    return scratch->resampler.Prepare(*view, most_reduction);
  };
  GRADUS_RETURN_IF_ERROR(DecodeImage(name, file, channels_, choose, &scratch->pixels));
  uint8_t* to = stages_.size() == 1 ? out : buffer;
  scratch->resampler.Render(scratch->pixels, reinterpret_cast<float*>(to));
  return ApplyFrom(1, seed, place, buffer, other_buffer, out, scratch);
}

}  // namespace gradus
