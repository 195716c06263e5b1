#include "core/error_list.h"

#include <algorithm>
#include <tuple>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"

namespace gradus {

void ErrorList::Add(const SourceLocation& where, absl::string_view message) {
  if (full()) {
    ++unprinted_;
  } else {
    errors_.emplace_back(where, std::string(message));
  }
}

absl::Status ErrorList::ToStatus() const {
  if (empty()) return absl::OkStatus();
  absl::flat_hash_map<std::string, size_t> files;  // each with its rank
  using Order = std::tuple<size_t, int, int, size_t>;
  std::vector<Order> order;
  for (size_t i = 0; i < errors_.size(); ++i) {
    const SourceLocation& where = errors_[i].first;
    const size_t rank = files.try_emplace(where.known() ? *where.file : "", files.size()).first->second;
    order.emplace_back(rank, where.line, where.column, i);
  }
  std::sort(order.begin(), order.end());
  std::string text;
  for (const Order& place : order) {
    const auto& [where, message] = errors_[std::get<3>(place)];
    absl::StrAppend(&text, text.empty() ? "" : "\n", where.ToString(), ": ", message);
  }
  if (unprinted_ > 0) absl::StrAppend(&text, "\n... and ", unprinted_, " more");
  return absl::InvalidArgumentError(text);
}

}  // namespace gradus
