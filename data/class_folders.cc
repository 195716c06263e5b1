#include "data/class_folders.h"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/file.h"
#include "core/human.h"
#include "core/nearest_name.h"
#include "core/status_macros.h"

namespace gradus {
namespace {

enum class EntryKind { kFile, kFolder, kOther };

struct Entry {
  std::string name;
  EntryKind kind;
};

bool IsImageName(absl::string_view name) {
  for (const absl::string_view ending : {".jpg", ".jpeg", ".jpe", ".jfif", ".png"}) {
    if (absl::EndsWithIgnoreCase(name, ending)) return true;
  }
  return false;
}

// A link that leads nowhere counts as a file: reading it will say what is wrong.
EntryKind KindOf(const std::filesystem::directory_entry& entry) {
  std::error_code error;
  if (entry.is_directory(error)) return EntryKind::kFolder;
  if (entry.is_regular_file(error)) return EntryKind::kFile;
  return entry.is_symlink(error) && !entry.exists(error) ? EntryKind::kFile : EntryKind::kOther;
}

// What is in a folder but hidden names, sorted. Asks the system about links only.
absl::StatusOr<std::vector<Entry>> List(const std::string& path) {
  std::vector<Entry> entries;
  std::error_code error;
  std::filesystem::directory_iterator it(path, error);
  for (; !error && it != std::filesystem::directory_iterator(); it.increment(error)) {
    std::string name = it->path().filename().string();
    if (name[0] != '.') entries.push_back({std::move(name), KindOf(*it)});
  }
  if (error) {
    return absl::ErrnoToStatus(error.value(), absl::StrCat("cannot list the folder '", path, "'"));
  }
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) { return a.name < b.name; });
  return entries;
}

absl::StatusOr<std::pair<dev_t, ino_t>> IdentityOf(const std::string& path) {
  struct stat info;
  if (stat(path.c_str(), &info) != 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot look at '", path, "'"));
  }
  return std::make_pair(info.st_dev, info.st_ino);
}

// A missing folder, with the name that it may be a slip of.
absl::Status NoSuchFolder(const std::string& folder) {
  const std::string parent = ParentFolder(folder);
  std::string suggestion;
  if (const absl::StatusOr<std::vector<Entry>> entries = List(parent); entries.ok()) {
    std::vector<std::string> names;
    for (const Entry& entry : *entries) {
      if (entry.kind == EntryKind::kFolder) names.push_back(JoinPath(parent, entry.name));
    }
    suggestion = Suggestion(folder, names, 6);
  }
  return absl::NotFoundError(absl::StrCat(folder, ": no such folder", suggestion));
}

bool IsSplitName(absl::string_view name) {
  for (const absl::string_view split : {"train", "training", "val", "valid", "validation", "test"}) {
    if (absl::EqualsIgnoreCase(name, split)) return true;
  }
  return false;
}

absl::Status CheckClasses(const std::string& folder, const std::vector<std::string>& classes, int64_t loose_images) {
  if (classes.empty() && loose_images > 0) {
    return absl::InvalidArgumentError(absl::StrCat(folder, " has ", HumanCount(loose_images),
                                                   " images but no folders; put the images of each class into a folder "
                                                   "of its own, named after the class"));
  }
  if (classes.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(folder, " has no folders; there has to be one for each class"));
  }
  if (std::all_of(classes.begin(), classes.end(), IsSplitName)) {
    return absl::InvalidArgumentError(absl::StrCat(
        folder, " has the folders ", absl::StrJoin(classes, ", "),
        ", which look like parts of a data set and not like classes; say `split: TRAIN` or `split: TEST`"));
  }
  return absl::OkStatus();
}

}  // namespace

struct ClassFolders::Others {
  int64_t count = 0;
  std::string first;

  void Add(const std::string& path) {
    if (count++ == 0) first = path;
  }
};

absl::StatusOr<ClassFolders> ClassFolders::Scan(const std::string& folder) {
  GRADUS_ASSIGN_OR_RETURN(const PathKind kind, KindOfPath(folder));
  if (kind == PathKind::kMissing) return NoSuchFolder(folder);
  if (kind != PathKind::kFolder) {
    return absl::InvalidArgumentError(absl::StrCat(folder,
                                                   " is a file, not a folder of images; unpack it if it is an "
                                                   "archive"));
  }
  GRADUS_ASSIGN_OR_RETURN(const std::vector<Entry> entries, List(folder));
  ClassFolders found;
  int64_t loose_images = 0;
  for (const Entry& entry : entries) {
    if (entry.kind == EntryKind::kFolder) found.classes_.push_back(entry.name);
    if (entry.kind == EntryKind::kFile && IsImageName(entry.name)) ++loose_images;
  }
  GRADUS_RETURN_IF_ERROR(CheckClasses(folder, found.classes_, loose_images));
  Others others;
  for (const std::string& name : found.classes_) GRADUS_RETURN_IF_ERROR(found.AddClass(folder, name, &others));
  if (loose_images > 0) {
    found.notes_.push_back(absl::StrCat(folder, ": ", HumanCount(loose_images),
                                        loose_images == 1 ? " image is" : " images are",
                                        " in no class's folder and left out"));
  }
  if (others.count > 0) {
    found.notes_.push_back(absl::StrCat(folder, ": ", HumanCount(others.count), others.count == 1 ? " file" : " files",
                                        " without an image's ending left out (", others.first,
                                        others.count == 1 ? ")" : ", ...)"));
  }
  if (found.classes_.size() == 1) {
    found.notes_.push_back(absl::StrCat(folder, ": there is only one class, '", found.classes_[0], "'"));
  }
  return found;
}

// Goes through the class's folder and those below it, without recursion. The folders on the way to each are kept, to
// notice a link back to one of them.
absl::Status ClassFolders::AddClass(const std::string& folder, const std::string& name, Others* others) {
  struct Place {
    std::string tail;  // below the class's folder: "" or "a/b/"
    std::vector<std::pair<dev_t, ino_t>> above;
  };
  const std::string root = JoinPath(folder, name);
  GRADUS_ASSIGN_OR_RETURN(const auto top, IdentityOf(folder));
  std::vector<Place> places = {{"", {top}}};
  std::vector<std::string> tails;
  while (!places.empty()) {
    Place place = std::move(places.back());
    places.pop_back();
    const std::string path = place.tail.empty() ? root : JoinPath(root, place.tail.substr(0, place.tail.size() - 1));
    GRADUS_ASSIGN_OR_RETURN(const auto identity, IdentityOf(path));
    if (std::find(place.above.begin(), place.above.end(), identity) != place.above.end()) {
      return absl::InvalidArgumentError(
          absl::StrCat(path, " is a symbolic link that leads back to a folder that it is in; remove it"));
    }
    place.above.push_back(identity);
    GRADUS_ASSIGN_OR_RETURN(const std::vector<Entry> entries, List(path));
    for (const Entry& entry : entries) {
      if (entry.kind == EntryKind::kFolder) {
        places.push_back({absl::StrCat(place.tail, entry.name, "/"), place.above});
      } else if (entry.kind == EntryKind::kFile && IsImageName(entry.name)) {
        tails.push_back(absl::StrCat(place.tail, entry.name));
      } else {
        others->Add(absl::StrCat(name, "/", place.tail, entry.name));
      }
    }
  }
  if (tails.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        root, " has no images (.jpg, .jpeg, .jpe, .jfif or .png); every folder is a class and needs some"));
  }
  std::sort(tails.begin(), tails.end());
  first_.push_back(size());
  for (const std::string& tail : tails) {
    tails_ += tail;
    ends_.push_back(tails_.size());
  }
  return absl::OkStatus();
}

int64_t ClassFolders::ClassOf(int64_t index) const {
  return std::upper_bound(first_.begin(), first_.end(), index) - first_.begin() - 1;
}

std::string ClassFolders::PathOf(int64_t index) const {
  const uint64_t begin = index == 0 ? 0 : ends_[index - 1];
  return absl::StrCat(classes_[ClassOf(index)], "/", absl::string_view(tails_).substr(begin, ends_[index] - begin));
}

}  // namespace gradus
