// What is around a drawn face and what happens to the picture of it: background, camera, and being a picture of a
// picture.
#ifndef GRADUS_DATA_FACE_PICTURE_H_
#define GRADUS_DATA_FACE_PICTURE_H_

#include "core/random.h"
#include "data/face_portrait.h"
#include "data/painter.h"

namespace gradus {

// Fills the canvas: a gradient, and `shapes` ellipses, boxes, stripes and lines, some of them of the colours of skin
// and hair.
void DrawBackground(RandomSequence* random, int shapes, Canvas* canvas);

// What a camera does: blur, exposure, colour of the light, noise; then bytes, each value a whole number divided by 255.
void TakePicture(RandomSequence* random, Canvas* canvas);

// The light in a room where a person is photographed from a print: flatter.
void FlattenLight(RandomSequence* random, Shot* shot);

// Makes the picture one of a print or of a screen: less contrast and other colours, the fine waves of two grids that
// lie over each other, often the edge of the paper or of the screen, a reflection. None of these is in every one but
// the waves, and all are weak.
void MakeSpoof(RandomSequence* random, Canvas* canvas);

}  // namespace gradus

#endif  // GRADUS_DATA_FACE_PICTURE_H_
