// The members' own kernels. Each runs on one thread, where loops of its own stay; threads get their members once and
// for all, the largest first, each to the thread that has the least.
#include "ops/together.h"

#include <omp.h>

#include <algorithm>
#include <iterator>
#include <memory>
#include <numeric>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "graph/kernel.h"
#include "graph/op.h"

namespace gradus {
namespace {

constexpr int64_t kBytesWorthAThread = 1 << 17;
constexpr int64_t kScratchAlign = 64;

struct Member {
  Candidate candidate;
  int first_input = 0, inputs = 0, first_output = 0, outputs = 0;
  int64_t scratch = 0;  // where its own begins
  int64_t bytes = 0;    // that it reads and writes
};

// The members of each thread.
std::vector<std::vector<int>> Share(const std::vector<Member>& members, int threads) {
  int64_t all = 0;
  for (const Member& member : members) all += member.bytes;
  std::vector<std::vector<int>> shares(std::clamp<int64_t>(all / kBytesWorthAThread, 1, threads));
  std::vector<int64_t> load(shares.size(), 0);
  std::vector<int> order(members.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return members[a].bytes > members[b].bytes; });
  for (int i : order) {
    const auto least = std::min_element(load.begin(), load.end());
    *least += members[i].bytes;
    shares[least - load.begin()].push_back(i);
  }
  for (std::vector<int>& share : shares) std::sort(share.begin(), share.end());
  return shares;
}

class TogetherKernel : public Kernel {
 public:
  TogetherKernel(std::shared_ptr<const std::vector<Member>> members, std::vector<std::unique_ptr<Kernel>> kernels,
                 int threads)
      : members_(std::move(members)), kernels_(std::move(kernels)), shares_(Share(*members_, threads)) {
    statuses_.resize(shares_.size());
  }

  void Bind(const Buffers& all) override {
    for (size_t i = 0; i < kernels_.size(); ++i) {
      const Member& member = (*members_)[i];
      Buffers own;
      own.inputs = all.inputs.subspan(member.first_input, member.inputs);
      own.outputs = all.outputs.subspan(member.first_output, member.outputs);
      if (member.candidate.scratch_bytes > 0) own.scratch = static_cast<uint8_t*>(all.scratch) + member.scratch;
      own.state = all.state;
      kernels_[i]->Bind(own);
    }
  }

  absl::Status Run() override {
    const int shares = static_cast<int>(shares_.size());
#pragma omp parallel num_threads(shares) if (shares > 1)
    for (int s = omp_get_thread_num(); s < shares; s += omp_get_num_threads()) statuses_[s] = RunShare(s);
    for (const absl::Status& status : statuses_) GRADUS_RETURN_IF_ERROR(status);
    return absl::OkStatus();
  }

 private:
  absl::Status RunShare(int share) {
    for (int i : shares_[share]) GRADUS_RETURN_IF_ERROR(kernels_[i]->Run());
    return absl::OkStatus();
  }

  std::shared_ptr<const std::vector<Member>> members_;
  std::vector<std::unique_ptr<Kernel>> kernels_;  // by member
  std::vector<std::vector<int>> shares_;
  std::vector<absl::Status> statuses_;  // by share
};

// The best candidate of the member's own operation.
absl::StatusOr<Member> ChooseMember(const KernelContext& all, const MemberNode& part) {
  const std::string& op = part.node.op->name();
  const KernelEntry* entry = Registry<KernelEntry>::Get().Find(op);
  if (entry == nullptr) return absl::UnimplementedError(absl::StrCat("no kernel of ", op));
  Member member;
  member.first_input = part.first_input;
  member.first_output = part.first_output;
  member.inputs = static_cast<int>(part.node.inputs.size());
  member.outputs = static_cast<int>(part.node.outputs.size());
  const std::vector<bool> flexible(all.flexible.begin() + part.first_input,
                                   all.flexible.begin() + part.first_input + member.inputs);
  const KernelContext context{all.graph,
                              part.node,
                              all.inputs.subspan(part.first_input, member.inputs),
                              flexible,
                              all.wanted.subspan(part.first_output, member.outputs),
                              nullptr,
                              all.inference,
                              all.threads};
  GRADUS_ASSIGN_OR_RETURN(std::vector<Candidate> candidates, entry->factory(context));
  if (candidates.empty()) return absl::UnimplementedError(absl::StrCat("no kernel of ", op, " fits"));
  member.candidate = std::move(candidates[0]);
  member.candidate.inputs.resize(member.inputs);
  for (const Layout& layout : member.candidate.inputs) member.bytes += layout.bytes();
  for (const Layout& layout : member.candidate.outputs) member.bytes += layout.bytes();
  return member;
}

absl::StatusOr<std::vector<Candidate>> TogetherCandidates(const KernelContext& context) {
  auto members = std::make_shared<std::vector<Member>>();
  Candidate candidate;
  candidate.implementation = "gradus:one_region";
  candidate.inputs.reserve(context.node.inputs.size());
  candidate.outputs.reserve(context.node.outputs.size());
  const std::vector<MemberNode> parts = MembersOf(context.node);
  members->reserve(parts.size());
  for (const MemberNode& part : parts) {
    GRADUS_ASSIGN_OR_RETURN(Member member, ChooseMember(context, part));
    Candidate& own = member.candidate;  // whose layouts nobody asks for again
    std::move(own.inputs.begin(), own.inputs.end(), std::back_inserter(candidate.inputs));
    std::move(own.outputs.begin(), own.outputs.end(), std::back_inserter(candidate.outputs));
    own.inputs = own.outputs = {};
    candidate.in_place = candidate.in_place && own.in_place;
    member.scratch = candidate.scratch_bytes;
    candidate.scratch_bytes += (own.scratch_bytes + kScratchAlign - 1) / kScratchAlign * kScratchAlign;
    members->push_back(std::move(member));
  }
  candidate.make = [members, threads = context.threads]() -> absl::StatusOr<std::unique_ptr<Kernel>> {
    std::vector<std::unique_ptr<Kernel>> kernels;
    for (const Member& member : *members) {
      GRADUS_ASSIGN_OR_RETURN(std::unique_ptr<Kernel> kernel, member.candidate.make());
      kernels.push_back(std::move(kernel));
    }
    return std::make_unique<TogetherKernel>(members, std::move(kernels), threads);
  };
  return std::vector<Candidate>{std::move(candidate)};
}

}  // namespace

REGISTER_KERNEL(Together, TogetherCandidates);

}  // namespace gradus
