// What a layer, loss or metric becomes: the last node that it adds, as text.
#ifndef GRADUS_TESTS_TESTLIB_LOWERED_LAYER_H_
#define GRADUS_TESTS_TESTLIB_LOWERED_LAYER_H_

#include <google/protobuf/text_format.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "graph/builtin_ops.h"
#include "graph/layer.h"
#include "graph/op.h"

namespace gradus {

// "InTopK k=5 : f32[2]", for a Message that Entry (LayerEntry, LossEntry, MetricEntry) knows, called "name"; or the
// error, which begins with the field at fault ("k: 'name': ..."), or with "layer".
template <typename Message, typename Entry>
std::string LoweredLayer(const std::string& text, const std::vector<TensorType>& inputs,
                         const TensorType* target = nullptr, Mode mode = Mode::kTrain) {
  Message message;
  if (!google::protobuf::TextFormat::ParseFromString(text, &message)) return "no message";
  const Entry* entry = Registry<Entry>::Get().Find(message.GetTypeName());
  if (entry == nullptr) return "not registered";
  Graph graph;
  const auto add_input = [&](const TensorType& type) {
    return *graph.Add({"Input", "x", {}, InputAttrs{type}, {}, Stage::kCompute, -1});
  };
  std::vector<Value> values;
  for (const TensorType& type : inputs) values.push_back(add_input(type));
  const auto place = [](absl::string_view field) {
    return SourceLocation{std::make_shared<std::string>(field.empty() ? "layer" : std::string(field)), 0, 0, nullptr};
  };
  LayerContext context(&graph, mode, "name", &message, std::move(values), target ? add_input(*target) : Value{},
                       place(""), place);
  const absl::StatusOr<Value> value = entry->lower(context);
  if (!value.ok()) return std::string(value.status().message());
  const Node& node = graph.node(*value);
  return absl::StrCat(node.op->name(), " ", node.attrs.text(), " : ", graph.type(*value).ToString());
}

}  // namespace gradus

#endif  // GRADUS_TESTS_TESTLIB_LOWERED_LAYER_H_
