// How long kernels take, as measured on this machine: what plans choose by. Kept in a file if the user names one, so
// that each kernel is timed once.
//
// The file is JSON: for each kind of machine (processor, instruction set, threads, oneDNN, set of kernels of ours) the
// milliseconds of each candidate, by operation, attributes, types, implementation and layouts. Several processes may
// use it at once: it is replaced in one stroke, after the entries that others have added meanwhile were read. A file
// that is none of these, or damaged, is left alone and told about; it never stops a run.
//
// Not thread-safe.
#ifndef GRADUS_GRAPH_TUNING_CACHE_H_
#define GRADUS_GRAPH_TUNING_CACHE_H_

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace gradus {

class TuningCache {
 public:
  // `threads`: compute threads. `path` empty: no file.
  explicit TuningCache(int threads, std::string path = "");

  // Milliseconds; of a candidate that was timed only until it was clear that it takes more than others, `at_least`.
  struct Entry {
    double milliseconds = 0;
    bool at_least = false;
  };
  std::optional<Entry> Find(absl::string_view kernel) const;
  void Add(absl::string_view kernel, Entry entry);
  size_t size() const { return entries_.size(); }
  size_t measured() const { return measured_; }  // entries added by this process

  // Writes what was added since to the file, if there is one. Add does so, too, now and then.
  void Save();

  // What the user should know about the file, once.
  std::vector<std::string> TakeWarnings();

 private:
  void Load(bool warn);

  std::string path_, machine_;
  bool writable_ = false;  // the file is ours, or there was none
  bool changed_ = false;
  size_t measured_ = 0;
  std::map<std::string, Entry, std::less<>> entries_;
  std::vector<std::string> warnings_;
};

}  // namespace gradus

#endif  // GRADUS_GRAPH_TUNING_CACHE_H_
