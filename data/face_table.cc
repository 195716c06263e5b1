#include "data/face_table.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <memory>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "core/error_list.h"
#include "core/nearest_name.h"
#include "data/csv.h"

namespace gradus {
namespace {

constexpr int kImage = 0, kBox = 1, kPoints = 5, kLive = 15, kIdentity = 16, kFields = 17;
constexpr std::array<const char*, kFields> kNames = {
    "image",        "left",          "top",           "right",  "bottom",  "left_eye_x",
    "left_eye_y",   "right_eye_x",   "right_eye_y",   "nose_x", "nose_y",  "left_mouth_x",
    "left_mouth_y", "right_mouth_x", "right_mouth_y", "live",   "identity"};

// Pixels; more than any image has.
constexpr float kMost = 1 << 20;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

class TableReader {
 public:
  TableReader(const std::string& name, size_t most_faces)
      : file_(std::make_shared<const std::string>(name)), most_faces_(most_faces) {
    at_.fill(-1);
  }

  absl::StatusOr<FaceTable> Read(absl::string_view text) {
    int rows = 0;
    SourceLocation names_at;
    const auto names = [&](const CsvLine& names) {
      names_at = Where(names[0]);
      FindFields(names);
      table_.has_boxes = at_[kBox] >= 0;
      return errors_.empty();
    };
    const auto row = [&](const CsvLine& row) {
      ReadRow(row);
      ++rows;
    };
    ReadCsv(text, file_, names, row, &errors_);
    if (rows == 0 && errors_.empty()) errors_.Add(names_at, "there is no line behind that of the names");
    if (!errors_.empty()) return errors_.ToStatus();
    return std::move(table_);
  }

 private:
  SourceLocation Where(const CsvCell& cell) const { return {file_, cell.line, cell.column, nullptr}; }

  void FindFields(const CsvLine& names) {
    for (size_t i = 0; i < names.size(); ++i) {
      const CsvCell& name = names[i];
      int field = 0;
      while (field < kFields && name.text != kNames[field]) ++field;
      if (field == kFields) {
        errors_.Add(Where(name),
                    absl::StrCat("there is no column '", name.text, "'",
                                 Suggestion(name.text, std::vector<std::string>(kNames.begin(), kNames.end()))));
      } else if (at_[field] >= 0) {
        errors_.Add(Where(name), absl::StrCat("column '", name.text, "' is there twice"));
      } else {
        at_[field] = static_cast<int>(i);
      }
    }
    if (!errors_.empty()) return;
    if (at_[kImage] < 0) errors_.Add(Where(names[0]), "there is no column 'image'");
    RequireAllOrNone(names, kBox, kPoints, "a box");
    RequireAllOrNone(names, kPoints, kLive, "landmarks");
  }

  void RequireAllOrNone(const CsvLine& names, int begin, int end, const char* what) {
    int there = 0, missing = -1;
    for (int field = begin; field < end; ++field) {
      at_[field] >= 0 ? ++there : missing = field;
    }
    if (there == 0 || missing < 0) return;
    errors_.Add(Where(names[0]), absl::StrCat("there is no column '", kNames[missing], "', but others of ", what));
  }

  // Cells of a row, or none where they are empty or the column is not there. An error when some are.
  bool ReadNumbers(const CsvLine& row, int begin, int end, const char* what, float* numbers) {
    if (at_[begin] < 0) return false;
    std::fill_n(numbers, end - begin, kNan);
    int empty = -1, there = 0;
    for (int field = begin; field < end; ++field) {
      const CsvCell& cell = row[at_[field]];
      float& number = numbers[field - begin];
      if (cell.text.empty()) {
        empty = field;
        continue;
      }
      ++there;
      if (!absl::SimpleAtof(cell.text, &number) || !std::isfinite(number)) {
        errors_.Add(Where(cell), absl::StrCat(kNames[field], " is '", cell.text, "', which is no number"));
        number = kNan;
      }
    }
    if (there > 0 && empty >= 0) {
      errors_.Add(Where(row[at_[empty]]),
                  absl::StrCat(kNames[empty], " is empty, but other numbers of ", what, " are given"));
    }
    return there > 0;
  }

  void ReadRow(const CsvLine& row) {
    const CsvCell& image = row[at_[kImage]];
    if (image.text.empty()) return errors_.Add(Where(image), "image is empty");
    const auto [at, is_new] = image_of_.try_emplace(image.text, table_.images.size());
    if (is_new) table_.images.push_back({image.text, {}});
    Face face;
    float box[4] = {0, 0, 0, 0}, points[2 * kLandmarks];
    const bool has_box = ReadNumbers(row, kBox, kPoints, "the box", box);
    face.has_landmarks = ReadNumbers(row, kPoints, kLive, "the landmarks", points);
    for (int i = 0; face.has_landmarks && i < kLandmarks; ++i) face.landmarks[i] = {points[2 * i], points[2 * i + 1]};
    ReadLive(row, &face);
    ReadIdentity(row, &face);
    if (table_.has_boxes && !has_box) return;
    face.box = {box[0], box[1], box[2], box[3]};
    if (has_box) CheckBox(face.box, Where(row[at_[kBox]]));
    if (face.has_landmarks &&
        std::any_of(points, points + 2 * kLandmarks, [](float p) { return std::abs(p) > kMost; })) {
      errors_.Add(Where(row[at_[kPoints]]), "a landmark is far from any image");
    }
    if (!table_.has_boxes && !is_new) {
      return errors_.Add(Where(image),
                         absl::StrCat("image '", image.text, "' is there twice, and no column says which face"));
    }
    std::vector<Face>& faces = table_.images[at->second].faces;
    if (faces.size() < most_faces_) return faces.push_back(face);
    errors_.Add(Where(image), absl::StrCat("image '", image.text, "' has more than ", most_faces_, " faces"));
  }

  // What is no number is another mistake.
  void CheckBox(const Extent& box, const SourceLocation& where) {
    const float width = box.right - box.left, height = box.bottom - box.top;
    const auto add = [&](absl::string_view what) {
      errors_.Add(where, absl::StrCat("the box from (", box.left, ", ", box.top, ") to (", box.right, ", ", box.bottom,
                                      ") ", what));
    };
    if (width <= 0 || height <= 0) {
      add("is empty: left < right and top < bottom");
    } else if (width < 1 || height < 1) {
      add("is smaller than a pixel; coordinates are in pixels of the image, not in shares of its sides");
    }
    if (std::max({std::abs(box.left), std::abs(box.top), std::abs(box.right), std::abs(box.bottom)}) > kMost) {
      errors_.Add(where, "the box is far from any image");
    }
  }

  void ReadLive(const CsvLine& row, Face* face) {
    if (at_[kLive] < 0 || row[at_[kLive]].text.empty()) return;
    const CsvCell& cell = row[at_[kLive]];
    if (cell.text != "0" && cell.text != "1") {
      errors_.Add(Where(cell), absl::StrCat("live is '", cell.text, "'; it is 1, 0 or empty"));
    }
    face->live = cell.text == "1" ? 1 : 0;
  }

  void ReadIdentity(const CsvLine& row, Face* face) {
    if (at_[kIdentity] < 0 || row[at_[kIdentity]].text.empty()) return;
    const std::string& name = row[at_[kIdentity]].text;
    const auto [at, is_new] = identity_of_.try_emplace(name, static_cast<int32_t>(table_.identities.size()));
    if (is_new) table_.identities.push_back(name);
    face->identity = at->second;
  }

  const std::shared_ptr<const std::string> file_;
  const size_t most_faces_;
  std::array<int, kFields> at_;  // the place of each field in a row; -1: not there
  ErrorList errors_;
  FaceTable table_;
  absl::flat_hash_map<std::string, size_t> image_of_;
  absl::flat_hash_map<std::string, int32_t> identity_of_;
};

}  // namespace

absl::StatusOr<FaceTable> ParseFaceTable(absl::string_view text, const std::string& name, size_t most_faces) {
  return TableReader(name, most_faces).Read(text);
}

}  // namespace gradus
