#include "ops/together.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "graph/op.h"
#include "graph/reference.h"

namespace gradus {
namespace {

absl::Status TogetherReference(ReferenceContext& context) {
  for (const MemberNode& member : MembersOf(context.node)) {
    const ReferenceEntry* entry = Registry<ReferenceEntry>::Get().Find(member.node.op->name());
    if (entry == nullptr) return absl::UnimplementedError(absl::StrCat("no reference of ", member.node.op->name()));
    std::vector<const ReferenceTensor*> inputs;
    std::vector<ReferenceTensor> outputs;
    for (size_t i = 0; i < member.node.inputs.size(); ++i) inputs.push_back(context.inputs[member.first_input + i]);
    for (size_t i = 0; i < member.node.outputs.size(); ++i) {
      outputs.push_back(context.outputs[member.first_output + i]);
    }
    ReferenceContext alone{context.graph, member.node, std::move(inputs), outputs, context.state};
    GRADUS_RETURN_IF_ERROR(entry->function(alone));
    for (size_t i = 0; i < outputs.size(); ++i) context.outputs[member.first_output + i] = std::move(outputs[i]);
  }
  return absl::OkStatus();
}

}  // namespace

REGISTER_REFERENCE(Together, TogetherReference);

}  // namespace gradus
