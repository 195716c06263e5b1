// The image files of one folder for each class, as a table that takes little memory: a class and a path for each file.
// Immutable; thread-safe.
#ifndef GRADUS_DATA_CLASS_FOLDERS_H_
#define GRADUS_DATA_CLASS_FOLDERS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace gradus {

class ClassFolders {
 public:
  // Looks through `folder`, whose folders are the classes, in the order of their names' bytes. Files of a class are
  // sorted by path in the same way. Names that start with a dot and files without an image's ending are left out;
  // symbolic links are followed. Errors: no such folder (with the nearest name) or no folder; images beside the class
  // folders but no class; a class without images; a link that leads back to where it is; folders that look like splits.
  static absl::StatusOr<ClassFolders> Scan(const std::string& folder);

  const std::vector<std::string>& classes() const { return classes_; }
  int64_t size() const { return static_cast<int64_t>(ends_.size()); }

  // The class of a file, and its path below the folder: "cat/001.jpg".
  int64_t ClassOf(int64_t index) const;
  std::string PathOf(int64_t index) const;

  // What a person should know, a line each.
  const std::vector<std::string>& notes() const { return notes_; }

 private:
  struct Others;  // files that are left out
  absl::Status AddClass(const std::string& folder, const std::string& name, Others* others);

  std::vector<std::string> classes_;
  std::vector<int64_t> first_;  // the first file of each class
  std::string tails_;           // paths below the class's folder, one after the other
  std::vector<uint64_t> ends_;  // of each in `tails_`
  std::vector<std::string> notes_;
};

}  // namespace gradus

#endif  // GRADUS_DATA_CLASS_FOLDERS_H_
