// Production kernels against the reference: runs the kernels of a small graph on buffers of its own, without a plan, so
// that a mistake is the kernel's and not the plan's.
#ifndef GRADUS_TESTS_TESTLIB_KERNEL_CHECK_H_
#define GRADUS_TESTS_TESTLIB_KERNEL_CHECK_H_

#include <functional>
#include <string>
#include <vector>

#include "core/layout.h"
#include "tests/testlib/case_graph.h"
#include "tests/testlib/slot.h"

namespace gradus {

// What a kernel is asked to work with.
struct KernelSetting {
  std::string name;  // "blocks of 16, 2 threads"
  // The layout of the fed input with this index.
  std::function<Layout(int input, const TensorType& type)> layout;
  int threads = 1;
  bool flexible = false;      // all inputs can be had in any layout
  bool want_blocked = false;  // readers want outputs in blocks of 16 channels
  bool inference = false;
};

// Plain, channels last, blocks of 8 and 16 channels, and mixtures; one and two threads; hints.
const std::vector<KernelSetting>& AllKernelSettings();
const KernelSetting& PlainKernelSetting();

// Blocks of 16 channels for ranks 3 to 5, else plain.
Layout BlocksOf16(const TensorType& type);

// Runs each candidate of the node under test, and the best with each candidate of its forward partner, in each setting,
// and compares with the reference. What went wrong, a line each: the setting, the implementation, the output, its
// layout and element, the numbers expected and found; nothing when all is well.
std::vector<std::string> CheckKernels(const CaseGraph& graph, const std::vector<KernelSetting>& settings,
                                      const KernelTolerance& tolerance);

}  // namespace gradus

#endif  // GRADUS_TESTS_TESTLIB_KERNEL_CHECK_H_
