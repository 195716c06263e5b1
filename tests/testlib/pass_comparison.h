// What a model computes in training and in inference under a choice of passes, and how far two such runs are apart.
//
//   GRADUS_ASSIGN_OR_RETURN(PassRun none, RunWithout({"all"}, model, setting));
//   GRADUS_ASSIGN_OR_RETURN(PassRun all, RunWithout({}, model, setting));
//   PassDifference difference = Compare(all, none);
//
// Examples are random, and the same for each run of one setting. A model without a loss infers only.
#ifndef GRADUS_TESTS_TESTLIB_PASS_COMPARISON_H_
#define GRADUS_TESTS_TESTLIB_PASS_COMPARISON_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "core/shape.h"
#include "graph/load_model.h"
#include "proto/train.pb.h"

namespace gradus {

struct PassSetting {
  Training training;  // its model and data are not looked at
  int64_t batches = 4;
  double learning_rate = 0.05;
  int32_t classes = 5;   // inputs of whole numbers are below it
  bool rounded = false;  // each number that is fed is the next float: what rounding alone does to results
  absl::flat_hash_map<std::string, Shape> input_dims;  // one example's, of inputs that have free (-1) dimensions
};

struct PassRun {
  // By variable that a checkpoint would hold: its value before the first update, after it, and at the end. Of an
  // optimizer with momentum the slots after the first update are the gradients.
  struct History {
    std::string name;
    std::vector<float> start, first, last;
  };
  std::vector<History> variables;
  std::vector<float> losses, gradient_norms;         // of each batch; of each update
  std::vector<float> first_outputs, last_outputs;    // of inference, with the first weights and with those at the end
  absl::flat_hash_map<std::string, int> done;        // by pass: what it says that it did, in both programs
  absl::flat_hash_map<std::string, int> operations;  // by name: how many nodes both programs have
};

// Trains and infers. `skip` are names of passes to leave out, or "all".
absl::StatusOr<PassRun> RunWithout(const std::vector<std::string>& skip, const LoadedModel& model,
                                   const PassSetting& setting);

// All relative. Losses, norms and outputs: the largest difference by the largest value. Variables: the root mean square
// of the differences of one variable by that of how far it has moved since the start; one that moves less than a
// thousandth of what moves farthest is measured by that (the gradient of a bias before batch norm is nothing but
// rounding).
struct PassDifference {
  double losses = 0, gradient_norms = 0, first_outputs = 0, last_outputs = 0;
  double first_update = 0, last_update = 0;
  std::string first_variable, last_variable;  // which they are of

  // The larger of each.
  void Include(const PassDifference& other);
  std::string ToString() const;
};

// Both runs are of one model and one setting.
PassDifference Compare(const PassRun& run, const PassRun& reference);

}  // namespace gradus

#endif  // GRADUS_TESTS_TESTLIB_PASS_COMPARISON_H_
