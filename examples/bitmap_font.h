// Letters of 5 x 7 pixels, for labels in pictures: digits, letters (small ones look like capitals) and some signs.
// Functions; thread-safe.
#ifndef GRADUS_EXAMPLES_BITMAP_FONT_H_
#define GRADUS_EXAMPLES_BITMAP_FONT_H_

namespace gradus {

constexpr int kGlyphWidth = 5;
constexpr int kGlyphHeight = 7;
constexpr int kGlyphAdvance = kGlyphWidth + 1;  // from one letter to the next

// Whether the pixel of a letter's picture is set; column from the left, row from the top. Letters that the font does
// not have look like '?', the bytes of other than ASCII too.
bool GlyphPixel(char letter, int column, int row);

}  // namespace gradus

#endif  // GRADUS_EXAMPLES_BITMAP_FONT_H_
