#include "graph/layer.h"

#include <google/protobuf/text_format.h>

#include "absl/strings/str_cat.h"
#include "core/check.h"
#include "proto/layers.pb.h"

namespace gradus {

LayerContext::LayerContext(Graph* graph, Mode mode, std::string name, const google::protobuf::Message* config,
                           std::vector<Value> inputs, Value target, SourceLocation where, FieldPlace place,
                           ParameterNames parameter_names)
    : graph_(graph),
      mode_(mode),
      name_(std::move(name)),
      config_(config),
      inputs_(std::move(inputs)),
      target_(target),
      where_(std::move(where)),
      place_(std::move(place)),
      parameter_names_(std::move(parameter_names)) {}

LayerContext LayerContext::Part(absl::string_view suffix, const google::protobuf::Message* config,
                                std::vector<Value> inputs, absl::string_view field) const {
  FieldPlace place;
  if (place_) {
    place = [outer = place_, prefix = std::string(field)](absl::string_view inner) {
      return outer(inner.empty() ? prefix : absl::StrCat(prefix, ".", inner));
    };
  }
  return LayerContext(graph_, mode_, absl::StrCat(name_, "/", suffix), config, std::move(inputs), Value{}, where_,
                      std::move(place), parameter_names_);
}

absl::Status LayerContext::CheckInputs(int least, int most) const {
  if (num_inputs() >= least && num_inputs() <= most) return absl::OkStatus();
  std::string wanted = least == most ? absl::StrCat(least) : absl::StrCat(least, " or more");
  return Error(
      "", absl::StrCat("takes ", wanted, least == 1 && most == 1 ? " input" : " inputs", "; it has ", num_inputs()));
}

absl::Status LayerContext::CheckTarget(bool needed) const {
  if (needed == target_.valid()) return absl::OkStatus();
  return Error("", needed ? "needs a target: the input or layer that its input is compared with" : "takes no target");
}

absl::StatusOr<Value> LayerContext::Call(absl::string_view op, std::vector<Value> inputs, Attrs attrs,
                                         absl::string_view suffix) {
  return graph_->Add({op, suffix.empty() ? name_ : absl::StrCat(name_, "/", suffix), std::move(inputs),
                      std::move(attrs), where_, Stage::kCompute, -1});
}

absl::StatusOr<Value> LayerContext::Parameter(absl::string_view suffix, const Shape& shape,
                                              const Initializer* initializer, absl::string_view fallback, double fan_in,
                                              double fan_out) {
  Variable variable;
  variable.name = absl::StrCat(name_, "/", suffix);
  if (parameter_names_) {
    absl::StatusOr<ParameterName> named = parameter_names_(variable.name);
    if (!named.ok()) return Error("", named.status().message());
    variable.name = std::move(named->name);
    if (named->initializer != nullptr) initializer = named->initializer;
  }
  variable.type = {DType::kFloat32, shape};
  variable.role = Role::kParameter;
  if (initializer != nullptr && initializer->kind_case() != Initializer::KIND_NOT_SET) {
    variable.initializer = initializer->SerializeAsString();
  } else {
    Initializer parsed;
    GRADUS_CHECK(google::protobuf::TextFormat::ParseFromString(std::string(fallback), &parsed));
    variable.initializer = parsed.SerializeAsString();
  }
  variable.fan_in = fan_in;
  variable.fan_out = fan_out;
  variable.where = where_;
  return graph_->AddVariable(std::move(variable));
}

absl::StatusOr<Value> LayerContext::State(absl::string_view suffix, const Shape& shape, double initial) {
  Initializer constant;
  constant.mutable_constant()->set_value(initial);
  Variable variable;
  variable.name = absl::StrCat(name_, "/", suffix);
  variable.type = {DType::kFloat32, shape};
  variable.role = Role::kState;
  variable.initializer = constant.SerializeAsString();
  variable.where = where_;
  return graph_->AddVariable(std::move(variable));
}

absl::StatusOr<Value> LayerContext::Carried(absl::string_view suffix, const Shape& shape) {
  Variable variable;
  variable.name = absl::StrCat(name_, "/", suffix);
  variable.type = {DType::kFloat32, shape};
  variable.role = training() ? Role::kSlot : Role::kState;
  variable.scope = Scope::kPlan;
  variable.where = where_;
  return graph_->AddVariable(std::move(variable));
}

absl::Status LayerContext::Error(absl::string_view field, absl::string_view message) const {
  return ErrorAt(place_ ? place_(field) : where_, absl::StrCat("'", name_, "': ", message));
}

void MeanAccumulator::Add(absl::Span<const float> values, absl::Span<const float> weights) {
  GRADUS_CHECK(values.size() == weights.size());
  for (size_t i = 0; i < values.size(); ++i) {
    if (weights[i] == 0) continue;  // padding: its value may be anything
    sum_ += static_cast<double>(values[i]) * weights[i];
    weight_ += weights[i];
  }
}

}  // namespace gradus
