#include "data/digit_glyphs.h"

#include "core/check.h"

namespace gradus {
namespace {

// One row for each digit, one Glyph for each way to write it.
const std::vector<std::vector<Glyph>>& Glyphs() {
  // clang-format off
  static const auto* glyphs = new std::vector<std::vector<Glyph>>{
      // 0: closed, open
      {{{{.55f, 0}, {.2f, .15f}, {.05f, .5f}, {.2f, .87f}, {.5f, 1}, {.82f, .85f}, {.95f, .5f}, {.83f, .13f}, {.5f, 0}}},
       {{{.7f, .05f}, {.3f, .1f}, {.08f, .55f}, {.3f, .97f}, {.75f, .88f}, {.9f, .4f}, {.65f, .02f}, {.45f, .08f}}}},
      // 1: a line, with a flag, with flag and foot
      {{{{.52f, 0}, {.5f, .5f}, {.48f, 1}}},
       {{{.25f, .25f}, {.55f, 0}, {.55f, 0}, {.53f, .5f}, {.5f, 1}}},
       {{{.25f, .2f}, {.5f, 0}, {.5f, 0}, {.5f, .5f}, {.5f, 1}},
        {{.2f, 1}, {.8f, .99f}}}},
      // 2: with a flat foot, with a loop
      {{{{.1f, .25f}, {.3f, .03f}, {.68f, .03f}, {.87f, .27f}, {.65f, .58f}, {.3f, .83f}, {.05f, 1}, {.05f, 1},
         {.95f, .98f}}},
       {{{.12f, .2f}, {.45f, 0}, {.82f, .2f}, {.65f, .6f}, {.3f, .95f}, {.1f, .9f}, {.28f, .78f}, {.6f, .95f},
         {.95f, .93f}}}},
      // 3: round, with a flat top
      {{{{.1f, .12f}, {.45f, 0}, {.83f, .15f}, {.75f, .38f}, {.4f, .47f}, {.4f, .47f}, {.8f, .56f}, {.92f, .78f},
         {.58f, 1}, {.08f, .88f}}},
       {{{.12f, .02f}, {.85f, 0}, {.85f, 0}, {.45f, .4f}, {.45f, .4f}, {.85f, .55f}, {.88f, .83f}, {.5f, 1},
         {.08f, .9f}}}},
      // 4: closed, open
      {{{{.65f, 0}, {.05f, .66f}, {.05f, .66f}, {.97f, .66f}},
        {{.65f, 0}, {.66f, .5f}, {.65f, 1}}},
       {{{.2f, .02f}, {.1f, .5f}, {.1f, .5f}, {.5f, .56f}, {.92f, .48f}},
        {{.8f, 0}, {.75f, .5f}, {.7f, 1}}}},
      // 5: in one stroke, in two
      {{{{.85f, .02f}, {.22f, 0}, {.22f, 0}, {.15f, .45f}, {.15f, .45f}, {.55f, .38f}, {.9f, .65f}, {.65f, .97f},
         {.08f, .92f}}},
       {{{.25f, .02f}, {.2f, .42f}, {.2f, .42f}, {.65f, .42f}, {.88f, .7f}, {.55f, 1}, {.1f, .88f}},
        {{.25f, .02f}, {.9f, 0}}}},
      // 6: with a large bow, with a small one
      {{{{.75f, .02f}, {.35f, .2f}, {.1f, .6f}, {.22f, .93f}, {.6f, 1}, {.88f, .75f}, {.65f, .5f}, {.28f, .58f},
         {.12f, .75f}}},
       {{{.5f, 0}, {.2f, .4f}, {.12f, .78f}, {.42f, 1}, {.82f, .87f}, {.8f, .6f}, {.5f, .52f}, {.18f, .7f}}}},
      // 7: plain, with a bar
      {{{{.08f, .03f}, {.92f, 0}, {.92f, 0}, {.65f, .45f}, {.42f, 1}}},
       {{{.08f, .05f}, {.9f, 0}, {.9f, 0}, {.6f, .5f}, {.4f, 1}},
        {{.3f, .53f}, {.85f, .5f}}}},
      // 8: one line, two circles
      {{{{.8f, .18f}, {.5f, 0}, {.18f, .2f}, {.5f, .46f}, {.88f, .76f}, {.5f, 1}, {.12f, .77f}, {.48f, .48f},
         {.82f, .2f}}},
       {{{.5f, 0}, {.18f, .22f}, {.5f, .45f}, {.82f, .22f}, {.5f, 0}},
        {{.5f, .45f}, {.1f, .73f}, {.5f, 1}, {.9f, .73f}, {.5f, .45f}}}},
      // 9: with a straight tail, with a round one
      {{{{.86f, .25f}, {.55f, .52f}, {.14f, .33f}, {.38f, .02f}, {.78f, .08f}, {.86f, .25f}, {.86f, .25f},
         {.82f, .6f}, {.75f, 1}}},
       {{{.85f, .15f}, {.45f, .02f}, {.14f, .28f}, {.45f, .52f}, {.85f, .2f}, {.88f, .55f}, {.65f, .95f},
         {.2f, .95f}}}},
  };
  // clang-format on
  return *glyphs;
}

}  // namespace

absl::Span<const Glyph> GlyphsOfDigit(int digit) {
  GRADUS_CHECK(digit >= 0 && digit <= 9);
  return Glyphs()[digit];
}

}  // namespace gradus
