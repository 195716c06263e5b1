#include "graph/variables.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/check.h"
#include "core/onednn.h"
#include "core/status_macros.h"
#include "graph/initializer.h"
#include "graph/onednn_kernel.h"

namespace gradus {
namespace {

// Half of 63 bits, so that sums with other sizes do not overflow.
constexpr int64_t kMostBytes = int64_t{1} << 62;

absl::StatusOr<AlignedBytes> Allocate(const Variable& variable, int64_t bytes) {
  AlignedBytes data = AllocateAlignedInParallel(bytes);
  if (data == nullptr) {
    return absl::ResourceExhaustedError(
        absl::StrCat("no memory left for variable '", variable.name, "' (", bytes, " bytes)"));
  }
  return data;
}

using Copy = std::function<absl::Status()>;

// A copy between two addresses, in one layout each, that allocates nothing when it runs.
absl::StatusOr<Copy> MakeCopy(const Variable& variable, const Layout& from, void* source, const Layout& to,
                              void* target) {
  absl::StatusOr<dnnl::reorder::primitive_desc> desc = ReorderDesc(from, to);
  if (absl::IsUnimplemented(desc.status()) && !from.plain() && !to.plain()) {  // by way of a plain layout
    const Layout plain = Layout::Plain(variable.type);
    GRADUS_ASSIGN_OR_RETURN(std::shared_ptr<uint8_t[]> middle, Allocate(variable, plain.bytes()));
    GRADUS_ASSIGN_OR_RETURN(Copy first, MakeCopy(variable, from, source, plain, middle.get()));
    GRADUS_ASSIGN_OR_RETURN(Copy second, MakeCopy(variable, plain, middle.get(), to, target));
    return Copy([middle, first = std::move(first), second = std::move(second)] {
      GRADUS_RETURN_IF_ERROR(first());
      return second();
    });
  }
  if (!desc.ok()) return desc.status();
  const Candidate candidate = OneDnnCandidate(*desc, {{DNNL_ARG_FROM, 0}}, {{DNNL_ARG_TO, 0}});
  GRADUS_ASSIGN_OR_RETURN(std::shared_ptr<Kernel> kernel, candidate.make());
  GRADUS_ASSIGN_OR_RETURN(std::shared_ptr<uint8_t[]> scratch, Allocate(variable, candidate.scratch_bytes));
  const void* const inputs[] = {source};
  void* const outputs[] = {target};
  kernel->Bind({inputs, outputs, scratch.get(), nullptr});
  return Copy([kernel, scratch] { return kernel->Run(); });
}

}  // namespace

absl::StatusOr<int> VariableStore::Declare(const Variable& variable) {
  std::lock_guard<std::recursive_mutex> lock(mutex_);
  auto known = by_name_.find(variable.name);
  if (known == by_name_.end()) {
    const int index = static_cast<int>(entries_.size());
    entries_.emplace_back().variable = variable;
    by_name_.emplace(variable.name, index);
    return index;
  }
  const Variable& other = entries_[known->second].variable;
  if (other.type != variable.type || other.role != variable.role) {
    return ErrorAt(variable.where, absl::StrCat("variable '", variable.name, "' is ", Describe(variable), " here but ",
                                                Describe(other), " in an earlier plan"));
  }
  return known->second;
}

int VariableStore::DeclareOwn(Variable variable) {
  std::lock_guard<std::recursive_mutex> lock(mutex_);
  const std::string name = variable.name;
  for (int other = 2; by_name_.contains(variable.name); ++other) variable.name = absl::StrCat(name, "#", other);
  const int index = static_cast<int>(entries_.size());
  by_name_.emplace(variable.name, index);
  entries_.emplace_back().variable = std::move(variable);
  return index;
}

int VariableStore::Find(absl::string_view name) const {
  std::lock_guard<std::recursive_mutex> lock(mutex_);
  auto found = by_name_.find(name);
  return found == by_name_.end() ? -1 : found->second;
}

int VariableStore::size() const {
  std::lock_guard<std::recursive_mutex> lock(mutex_);
  return static_cast<int>(entries_.size());
}

const Variable& VariableStore::variable(int index) const {
  std::lock_guard<std::recursive_mutex> lock(mutex_);
  return entries_[index].variable;
}

Layout VariableStore::layout(int index) const {
  std::lock_guard<std::recursive_mutex> lock(mutex_);
  return entries_[index].layout;
}

absl::StatusOr<Layout> VariableStore::FixLayout(int index, const Layout& layout) {
  std::lock_guard<std::recursive_mutex> lock(mutex_);
  Entry& entry = entries_[index];
  if (!entry.layout.any()) return entry.layout;
  entry.layout = layout;
  if (entry.data != nullptr) {  // a value in plain layout, from before any plan
    AlignedBytes plain = std::move(entry.data);
    GRADUS_ASSIGN_OR_RETURN(entry.data, Allocate(entry.variable, layout.bytes()));
    GRADUS_RETURN_IF_ERROR(Reorder(Layout::Plain(entry.variable.type), plain.get(), layout, entry.data.get()));
  }
  return entry.layout;
}

int VariableStore::Replica(int index, const Layout& layout) {
  std::lock_guard<std::recursive_mutex> lock(mutex_);
  Entry& entry = entries_[index];
  GRADUS_CHECK(!entry.layout.any());
  if (entry.layout == layout) return -1;
  for (size_t i = 0; i < entry.replicas.size(); ++i) {
    if (entry.replicas[i].layout == layout) return static_cast<int>(i);
  }
  entry.replicas.emplace_back().layout = layout;
  return static_cast<int>(entry.replicas.size()) - 1;
}

Layout VariableStore::replica_layout(int index, int replica) const {
  std::lock_guard<std::recursive_mutex> lock(mutex_);
  return entries_[index].replicas[replica].layout;
}

absl::Status VariableStore::MaterializeLocked(Entry* entry) {
  if (entry->version == 0) {
    GRADUS_ASSIGN_OR_RETURN(const bool zeros, StartsWithZeros(entry->variable));
    if (zeros && entry->data == nullptr) {  // zeros in any layout
      const Layout plain = Layout::Plain(entry->variable.type);
      const Layout& storage = entry->layout.any() ? plain : entry->layout;
      GRADUS_ASSIGN_OR_RETURN(entry->data, Allocate(entry->variable, storage.bytes()));
      entry->version = ++clock_;
    } else {
      GRADUS_ASSIGN_OR_RETURN(Tensor initial, InitialValue(entry->variable, seed_));
      GRADUS_RETURN_IF_ERROR(WriteLocked(entry, initial));
    }
  }
  for (ReplicaEntry& replica : entry->replicas) {
    if (replica.data != nullptr) continue;
    GRADUS_ASSIGN_OR_RETURN(replica.data, Allocate(entry->variable, replica.layout.bytes()));
    absl::StatusOr<Copy> copy =
        MakeCopy(entry->variable, entry->layout, entry->data.get(), replica.layout, replica.data.get());
    if (!copy.ok()) {
      return absl::Status(copy.status().code(),
                          absl::StrCat("variable '", entry->variable.name, "' from ", entry->layout.ToString(), " to ",
                                       replica.layout.ToString(), ": ", copy.status().message()));
    }
    replica.convert = *std::move(copy);
  }
  return absl::OkStatus();
}

absl::Status VariableStore::Materialize(int index) {
  std::lock_guard<std::recursive_mutex> lock(mutex_);
  return MaterializeLocked(&entries_[index]);
}

void* VariableStore::data(int index) {
  std::lock_guard<std::recursive_mutex> lock(mutex_);
  return entries_[index].data.get();
}

void* VariableStore::replica_data(int index, int replica) {
  std::lock_guard<std::recursive_mutex> lock(mutex_);
  return entries_[index].replicas[replica].data.get();
}

absl::Status VariableStore::Refresh(int index, int replica) {
  std::lock_guard<std::recursive_mutex> lock(mutex_);
  Entry& entry = entries_[index];
  ReplicaEntry& copy = entry.replicas[replica];
  if (copy.version == entry.version) return absl::OkStatus();
  GRADUS_RETURN_IF_ERROR(copy.convert());
  copy.version = entry.version.load();
  return absl::OkStatus();
}

void VariableStore::Touch(int index) {
  std::lock_guard<std::recursive_mutex> lock(mutex_);
  entries_[index].version = ++clock_;
}

absl::Status VariableStore::Derive(absl::Span<const int> sources, absl::Span<const int> derived,
                                   const std::function<absl::Status()>& make) {
  std::lock_guard<std::recursive_mutex> lock(mutex_);
  uint64_t newest = 1;
  for (int source : sources) newest = std::max(newest, entries_[source].version.load());
  const auto is_made = [&](int index) { return entries_[index].made >= newest; };
  if (std::all_of(derived.begin(), derived.end(), is_made)) return absl::OkStatus();
  GRADUS_RETURN_IF_ERROR(make());
  for (int index : derived) entries_[index].made = clock_;
  return absl::OkStatus();
}

absl::StatusOr<Tensor> VariableStore::Get(int index) {
  std::lock_guard<std::recursive_mutex> lock(mutex_);
  Entry& entry = entries_[index];
  if (entry.version == 0) return InitialValue(entry.variable, seed_);
  Tensor value(entry.variable.type);
  const Layout plain = Layout::Plain(entry.variable.type);
  GRADUS_RETURN_IF_ERROR(Reorder(entry.layout.any() ? plain : entry.layout, entry.data.get(), plain, value.data()));
  return value;
}

absl::Status VariableStore::Set(int index, const Tensor& value) {
  std::lock_guard<std::recursive_mutex> lock(mutex_);
  Entry& entry = entries_[index];
  if (value.type() != entry.variable.type) {
    return absl::InvalidArgumentError(absl::StrCat("variable '", entry.variable.name, "' is ",
                                                   entry.variable.type.ToString(), "; the new value is ",
                                                   value.type().ToString()));
  }
  return WriteLocked(&entry, value);
}

absl::Status VariableStore::WriteLocked(Entry* entry, const Tensor& value) {
  const Layout plain = Layout::Plain(entry->variable.type);
  const Layout& storage = entry->layout.any() ? plain : entry->layout;
  if (entry->data == nullptr) {
    GRADUS_ASSIGN_OR_RETURN(entry->data, Allocate(entry->variable, storage.bytes()));
  }
  GRADUS_RETURN_IF_ERROR(Reorder(plain, value.data(), storage, entry->data.get()));
  entry->version = ++clock_;
  return absl::OkStatus();
}

int64_t VariableStore::bytes() const {
  std::lock_guard<std::recursive_mutex> lock(mutex_);
  int64_t total = 0;
  for (const Entry& entry : entries_) {
    total += entry.layout.any() ? entry.variable.type.bytes() : entry.layout.bytes();
    for (const ReplicaEntry& replica : entry.replicas) total += replica.layout.bytes();
    total = std::min(total, kMostBytes);
  }
  return total;
}

int64_t VariableStore::missing_bytes() const {
  std::lock_guard<std::recursive_mutex> lock(mutex_);
  int64_t total = 0;
  for (const Entry& entry : entries_) {
    if (entry.data == nullptr) total += entry.layout.any() ? entry.variable.type.bytes() : entry.layout.bytes();
    for (const ReplicaEntry& replica : entry.replicas) {
      if (replica.data == nullptr) total += replica.layout.bytes();
    }
    total = std::min(total, kMostBytes);
  }
  return total;
}

absl::Status CopyLayouts(const Graph& graph, const VariableStore& store, VariableStore* copy) {
  for (const Variable& variable : graph.variables()) {
    GRADUS_ASSIGN_OR_RETURN(const int index, copy->Declare(variable));
    const int known = store.Find(variable.name);
    if (known < 0 || store.layout(known).any()) continue;
    GRADUS_RETURN_IF_ERROR(copy->FixLayout(index, store.layout(known)).status());
  }
  return absl::OkStatus();
}

}  // namespace gradus
