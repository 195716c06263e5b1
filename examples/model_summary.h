// What a model costs, found without running it or making its variables: sizes, arithmetic, and the memory that plans of
// it need.
//
// Functions; they need some memory for the graph, none for its values.
#ifndef GRADUS_EXAMPLES_MODEL_SUMMARY_H_
#define GRADUS_EXAMPLES_MODEL_SUMMARY_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "core/shape.h"
#include "graph/load_model.h"
#include "graph/plan.h"
#include "graph/receptive_field.h"

namespace gradus {

struct LayerSummary {
  std::string name;
  std::string kind;        // "conv"
  TensorType output;       // with the batch
  int64_t parameters = 0;  // elements; a variable counts where it is first read
  double macs = 0;         // multiply-accumulates for one example, without bias; exact up to 2^53
  // Convolutions and dense layers by the formulas of textbooks, which give every filter a bias, used or not: parameters
  // (k_w k_h C_in + 1) C_out, and for one example W H (k_w k_h C_in + 1) C_out operations over an output of W x H; a
  // dense layer is a convolution over a map of one element. 0 for others.
  double formula_parameters = 0, formula_operations = 0;
  // What a unit sees, for each spatial axis of the first of the model's inputs that it sees at all and that has spatial
  // axes: those behind the channels or, in i32[N, T], behind the batch. Else empty.
  std::vector<FieldExtent> field = {};
  bool sees_all = false;  // the whole of that input, whichever unit
};

// Parameters and multiply-accumulates of a network.
struct NetworkCost {
  int64_t parameters = 0;
  double macs = 0;

  double flops() const { return 2 * macs; }
  int64_t weight_bytes() const { return 4 * parameters; }
};

struct ModelSummary {
  std::vector<LayerSummary> layers;                       // all that run in training
  bool has_loss = false;                                  // that runs in training
  NetworkCost training;                                   // all layers and losses
  NetworkCost inference;                                  // what the outputs need
  double formula_parameters = 0, formula_operations = 0;  // of all layers
  int64_t output_bytes = 0;                               // of all layers
};

// What a model is looked at for.
struct SummaryOptions {
  int64_t batch = 1;
  absl::flat_hash_map<std::string, Shape> input_dims;  // one example's, of inputs that have free (-1) dimensions
};

absl::StatusOr<ModelSummary> SummarizeModel(const ExpandedModel& model, const SummaryOptions& options);

// What the plan of a training step needs, with SGD and momentum.
absl::StatusOr<MemoryNeed> TrainingMemory(const LoadedModel& model, const SummaryOptions& options);

// What the plan of inference needs.
absl::StatusOr<MemoryNeed> InferenceMemory(const LoadedModel& model, const SummaryOptions& options);

}  // namespace gradus

#endif  // GRADUS_EXAMPLES_MODEL_SUMMARY_H_
