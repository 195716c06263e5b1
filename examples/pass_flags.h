// The flags of programs that compile a network: --skip_passes, --explain and --dump_graph.
#ifndef GRADUS_EXAMPLES_PASS_FLAGS_H_
#define GRADUS_EXAMPLES_PASS_FLAGS_H_

#include "graph/passes.h"

namespace gradus {

// What the flags ask for. Explanations and graphs go to stderr.
PassOptions PassOptionsOfFlags();

// "fuse_conv: 2 done, 1 not" and a line for each thing.
std::string PrintLog(const std::string& pass, const PassLog& log);

}  // namespace gradus

#endif  // GRADUS_EXAMPLES_PASS_FLAGS_H_
