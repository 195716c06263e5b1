// The update rules of training. An optimiser adds, for each parameter, the nodes that turn a gradient into a new value,
// which the caller writes to the parameter, and the variables (slots) that it keeps between steps. Registered by the
// full name of its message:
//
//   absl::StatusOr<Value> AddSgd(const OptimizerContext& context);
//   REGISTER_OPTIMIZER(Sgd, "gradus.Optimizer.Sgd", AddSgd);
#ifndef GRADUS_GRAPH_OPTIMIZER_H_
#define GRADUS_GRAPH_OPTIMIZER_H_

#include <functional>

#include "absl/status/statusor.h"
#include "core/registry.h"
#include "graph/graph.h"

namespace google::protobuf {
class Message;
}

namespace gradus {

struct OptimizerContext {
  Graph* graph;
  const google::protobuf::Message& config;
  Value parameter;       // the read of the parameter
  Value gradient;        // of the same type
  Value learning_rate;   // f32[], after the schedule, before learning_rate_scale
  Value gradient_scale;  // f32[]: the gradient is multiplied by this first (averaging and clipping)
  double learning_rate_scale = 1;
  double weight_decay = 0;     // adds weight_decay x parameter to the scaled gradient
  double weight_decay_l1 = 0;  // adds weight_decay_l1 x sign(parameter)
};

// The parameter's new value. Adds nodes in Stage::kUpdate, and assignments of slots, which are named
// `<parameter>/<slot>` and have Role::kSlot.
using OptimizerFunction = std::function<absl::StatusOr<Value>(const OptimizerContext&)>;

struct OptimizerEntry {
  OptimizerFunction add;
};

}  // namespace gradus

#define REGISTER_OPTIMIZER(name, message, function)            \
  [[maybe_unused]] static const bool gradus_optimizer_##name = \
      ::gradus::Registry<::gradus::OptimizerEntry>::Get().Add(message, ::gradus::OptimizerEntry{function})

#endif  // GRADUS_GRAPH_OPTIMIZER_H_
