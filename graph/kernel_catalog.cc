#include "graph/kernel_catalog.h"

#include <algorithm>
#include <string>

#include "core/onednn.h"
#include "core/status_macros.h"
#include "graph/kernel_name.h"
#include "graph/onednn_kernel.h"
#include "graph/op.h"

namespace gradus {
namespace {

// Nodes with more inputs (sums over all gradients) are too rare to look for equal ones.
constexpr size_t kMostInputsToCompare = 8;

bool IsImage(const TensorType& type) {
  return type.dtype == DType::kFloat32 && type.shape.rank() >= 3 && type.shape.rank() <= 5;
}

bool SameCandidate(const Candidate& a, const Candidate& b) {
  return a.implementation == b.implementation && a.inputs == b.inputs && a.outputs == b.outputs;
}

}  // namespace

std::vector<ImageFormat> ImageFormats() {
  std::vector<ImageFormat> formats = {ImageFormat::kPlain, ImageFormat::kChannelsLast, ImageFormat::kBlocks8};
  if (dnnl::get_effective_cpu_isa() >= dnnl::cpu_isa::avx512_core) formats.push_back(ImageFormat::kBlocks16);
  return formats;
}

Layout InFormat(const TensorType& type, ImageFormat format) {
  if (format == ImageFormat::kPlain || !IsImage(type)) return Layout::Plain(type);
  using Tag = dnnl::memory::format_tag;
  static constexpr Tag kTags[3][3] = {{Tag::nwc, Tag::nCw8c, Tag::nCw16c},
                                      {Tag::nhwc, Tag::nChw8c, Tag::nChw16c},
                                      {Tag::ndhwc, Tag::nCdhw8c, Tag::nCdhw16c}};
  const Tag tag = kTags[type.shape.rank() - 3][static_cast<int>(format) - 1];
  return Layout(dnnl::memory::desc(ToDnnl(type.shape), ToDnnl(type.dtype), tag).data);
}

LayoutPtr KernelCatalog::Keep(const Layout& layout) {
  // Equal layouts may still group dimensions differently, which kernel factories see.
  const auto same = [&layout](LayoutPtr known) {
    if (*known != layout) return false;
    return layout.any() || layout.opaque() ||
           std::equal(known->desc().dims, known->desc().dims + known->desc().ndims, layout.desc().dims,
                      layout.desc().dims + layout.desc().ndims);
  };
  std::vector<LayoutPtr>& known = layouts_by_bytes_[layout.bytes()];
  const auto found = std::find_if(known.begin(), known.end(), same);
  if (found != known.end()) return *found;
  layouts_.push_back(layout);
  known.push_back(&layouts_.back());
  return known.back();
}

absl::StatusOr<std::vector<ChoicePtr>> KernelCatalog::Candidates(const Graph& graph, const Node& node,
                                                                 const KernelSignature& signature) {
  const bool share = node.inputs.size() <= kMostInputsToCompare;
  if (share) {
    const auto known = candidates_.find(signature);
    if (known != candidates_.end()) return known->second;
  }
  const KernelEntry* entry = Registry<KernelEntry>::Get().Find(node.op->name());
  if (entry == nullptr) {
    return absl::UnimplementedError("no kernel is registered; is the library of the operation linked in?");
  }
  const auto copy = [](const std::vector<LayoutPtr>& layouts) {
    std::vector<Layout> copies;
    copies.reserve(layouts.size());
    for (LayoutPtr layout : layouts) copies.push_back(*layout);
    return copies;
  };
  const std::vector<Layout> at_hand = copy(signature.inputs), wanted = copy(signature.wanted);
  const KernelContext context{graph,      node,    at_hand, signature.flexible, wanted, signature.forward,
                              inference_, threads_};
  GRADUS_ASSIGN_OR_RETURN(std::vector<Candidate> made, entry->factory(context));
  std::vector<ChoicePtr> candidates;
  candidates.reserve(made.size());
  for (Candidate& candidate : made) {
    candidates.push_back(std::make_shared<const NodeChoice>(NodeChoice{at_hand, std::move(candidate)}));
  }
  if (share) candidates_.emplace(signature, candidates);
  return candidates;
}

// Images at hand in each format, and outputs wanted in it; then the images as they are, and outputs wanted in each. A
// saved workspace fits the forward kernel that was chosen: such a node has no other formats.
std::vector<KernelSignature> KernelCatalog::InOtherFormats(const Graph& graph, const Node& node,
                                                           const KernelSignature& signature) {
  std::vector<KernelSignature> others;
  const auto is_opaque = [](const TensorType& type) { return type.dtype == DType::kOpaque; };
  if (std::any_of(signature.types.begin(), signature.types.end(), is_opaque)) return others;
  for (bool as_they_are : {false, true}) {
    for (ImageFormat format : ImageFormats()) {
      KernelSignature other = signature;
      for (size_t i = 0; i < other.inputs.size() && !as_they_are; ++i) {
        const bool variable = graph.variable_of(node.inputs[i].node) >= 0;
        if (IsImage(other.types[i]) && !variable) other.inputs[i] = Keep(InFormat(other.types[i], format));
      }
      for (size_t i = 0; i < other.wanted.size(); ++i) {
        if (IsImage(node.outputs[i]) && other.wanted[i]->any()) {
          other.wanted[i] = Keep(InFormat(node.outputs[i], format));
        }
      }
      others.push_back(std::move(other));
    }
  }
  return others;
}

absl::StatusOr<std::vector<ChoicePtr>> KernelCatalog::AllCandidates(const Graph& graph, const Node& node,
                                                                    const KernelSignature& signature) {
  const auto known = all_.find(signature);
  if (known != all_.end()) return known->second;
  GRADUS_ASSIGN_OR_RETURN(std::vector<ChoicePtr> all, Candidates(graph, node, signature));
  for (const KernelSignature& other : InOtherFormats(graph, node, signature)) {
    const absl::StatusOr<std::vector<ChoicePtr>> more = Candidates(graph, node, other);
    if (!more.ok()) continue;  // not in this format
    for (const ChoicePtr& choice : *more) {
      const auto same = [&choice](const ChoicePtr& k) { return SameCandidate(k->candidate, choice->candidate); };
      if (std::none_of(all.begin(), all.end(), same)) all.push_back(choice);
    }
  }
  const auto slow = [](const ChoicePtr& choice) { return IsPlainLoops(choice->candidate); };
  if (!std::all_of(all.begin(), all.end(), slow)) {
    all.erase(std::remove_if(all.begin(), all.end(), slow), all.end());
  }
  all_.emplace(signature, all);
  return all;
}

absl::StatusOr<ChoicePtr> KernelCatalog::Reorder(const Layout& from, const Layout& to) {
  ChoicePtr& choice = reorders_[{Keep(from), Keep(to)}];
  if (choice == nullptr) {
    GRADUS_ASSIGN_OR_RETURN(dnnl::reorder::primitive_desc desc, ReorderDesc(from, to));
    choice = std::make_shared<const NodeChoice>(
        NodeChoice{{from}, OneDnnCandidate(desc, {{DNNL_ARG_FROM, 0}}, {{DNNL_ARG_TO, 0}})});
  }
  return choice;
}

}  // namespace gradus
