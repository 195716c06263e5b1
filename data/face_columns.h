// The columns of gradus.FaceExample: what models learn of faces, the same for drawn and for photographed ones.
//
// Immutable; thread-safe.
#ifndef GRADUS_DATA_FACE_COLUMNS_H_
#define GRADUS_DATA_FACE_COLUMNS_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "data/dataset.h"
#include "data/face.h"
#include "proto/data.pb.h"

namespace gradus {

// The largest number of faces that the column `boxes` has room for.
constexpr int kMostFaces = 16;

// A detector's numbers of one cell are in units of so many strides.
constexpr float kCellUnit = 4;

class FaceColumns {
 public:
  // `config`: a message with the fields example, size and stride, SyntheticFaces or AnnotatedImages, called `name` in
  // messages. Errors: sizes out of range.
  template <typename Config>
  static absl::StatusOr<FaceColumns> Make(const Config& config, absl::string_view name) {
    const bool scene = config.example() == FaceExample::SCENE;
    return Make(config.example(), config.has_size() ? config.size() : scene ? 96 : 48, config.stride(), name);
  }

  FaceExample::Kind kind() const { return kind_; }
  int size() const { return size_; }
  const std::vector<Column>& columns() const { return columns_; }

  // Write all columns but the images: those are columns 0 and, of a PAIR, 1. Faces are in pixels of the image, at most
  // kMostFaces.
  void WriteFace(const Face& face, absl::Span<uint8_t* const> columns) const;
  void WriteScene(absl::Span<const Face> faces, absl::Span<uint8_t* const> columns) const;
  void WritePair(bool same, absl::Span<uint8_t* const> columns) const;

 private:
  static absl::StatusOr<FaceColumns> Make(FaceExample::Kind kind, int size, int stride, absl::string_view name);
  FaceColumns(FaceExample::Kind kind, int size, int stride);
  void WriteCell(absl::Span<const Face> faces, int row, int column, absl::Span<uint8_t* const> columns) const;

  FaceExample::Kind kind_;
  int size_, stride_;
  std::vector<Column> columns_;
};

}  // namespace gradus

#endif  // GRADUS_DATA_FACE_COLUMNS_H_
