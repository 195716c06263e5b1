// The candidates of nodes, each made once: nodes that a kernel factory cannot tell apart share them. A catalogue may
// serve several plans of one program (the trials of a search for the fastest). Used by one thread at a time.
#ifndef GRADUS_GRAPH_KERNEL_CATALOG_H_
#define GRADUS_GRAPH_KERNEL_CATALOG_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "core/layout.h"
#include "graph/kernel.h"

namespace gradus {

// What was settled for one node: how its inputs lay before any reorder, and the candidate that was chosen. Equal nodes
// share it.
struct NodeChoice {
  std::vector<Layout> at_hand;
  Candidate candidate;
};
using ChoicePtr = std::shared_ptr<const NodeChoice>;

// Layouts are large and few: a catalogue keeps each once, so that most comparisons are of addresses.
using LayoutPtr = const Layout*;

// What a kernel factory may look at: nodes for which all this is equal have the same candidates.
struct KernelSignature {
  const OpDef* op;
  Attrs attrs;
  std::vector<TensorType> types;  // of inputs
  std::vector<LayoutPtr> inputs, wanted;
  std::vector<bool> flexible;
  const Candidate* forward;

  friend bool operator==(const KernelSignature& a, const KernelSignature& b) {
    return a.op == b.op && a.forward == b.forward && a.attrs == b.attrs && a.types == b.types && a.inputs == b.inputs &&
           a.wanted == b.wanted && a.flexible == b.flexible;
  }
  template <typename H>
  friend H AbslHashValue(H h, const KernelSignature& s) {
    return H::combine(std::move(h), s.op, s.attrs, s.types, s.inputs, s.wanted, s.forward);
  }
};

// Ways to lay out f32 images, f32[N, C, 1 to 3 spatial dimensions], that kernels know.
enum class ImageFormat { kPlain, kChannelsLast, kBlocks8, kBlocks16 };

// Those worth a try on this processor.
std::vector<ImageFormat> ImageFormats();

// The layout of a tensor in that format; plain for all but images.
Layout InFormat(const TensorType& type, ImageFormat format);

class KernelCatalog {
 public:
  KernelCatalog(bool inference, int threads) : inference_(inference), threads_(threads) {}

  bool inference() const { return inference_; }

  // The one copy of a layout.
  LayoutPtr Keep(const Layout& layout);

  // What the factory gives, best first.
  absl::StatusOr<std::vector<ChoicePtr>> Candidates(const Graph& graph, const Node& node,
                                                    const KernelSignature& signature);

  // These first, then what it gives for images at hand or wanted in all formats. Each once. oneDNN's plain loops are
  // left out where there is anything else.
  absl::StatusOr<std::vector<ChoicePtr>> AllCandidates(const Graph& graph, const Node& node,
                                                       const KernelSignature& signature);

  // The copy from one layout to another; Unimplemented where there is no direct way.
  absl::StatusOr<ChoicePtr> Reorder(const Layout& from, const Layout& to);

 private:
  std::vector<KernelSignature> InOtherFormats(const Graph& graph, const Node& node, const KernelSignature& signature);

  const bool inference_;
  const int threads_;
  std::deque<Layout> layouts_;  // that Keep has seen
  absl::flat_hash_map<int64_t, std::vector<LayoutPtr>> layouts_by_bytes_;
  absl::flat_hash_map<KernelSignature, std::vector<ChoicePtr>> candidates_, all_;
  absl::flat_hash_map<std::pair<LayoutPtr, LayoutPtr>, ChoicePtr> reorders_;  // from, to
};

}  // namespace gradus

#endif  // GRADUS_GRAPH_KERNEL_CATALOG_H_
