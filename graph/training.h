// From a lowered network to a training program: gradients of the losses, accumulation, clipping, the optimiser.
#ifndef GRADUS_GRAPH_TRAINING_H_
#define GRADUS_GRAPH_TRAINING_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "graph/gradient.h"
#include "graph/param_settings.h"
#include "graph/program.h"

namespace google::protobuf {
class Message;
}

namespace gradus {

struct TrainingOptions {
  // A message for which an optimiser is registered (gradus.Optimizer.Sgd, ...). Borrowed while building.
  const google::protobuf::Message* optimizer = nullptr;
  // Batches whose gradients are averaged before one update.
  int64_t accumulate = 1;
  // Largest global norm of the averaged gradient; 0: no clipping.
  double clip_norm = 0;
  // Settings of the parameters with these names, in this order. Default: all trained, no decay.
  std::function<absl::StatusOr<std::vector<ParamSettings>>(const std::vector<std::string>& parameters)> settings;
  GradientOptions gradient;
};

// `network` must have been lowered for training and have a loss. Fetches: "loss/<name>", the sum of each loss's values
// (f32[]), and kSquaredNorm; with accumulation also kTotalSquaredNorm. A trained parameter that no loss reaches is an
// error that names it.
//
// Phases: compute gives losses, gradients and their norm; commit writes running statistics and, with accumulation, adds
// the gradients up (the first batch of a step starts afresh); update averages, clips and applies.
absl::StatusOr<Program> BuildTraining(Network network, const TrainingOptions& options);

// The training loss of one batch from its fetches: sum over losses of weight x sum / divisor.
struct LossScale {
  std::string name;
  double factor;   // weight / divisor: what the fetched sum is multiplied by
  double divisor;  // what the reduction divides a sum by: elements, examples, or 1
};
std::vector<LossScale> LossScales(const Network& network);

}  // namespace gradus

#endif  // GRADUS_GRAPH_TRAINING_H_
