#include "tests/ops/op_cases.h"

#include <iterator>

namespace gradus {

OpCases& OpCases::Get() {
  static OpCases* const cases = new OpCases;
  return *cases;
}

bool OpCases::Register(absl::string_view op, std::vector<OpCase> good, std::vector<BadCase> bad) {
  std::vector<OpCase>& all_good = good_[std::string(op)];
  all_good.insert(all_good.end(), std::make_move_iterator(good.begin()), std::make_move_iterator(good.end()));
  std::vector<BadCase>& all_bad = bad_[std::string(op)];
  all_bad.insert(all_bad.end(), std::make_move_iterator(bad.begin()), std::make_move_iterator(bad.end()));
  return true;
}

absl::Span<const OpCase> OpCases::good(const std::string& op) const {
  auto found = good_.find(op);
  return found == good_.end() ? absl::Span<const OpCase>() : absl::MakeConstSpan(found->second);
}

absl::Span<const BadCase> OpCases::bad(const std::string& op) const {
  auto found = bad_.find(op);
  return found == bad_.end() ? absl::Span<const BadCase>() : absl::MakeConstSpan(found->second);
}

std::vector<std::string> OpCases::Names() const {
  std::vector<std::string> names;
  for (const auto& [name, cases] : good_) names.push_back(name);
  return names;
}

}  // namespace gradus
