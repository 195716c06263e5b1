#include "graph/rewrite.h"

#include <algorithm>
#include <functional>
#include <numeric>
#include <queue>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/check.h"
#include "core/status_macros.h"
#include "graph/op.h"

namespace gradus {

void Rebuild(Program* program, const Graph::Rebuilding& rebuilding) {
  std::vector<int> moved;
  program->graph = std::move(program->graph).Rebuild(rebuilding, &moved);
  const auto move = [&](Value* value) {
    const auto other = rebuilding.values.find(*value);
    if (other != rebuilding.values.end()) *value = other->second;
    value->node = moved[value->node];
  };
  for (NamedValue& fetch : program->fetches) move(&fetch.value);
  for (auto& [gradient, parameter] : program->gradients) {
    move(&gradient);
    move(&parameter);
  }
}

std::string JoinedName(absl::string_view first, absl::string_view second) {
  const absl::string_view head = first.substr(0, first.find('+'));
  absl::string_view rest = second;
  for (size_t slash = second.find('/'); slash != absl::string_view::npos; slash = second.find('/', slash + 1)) {
    const absl::string_view scope = second.substr(0, slash);
    if (head == scope || absl::StartsWith(head, absl::StrCat(scope, "/"))) rest = second.substr(slash + 1);
  }
  return absl::StrCat(first, "+", rest);
}

std::string Describe(const Node& node) { return absl::StrCat(node.op->name(), " '", node.name, "'"); }

Rewriter::Rewriter(Program* program, PassLog* log)
    : program_(program), log_(log), size_(program->graph.size()), gone_(program->graph.size()) {}

void Rewriter::Index() const {
  if (indexed_) return;
  indexed_ = true;
  const Graph& graph = program_->graph;
  first_value_.reserve(size_ + 1);
  first_value_.push_back(0);
  for (int i = 0; i < size_; ++i) {
    first_value_.push_back(first_value_.back() + static_cast<int>(graph.node(i).outputs.size()));
  }
  // Counted first; then each value's end moves down to its beginning while they are filled in from the last on.
  first_reader_.assign(first_value_.back() + 1, 0);
  for (int i = 0; i < size_; ++i) {
    for (Value input : graph.node(i).inputs) ++first_reader_[first_value_[input.node] + input.output];
  }
  std::partial_sum(first_reader_.begin(), first_reader_.end(), first_reader_.begin());
  readers_.resize(first_reader_.back());
  for (int i = size_ - 1; i >= 0; --i) {
    for (Value input : graph.node(i).inputs) readers_[--first_reader_[first_value_[input.node] + input.output]] = i;
  }
  int leaf = 0;
  leaves_.reserve(program_->fetches.size() + program_->gradients.size());
  for (const NamedValue& fetch : program_->fetches) leaves_[fetch.value] = leaf++;
  for (const auto& [gradient, parameter] : program_->gradients) leaves_[gradient] = leaf++;
}

std::string Rewriter::LeafName(int leaf) const {
  const int fetches = static_cast<int>(program_->fetches.size());
  if (leaf < fetches) return absl::StrCat("'", program_->fetches[leaf].name, "'");
  const Value parameter = program_->gradients[leaf - fetches].second;
  return absl::StrCat("the gradient of '", graph().node(parameter).name, "'");
}

bool Rewriter::Is(int node, absl::string_view op) const {
  return node >= 0 && !gone_[node] && program_->graph.node(node).op->name() == op;
}

absl::Span<const int> Rewriter::Readers(Value value) const {
  if (value.node >= size()) return {};
  Index();
  const int number = first_value_[value.node] + value.output;
  return absl::MakeConstSpan(readers_).subspan(first_reader_[number],
                                               first_reader_[number + 1] - first_reader_[number]);
}

int Rewriter::OnlyReader(Value value) const {
  const absl::Span<const int> readers = Readers(value);
  return readers.size() == 1 && !Leaves(value) && !gone_[readers[0]] ? readers[0] : -1;
}

std::string Rewriter::WhyNotOnlyReader(Value value) const {
  Index();
  const auto fetch = leaves_.find(value);
  if (fetch != leaves_.end()) return absl::StrCat(LeafName(fetch->second), " needs its value");
  const absl::Span<const int> readers = Readers(value);
  if (readers.size() < 2) return "nobody else can read it";
  return absl::StrCat(Describe(node(readers[0])), " and ", Describe(node(readers[1])),
                      readers.size() > 2 ? " and others" : "", " read it");
}

bool Rewriter::OthersReadBefore(Value value, int before) const {
  for (int output = 0; output < static_cast<int>(node(value.node).outputs.size()); ++output) {
    if (output == value.output) continue;
    for (int reader : Readers({value.node, output})) {
      if (reader < before && node(reader).stage == Stage::kCompute) return true;
    }
  }
  return false;
}

bool Rewriter::Needs(int node, int other) const {
  std::vector<int> open = {node};
  std::vector<bool> seen(node + 1, false);
  while (!open.empty()) {
    const int index = open.back();
    open.pop_back();
    if (index == other) return true;
    if (index < other || seen[index]) continue;
    seen[index] = true;
    for (Value input : graph().node(index).inputs) open.push_back(input.node);
  }
  return false;
}

absl::StatusOr<Value> Rewriter::Add(Graph::NodeSpec spec, int at) {
  GRADUS_ASSIGN_OR_RETURN(const Value added, program_->graph.Add(std::move(spec)));
  NoteAdded(at);
  return added;
}

absl::StatusOr<Value> Rewriter::AddVariable(Variable variable, int at) {
  GRADUS_ASSIGN_OR_RETURN(const Value read, program_->graph.AddVariable(std::move(variable)));
  NoteAdded(at);
  return read;
}

void Rewriter::NoteAdded(int at) {
  at_.push_back(at);
  gone_.push_back(false);
  GRADUS_CHECK(static_cast<int>(gone_.size()) == program_->graph.size());
}

void Rewriter::Replace(Value value, Value by) { values_[value] = by; }

void Rewriter::Absorb(std::initializer_list<int> nodes, int by) {
  for (int node : nodes) {
    gone_[node] = true;
    partners_[node] = by;
  }
}

Value Rewriter::Resolve(Value value) const {
  for (auto other = values_.find(value); other != values_.end(); other = values_.find(value)) value = other->second;
  return value;
}

int Rewriter::ResolvePartner(int node) const {
  for (auto other = partners_.find(node); other != partners_.end(); other = partners_.find(node)) node = other->second;
  return node;
}

// Kahn's algorithm: of the nodes whose inputs are all there the first in the old order comes next, so that an order
// that is right stays as it is.
absl::StatusOr<std::vector<int>> Rewriter::Order() const {
  const Graph& graph = program_->graph;
  const auto key = [this](int node) {
    return std::make_pair(node < size() ? 2 * node : 2 * at_[node - size()] + 1, node);
  };
  std::vector<int> missing(graph.size(), 0);
  std::vector<int> first_follower(graph.size() + 1, 0), needed;
  std::vector<std::pair<int, int>> needs;  // (node, other that it needs)
  using Ready = std::pair<int, int>;
  std::priority_queue<Ready, std::vector<Ready>, std::greater<Ready>> ready;
  int count = 0;
  for (int i = 0; i < graph.size(); ++i) {
    if (gone_[i]) continue;
    ++count;
    needed.clear();
    for (Value input : graph.node(i).inputs) needed.push_back(Resolve(input).node);
    if (graph.node(i).forward >= 0) needed.push_back(ResolvePartner(graph.node(i).forward));
    for (int other : needed) {
      if (other < 0 || gone_[other]) {
        return absl::InternalError(absl::StrCat(Describe(graph.node(i)), " needs a node that is gone"));
      }
      needs.push_back({i, other});
      ++first_follower[other];
    }
    missing[i] = static_cast<int>(needed.size());
    if (missing[i] == 0) ready.push(key(i));
  }
  std::partial_sum(first_follower.begin(), first_follower.end(), first_follower.begin());
  std::vector<int> followers(needs.size());
  for (auto need = needs.rbegin(); need != needs.rend(); ++need)
    followers[--first_follower[need->second]] = need->first;
  std::vector<int> order;
  order.reserve(count);
  while (!ready.empty()) {
    const int next = ready.top().second;
    ready.pop();
    order.push_back(next);
    for (int f = first_follower[next]; f < first_follower[next + 1]; ++f) {
      if (--missing[followers[f]] == 0) ready.push(key(followers[f]));
    }
  }
  if (static_cast<int>(order.size()) == count) return order;
  return absl::InternalError("nodes need each other");
}

absl::Status Rewriter::Finish() {
  if (at_.empty() && values_.empty() && partners_.empty()) return absl::OkStatus();
  Index();
  Graph::Rebuilding rebuilding;
  GRADUS_ASSIGN_OR_RETURN(rebuilding.order, Order());
  for (const auto& [from, to] : values_) rebuilding.values[from] = Resolve(to);
  for (const auto& [from, to] : partners_) rebuilding.partners[from] = ResolvePartner(to);
  for (const auto& [value, leaf] : leaves_) {
    if (gone_[Resolve(value).node])
      return absl::InternalError(absl::StrCat(LeafName(leaf), " needs a node that is gone"));
  }
  Rebuild(program_, rebuilding);
  return absl::OkStatus();
}

}  // namespace gradus
