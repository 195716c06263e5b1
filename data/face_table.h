// The annotations of gradus.AnnotatedImages: which faces are in which image.
#ifndef GRADUS_DATA_FACE_TABLE_H_
#define GRADUS_DATA_FACE_TABLE_H_

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "data/face.h"

namespace gradus {

struct FaceTable {
  struct Image {
    std::string path;  // as the file has it
    std::vector<Face> faces;
  };
  std::vector<Image> images;            // in the order in which the file names them first
  bool has_boxes = false;               // without: an image is a face, and its box is empty
  std::vector<std::string> identities;  // names; a Face's identity is an index
};

// Reads a CSV file's text; `name` is the file's, for messages. Errors: all mistakes, one a line, with their places; an
// image with more than `most_faces` faces is one.
absl::StatusOr<FaceTable> ParseFaceTable(absl::string_view text, const std::string& name, size_t most_faces);

}  // namespace gradus

#endif  // GRADUS_DATA_FACE_TABLE_H_
