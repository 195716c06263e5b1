// The variables of a model: parameters, running statistics, optimiser slots. One store is shared by all plans of a
// session, and by the sessions of several threads that only infer.
//
// A variable is declared when a plan that mentions it is compiled, and gets memory and its first value when it is first
// needed. Its storage layout is fixed by the first plan; a reader that wants another layout gets a replica, converted
// once per version of the value and outside the kernels' loop.
//
// Thread-safety: declaring, reading and writing lock the store. Running plans that write variables excludes running any
// other plan of the store; running plans that only read is safe from any number of threads.
#ifndef GRADUS_GRAPH_VARIABLES_H_
#define GRADUS_GRAPH_VARIABLES_H_

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "core/layout.h"
#include "core/tensor.h"
#include "graph/graph.h"

namespace gradus {

class VariableStore {
 public:
  // `seed` decides the first values, each a function of (seed, variable name).
  explicit VariableStore(uint64_t seed = 1) : seed_(seed) {}
  VariableStore(const VariableStore&) = delete;
  VariableStore& operator=(const VariableStore&) = delete;

  // The index of a variable, declared if need be. An error when it is known with another type or role.
  absl::StatusOr<int> Declare(const Variable& variable);

  // A new variable whatever others there are; where its name is taken it gets another.
  int DeclareOwn(Variable variable);

  int Find(absl::string_view name) const;  // -1: unknown
  int size() const;
  const Variable& variable(int index) const;  // stays where it is

  // The storage layout; Layout() while it is free.
  Layout layout(int index) const;
  // Fixes a free layout; an existing value is converted. Gives the layout that holds, `layout` or an earlier one.
  absl::StatusOr<Layout> FixLayout(int index, const Layout& layout);

  // The index of the variable's replica in `layout`, declared if need be; -1 when that is the storage itself.
  int Replica(int index, const Layout& layout);
  Layout replica_layout(int index, int replica) const;

  // Memory for the variable (and its first value, if it has none yet) and its replicas.
  absl::Status Materialize(int index);

  // Addresses, good once materialised. Never move.
  void* data(int index);
  void* replica_data(int index, int replica);

  // Brings a replica up to date if the variable was written since.
  absl::Status Refresh(int index, int replica);
  // Tells that a plan has written the variable.
  void Touch(int index);
  // Calls `make`, which writes the variables of Role::kDerived in `derived`, if one of `sources`, of which they are
  // functions, was written since it was last called for them. One caller at a time; the others wait.
  absl::Status Derive(absl::Span<const int> sources, absl::Span<const int> derived,
                      const std::function<absl::Status()>& make);

  // The value in plain layout. Before the first plan has run this is the initial value.
  absl::StatusOr<Tensor> Get(int index);
  // Replaces the value. Both shapes are named when they differ.
  absl::Status Set(int index, const Tensor& value);

  // Bytes of all storage, replicas included: what materialising everything costs. At most 2^62.
  int64_t bytes() const;
  // Of these, the bytes that have no memory yet.
  int64_t missing_bytes() const;

 private:
  struct ReplicaEntry {
    Layout layout;
    AlignedBytes data;
    std::atomic<uint64_t> version{0};       // of the value that it holds; 0: none
    std::function<absl::Status()> convert;  // from storage; allocates nothing
  };
  struct Entry {
    Variable variable;
    Layout layout;
    AlignedBytes data;
    std::atomic<uint64_t> version{0};  // when the value was written, by the store's clock; 0: no value yet
    uint64_t made = 0;                 // when a derived one was made of its sources; 0: never
    std::deque<ReplicaEntry> replicas;
  };

  absl::Status MaterializeLocked(Entry* entry);
  absl::Status WriteLocked(Entry* entry, const Tensor& value);

  const uint64_t seed_;
  mutable std::recursive_mutex mutex_;
  uint64_t clock_ = 0;  // counts writes
  std::deque<Entry> entries_;
  absl::flat_hash_map<std::string, int> by_name_;
};

// Declares the variables of `graph` in `copy`, with the layouts that `store` has fixed, and no memory: for trials.
absl::Status CopyLayouts(const Graph& graph, const VariableStore& store, VariableStore* copy);

}  // namespace gradus

#endif  // GRADUS_GRAPH_VARIABLES_H_
