// What each step of a compiled plan takes, as a table for people.
#ifndef GRADUS_EXAMPLES_STEP_TABLE_H_
#define GRADUS_EXAMPLES_STEP_TABLE_H_

#include <map>
#include <string>
#include <vector>

#include "graph/kernel_search.h"
#include "graph/plan.h"

namespace gradus {

// A line for each step, with its kernel, layout, time, work and speed, and a sum for each kind of step. `warm` and
// `cold`: milliseconds by step, as it ran and alone on memory that the caches do not hold; `cold` may be empty.
// `limits`: the fastest kernels, by node.
std::string StepTable(const Plan& plan, const std::vector<double>& warm, const std::vector<double>& cold,
                      const std::map<std::string, NodeLimit>& limits);

}  // namespace gradus

#endif  // GRADUS_EXAMPLES_STEP_TABLE_H_
