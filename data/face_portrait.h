// Draws a person's head: a flat drawing whose features lie on an ellipsoid that turns and nods, so that they move and
// narrow as those of a head do.
#ifndef GRADUS_DATA_FACE_PORTRAIT_H_
#define GRADUS_DATA_FACE_PORTRAIT_H_

#include "core/random.h"
#include "data/face.h"
#include "data/face_person.h"
#include "data/painter.h"

namespace gradus {

// What differs from picture to picture of one person.
struct Shot {
  Point2 center;           // of the face, in pixels
  float size;              // half of the face's height, in pixels
  float roll, yaw, pitch;  // radians
  float smile, mouth_open, eyes_open, brow_raise, gaze;
  Point2 light;                   // where it comes from: -1...1, right and down
  float light_strength, ambient;  // of the shading; 0: flat
  Rgb clothes;
};

// A random one; center and size are the caller's.
Shot RandomShot(RandomSequence* random, Point2 center, float size);

// Where the face and its landmarks are, without drawing it.
Face FaceOf(const Person& person, const Shot& shot);

void DrawPortrait(const Person& person, const Shot& shot, Canvas* canvas);

}  // namespace gradus

#endif  // GRADUS_DATA_FACE_PORTRAIT_H_
