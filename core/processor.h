// What this process runs on.
#ifndef GRADUS_CORE_PROCESSOR_H_
#define GRADUS_CORE_PROCESSOR_H_

#include <string>

namespace gradus {

// "avx2": the instruction set that oneDNN's kernels use here.
std::string InstructionSet();

// "AMD EPYC 7763 64-Core Processor"; "unknown" where the system does not say.
std::string ProcessorModel();

// "oneDNN 2.6.3".
std::string OneDnnVersion();

}  // namespace gradus

#endif  // GRADUS_CORE_PROCESSOR_H_
