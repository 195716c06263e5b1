// The data set gradus.AnnotatedImages.
#include <algorithm>
#include <limits>
#include <memory>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "core/file.h"
#include "core/random.h"
#include "core/status_macros.h"
#include "core/tensor.h"
#include "data/dataset_registry.h"
#include "data/face_columns.h"
#include "data/face_crop.h"
#include "data/face_table.h"
#include "data/image_file.h"
#include "proto/data.pb.h"

namespace gradus {
namespace {

constexpr int64_t kMostFileBytes = int64_t{1} << 28;

// A face by its image and its number there.
struct FacePlace {
  size_t image = 0, face = 0;
};

class AnnotatedImagesDataset : public Dataset {
 public:
  AnnotatedImagesDataset(std::string folder, FaceTable table, FaceColumns columns, uint64_t seed)
      : folder_(std::move(folder)), table_(std::move(table)), columns_(std::move(columns)), seed_(seed) {
    for (size_t i = 0; i < table_.images.size(); ++i) {
      for (size_t k = 0; k < table_.images[i].faces.size(); ++k) faces_.push_back({i, k});
    }
    if (columns_.kind() == FaceExample::PAIR) FindPairs();
  }

  int64_t size() const override {
    switch (columns_.kind()) {
      case FaceExample::FACE:
        return static_cast<int64_t>(faces_.size());
      case FaceExample::SCENE:
        return static_cast<int64_t>(table_.images.size());
      case FaceExample::PAIR:
        return 2 * static_cast<int64_t>(anchors_.size());
    }
    return 0;
  }
  const std::vector<Column>& columns() const override { return columns_.columns(); }
  bool reads_files() const override { return true; }

  absl::Status Read(int64_t index, absl::Span<uint8_t* const> columns) const override {
    switch (columns_.kind()) {
      case FaceExample::FACE: {
        GRADUS_ASSIGN_OR_RETURN(const Face face, ReadFace(faces_[index], columns[0]));
        columns_.WriteFace(face, columns);
        return absl::OkStatus();
      }
      case FaceExample::SCENE:
        return ReadScene(table_.images[index], columns);
      case FaceExample::PAIR:
        return ReadPair(index, columns);
    }
    return absl::OkStatus();
  }

 private:
  // All faces of people with a name, and those of them whose person has another one.
  void FindPairs() {
    std::vector<std::vector<FacePlace>> of_person(table_.identities.size());
    for (const FacePlace& place : faces_) {
      if (FaceAt(place).identity >= 0) of_person[FaceAt(place).identity].push_back(place);
    }
    for (const std::vector<FacePlace>& faces : of_person) {
      for (size_t k = 0; k < faces.size() && faces.size() > 1; ++k)
        anchors_.push_back({known_.size(), k, faces.size()});
      known_.insert(known_.end(), faces.begin(), faces.end());
    }
    if (std::count_if(of_person.begin(), of_person.end(), [](const auto& faces) { return !faces.empty(); }) < 2) {
      anchors_.clear();  // nobody to be told from
    }
  }

  const Face& FaceAt(const FacePlace& place) const { return table_.images[place.image].faces[place.face]; }

  absl::StatusOr<Tensor> ReadImage(const std::string& path) const {
    GRADUS_ASSIGN_OR_RETURN(const std::string bytes, ReadFile(JoinPath(folder_, path), kMostFileBytes));
    return DecodeImage(path, bytes, 3);
  }

  // An error when no pixel of the image is in the box.
  static absl::Status CheckOverlap(const std::string& path, const Extent& box, const Tensor& image) {
    const int64_t height = image.shape()[1], width = image.shape()[2];
    if (box.right > 0 && box.bottom > 0 && box.left < static_cast<float>(width) &&
        box.top < static_cast<float>(height)) {
      return absl::OkStatus();
    }
    return absl::InvalidArgumentError(absl::StrCat(path, ": the box from (", box.left, ", ", box.top, ") to (",
                                                   box.right, ", ", box.bottom, ") is beside the image of ", width,
                                                   " x ", height, " pixels"));
  }

  absl::StatusOr<Face> ReadFace(const FacePlace& place, uint8_t* pixels) const {
    GRADUS_ASSIGN_OR_RETURN(const Tensor image, ReadImage(table_.images[place.image].path));
    const Face& face = FaceAt(place);
    Square square = SquareOver(image.shape()[1], image.shape()[2]);
    if (table_.has_boxes) {
      GRADUS_RETURN_IF_ERROR(CheckOverlap(table_.images[place.image].path, face.box, image));
      square = SquareAround(face.box);
      if (square.side > kMostImageSide) {
        return absl::InvalidArgumentError(absl::StrCat(table_.images[place.image].path, ": a box of ", square.side,
                                                       " pixels is larger than any image"));
      }
    }
    CropSquare(image, square, columns_.size(), reinterpret_cast<float*>(pixels));
    return FaceInCrop(face, square, columns_.size());
  }

  absl::Status ReadScene(const FaceTable::Image& annotated, absl::Span<uint8_t* const> columns) const {
    GRADUS_ASSIGN_OR_RETURN(const Tensor image, ReadImage(annotated.path));
    const Square square = SquareOver(image.shape()[1], image.shape()[2]);
    CropSquare(image, square, columns_.size(), reinterpret_cast<float*>(columns[0]));
    std::vector<Face> faces;
    for (const Face& face : annotated.faces) {
      GRADUS_RETURN_IF_ERROR(CheckOverlap(annotated.path, face.box, image));
      faces.push_back(FaceInCrop(face, square, columns_.size()));
    }
    columns_.WriteScene(faces, columns);
    return absl::OkStatus();
  }

  absl::Status ReadPair(int64_t index, absl::Span<uint8_t* const> columns) const {
    RandomSequence random(seed_, "annotated_images/pair", static_cast<uint64_t>(index));
    const bool same = index % 2 == 1;
    const Anchor& anchor = anchors_[index / 2];
    const FacePlace& one = known_[anchor.first + anchor.number];
    // All others of the person but this one, or all of other people, are equally likely.
    uint64_t other;
    if (same) {
      other = random.Below(anchor.count - 1);
      other = anchor.first + other + (other >= anchor.number ? 1 : 0);
    } else {
      other = random.Below(known_.size() - anchor.count);
      if (other >= anchor.first) other += anchor.count;
    }
    GRADUS_RETURN_IF_ERROR(ReadFace(one, columns[0]).status());
    GRADUS_RETURN_IF_ERROR(ReadFace(known_[other], columns[1]).status());
    columns_.WritePair(same, columns);
    return absl::OkStatus();
  }

  const std::string folder_;
  const FaceTable table_;
  const FaceColumns columns_;
  const uint64_t seed_;
  std::vector<FacePlace> faces_;
  // Of PAIR.
  std::vector<FacePlace> known_;  // with a name, person by person
  struct Anchor {
    uint64_t first = 0, number = 0;  // of its person's faces in known_, and which of them it is
    uint64_t count = 0;              // of these faces
  };
  std::vector<Anchor> anchors_;  // faces with a partner
};

absl::StatusOr<std::unique_ptr<Dataset>> OpenAnnotatedImages(const google::protobuf::Message& message,
                                                             const DatasetContext& context) try {
  const auto& config = static_cast<const AnnotatedImages&>(message);
  if (config.path().empty()) return absl::InvalidArgumentError("annotated_images: path is missing: the CSV file");
  const std::string path = JoinPath(context.data_dir, config.path());
  GRADUS_ASSIGN_OR_RETURN(FaceColumns columns, FaceColumns::Make(config, "annotated_images"));
  GRADUS_ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
  const FaceExample::Kind kind = columns.kind();
  const size_t most_faces = kind == FaceExample::SCENE ? kMostFaces : std::numeric_limits<size_t>::max();
  GRADUS_ASSIGN_OR_RETURN(FaceTable table, ParseFaceTable(text, path, most_faces));
  if (kind == FaceExample::SCENE && !table.has_boxes) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": a SCENE needs the columns left, top, right and bottom"));
  }
  auto dataset =
      std::make_unique<AnnotatedImagesDataset>(ParentFolder(path), std::move(table), std::move(columns), config.seed());
  if (dataset->size() > 0) return dataset;
  return absl::InvalidArgumentError(
      absl::StrCat(path, kind == FaceExample::PAIR
                             ? ": no pairs: they need the column identity, two people, and two faces of one of them"
                             : ": no line has a face"));
} catch (const std::bad_alloc&) {
  return absl::ResourceExhaustedError("annotated_images: not enough memory for the CSV file");
}

REGISTER_DATASET("gradus.AnnotatedImages", OpenAnnotatedImages);

}  // namespace
}  // namespace gradus
