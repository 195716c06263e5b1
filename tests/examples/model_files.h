// The files under examples/, found by looking, so that a test of all of them has new ones, too. Paths are relative to
// the runfiles of a test that has //examples:models among its `data`.
#ifndef GRADUS_TESTS_EXAMPLES_MODEL_FILES_H_
#define GRADUS_TESTS_EXAMPLES_MODEL_FILES_H_

#include <map>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "core/shape.h"
#include "graph/load_model.h"

namespace gradus {

// By folder ("mnist"), in order: the files that are models on their own, without those that only hold blocks.
std::map<std::string, std::vector<std::string>> ExampleModels();

// Every *.train.textproto, in order.
std::vector<std::string> ExampleTrainings();

// Sizes that fit together, of one example of each input that the model leaves free (-1) dimensions.
absl::flat_hash_map<std::string, Shape> ExampleInputDims(const LoadedModel& model);

}  // namespace gradus

#endif  // GRADUS_TESTS_EXAMPLES_MODEL_FILES_H_
