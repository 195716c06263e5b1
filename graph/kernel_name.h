// The name of a candidate, by which a later run finds it again: what runs, and in which layouts. Checkpoints keep it.
#ifndef GRADUS_GRAPH_KERNEL_NAME_H_
#define GRADUS_GRAPH_KERNEL_NAME_H_

#include <string>

#include "absl/container/flat_hash_map.h"
#include "graph/kernel.h"

namespace gradus {

struct KernelName {
  std::string implementation;  // "onednn:jit:avx2"
  std::string layouts;         // "abcd, Acdb8a, a -> aBcd8b"; empty: the best of this implementation, whatever they are

  // "onednn:jit:avx2 (abcd, Acdb8a, a -> aBcd8b)".
  std::string ToString() const;
  friend bool operator==(const KernelName& a, const KernelName& b) {
    return a.implementation == b.implementation && a.layouts == b.layouts;
  }
};

// By the name of the node.
using KernelChoices = absl::flat_hash_map<std::string, KernelName>;

KernelName NameOf(const Candidate& candidate);
bool HasName(const Candidate& candidate, const KernelName& name);

}  // namespace gradus

#endif  // GRADUS_GRAPH_KERNEL_NAME_H_
