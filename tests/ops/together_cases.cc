#include <string>
#include <utility>
#include <vector>

#include "ops/optimizers.h"
#include "ops/together.h"
#include "tests/ops/op_cases.h"

namespace gradus {
namespace {

TogetherAttrs::Member Sgd(double weight_decay = 0) {
  return {"SgdUpdate", SgdAttrs{{1, weight_decay, 0}, 0, false}, 4, 1};
}
TogetherAttrs::Member Momentum(bool nesterov = false) {
  return {"MomentumUpdate", SgdAttrs{{2, 0.01, 0}, 0.9, nesterov}, 5, 2};
}
TogetherAttrs::Member Adam() { return {"AdamUpdate", AdamAttrs{}, 6, 3}; }

// Each member's tensors of one type, then its two scalars.
OpCase Row(std::string name, const std::vector<std::pair<TogetherAttrs::Member, TensorType>>& members) {
  OpCase row;
  row.name = std::move(name);
  TogetherAttrs attrs;
  for (const auto& [member, type] : members) {
    attrs.members.push_back(member);
    for (int i = 0; i < member.inputs; ++i) {
      row.inputs.push_back(i < member.inputs - 2 ? type : F32({}));
      row.domains.push_back(member.op == "AdamUpdate" && i >= 3 ? Domain::Positive() : Domain{});
    }
  }
  row.attrs = attrs;
  return row;
}

// Enough for both threads.
OpCase Many() {
  std::vector<std::pair<TogetherAttrs::Member, TensorType>> members;
  for (int64_t i = 0; i < 24; ++i) members.emplace_back(i % 3 == 0 ? Momentum() : Sgd(), F32({1000 + 37 * i}));
  return Row("both_threads", members);
}

const std::vector<TensorType> kSgdInputs = {F32({2, 3}), F32({2, 3}), F32({}), F32({})};

std::vector<TensorType> Twice(std::vector<TensorType> inputs) {
  inputs.insert(inputs.end(), kSgdInputs.begin(), kSgdInputs.end());
  return inputs;
}

REGISTER_OP_CASES(Together,
                  std::vector<OpCase>{
                      Row("one", {{Sgd(), F32({7})}}),
                      Row("equal", {{Sgd(), F32({7})}, {Sgd(), F32({7})}}),
                      Row("other_shapes", {{Momentum(), F32({20})}, {Momentum(), F32({})}, {Momentum(), F32({3, 5})}}),
                      Row("other_attributes", {{Sgd(0), F32({4})}, {Sgd(0.1), F32({4})}, {Momentum(true), F32({4})}}),
                      Row("adam", {{Adam(), F32({9})}, {Adam(), F32({2, 2})}}),
                      Row("all_kinds", {{Sgd(), F32({3})}, {Momentum(), F32({5})}, {Adam(), F32({6})}}),
                      Row("empty", {{Sgd(), F32({0})}, {Sgd(), F32({2})}}),
                      Row("channels_1", {{Sgd(), F32({4, 1, 3, 3})}, {Momentum(), F32({8})}}),
                      Row("channels_7", {{Momentum(), F32({4, 7, 3, 3})}, {Sgd(), F32({7})}}),
                      Row("channels_20", {{Momentum(), F32({5, 20, 3, 3})}, {Momentum(), F32({5})}}),
                      Many(),
                  },
                  std::vector<BadCase>{
                      {"a_member_more", kSgdInputs, TogetherAttrs{{Sgd(), Sgd()}}, "the 8 inputs of 2 members; got 4"},
                      {"a_member_less", Twice(kSgdInputs), TogetherAttrs{{Sgd()}}, "the 4 inputs of 1 members; got 8"},
                      {"none", kSgdInputs, TogetherAttrs{}, "the 0 inputs of 0 members; got 4"},
                      {"no_operation", kSgdInputs, TogetherAttrs{{{"Sgd", {}, 4, 1}}}, "'Sgd', which there is not"},
                      {"inputs", kSgdInputs, TogetherAttrs{{{"AdamUpdate", AdamAttrs{}, 4, 1}}},
                       "expected 6 to 6 inputs of AdamUpdate; got 4"},
                      {"outputs", kSgdInputs, TogetherAttrs{{{"SgdUpdate", SgdAttrs{}, 4, 2}}},
                       "expected 1 outputs of SgdUpdate; got 2"},
                      {"of_the_second", Twice({F32({2}), F32({3}), F32({}), F32({})}), TogetherAttrs{{Sgd(), Sgd()}},
                       "expected f32[2]; got f32[3]"},
                  });

}  // namespace
}  // namespace gradus
