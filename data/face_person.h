// Who is drawn: all that makes one drawn face another person's than the next. A pure function of (seed, name, number).
#ifndef GRADUS_DATA_FACE_PERSON_H_
#define GRADUS_DATA_FACE_PERSON_H_

#include <cstdint>

#include "absl/strings/string_view.h"
#include "data/painter.h"

namespace gradus {

// Lengths in half heights of the face, y down from its middle.
struct Person {
  Rgb skin, hair, iris, lips, brow;
  float width;      // half of the face's
  float jaw, chin;  // how square, how much narrower below
  float hair_volume, hair_length, hairline, hair_slant, hair_side;
  float eye_x, eye_y, eye_width, eye_height, eye_tilt, iris_size;
  float brow_gap, brow_width, brow_thickness, brow_tilt;
  float nose_y, nose_width, nose_bridge;
  float mouth_y, mouth_width, lip_height;
  float beard, moustache;  // opacity; 0: none
  float glasses;           // radius; 0: none
  Rgb glasses_color;
  Point2 mole;
  float mole_size;  // 0: none
  float ears;
};

Person MakePerson(uint64_t seed, absl::string_view name, uint64_t number);

}  // namespace gradus

#endif  // GRADUS_DATA_FACE_PERSON_H_
