// A table from names to factories, filled before main by the REGISTER_ macros and only read afterwards: from any
// thread.
#ifndef GRADUS_CORE_REGISTRY_H_
#define GRADUS_CORE_REGISTRY_H_

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "core/check.h"

namespace gradus {

// One table for each type T; give T a type of its own when two tables hold the same signature.
template <typename T>
class Registry {
 public:
  static Registry& Get() {
    static Registry* const registry = new Registry;
    return *registry;
  }

  // A second registration of a name is a bug. Returns true, so that a static initialiser can call it.
  bool Add(absl::string_view name, T entry) {
    const bool added = entries_.emplace(std::string(name), std::move(entry)).second;
    GRADUS_CHECK(added);
    return added;
  }

  const T* Find(absl::string_view name) const {
    auto found = entries_.find(std::string(name));
    return found == entries_.end() ? nullptr : &found->second;
  }

  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    for (const auto& [name, entry] : entries_) names.push_back(name);
    return names;
  }

 private:
  std::map<std::string, T> entries_;
};

}  // namespace gradus

#endif  // GRADUS_CORE_REGISTRY_H_
