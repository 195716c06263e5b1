// The ten digits as a person writes them: strokes through control points, in a few variants each. What
// data/synthetic_digits.cc bends, moves and draws. Constants.
#ifndef GRADUS_DATA_DIGIT_GLYPHS_H_
#define GRADUS_DATA_DIGIT_GLYPHS_H_

#include <vector>

#include "absl/types/span.h"

namespace gradus {

// In the unit square, x to the right and y down.
struct GlyphPoint {
  float x;
  float y;
};

// A smooth curve through its points (a Catmull-Rom spline); a point that is given twice makes a corner.
using GlyphStroke = std::vector<GlyphPoint>;

// The strokes of one way to write a digit. They belong together: equal points stay equal when they are moved.
using Glyph = std::vector<GlyphStroke>;

constexpr int kMaxGlyphPoints = 16;  // of one stroke

// The ways to write `digit`, 0 ... 9.
absl::Span<const Glyph> GlyphsOfDigit(int digit);

}  // namespace gradus

#endif  // GRADUS_DATA_DIGIT_GLYPHS_H_
