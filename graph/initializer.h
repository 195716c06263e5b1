// The first values of variables. Every number is a function of the seed, the variable's name and the element's index
// alone: other variables, the batch and the number of threads do not matter. Thread-safe.
#ifndef GRADUS_GRAPH_INITIALIZER_H_
#define GRADUS_GRAPH_INITIALIZER_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/tensor.h"
#include "graph/graph.h"

namespace gradus {

// What is wrong with the parameters, as an InvalidArgument that names the field: "normal.stddev is -1; it must not be
// negative". Numbers must be finite and at most 1e37, so that nothing that is drawn exceeds f32.
absl::Status CheckInitializer(const Initializer& initializer);

// The same of a variable's initialiser, with the variable's place and name.
absl::Status CheckInitializerOf(const Variable& variable);

// Whether the variable starts with zeros, as it does without an initialiser. Errors as below.
absl::StatusOr<bool> StartsWithZeros(const Variable& variable);

// A new tensor of the variable's type. Types other than f32 and f64 can be zeros only.
//
// Errors start with the variable's place and name: parameters that CheckInitializer refuses, a fan of 0 where one is
// divided by. ResourceExhausted when there is not enough memory.
absl::StatusOr<Tensor> InitialValue(const Variable& variable, uint64_t seed);

}  // namespace gradus

#endif  // GRADUS_GRAPH_INITIALIZER_H_
