#include "data/face_person.h"

#include <cstddef>

#include "core/random.h"

namespace gradus {
namespace {

constexpr Rgb kLightSkin = {0.95f, 0.79f, 0.68f}, kDarkSkin = {0.48f, 0.33f, 0.24f};
constexpr Rgb kHair[] = {{0.07f, 0.06f, 0.06f}, {0.25f, 0.15f, 0.09f}, {0.45f, 0.30f, 0.17f},
                         {0.80f, 0.66f, 0.40f}, {0.58f, 0.25f, 0.12f}, {0.66f, 0.65f, 0.64f}};
constexpr Rgb kIris[] = {
    {0.22f, 0.13f, 0.07f}, {0.42f, 0.27f, 0.12f}, {0.25f, 0.42f, 0.62f}, {0.28f, 0.45f, 0.28f}, {0.45f, 0.50f, 0.55f}};
constexpr Rgb kGlasses[] = {{0.06f, 0.06f, 0.07f}, {0.45f, 0.12f, 0.12f}, {0.60f, 0.55f, 0.40f}};

class Dice {
 public:
  explicit Dice(RandomSequence* random) : random_(random) {}
  float operator()(double low, double high) { return static_cast<float>(random_->Uniform(low, high)); }
  bool Chance(double probability) { return random_->Uniform() < probability; }
  template <size_t n>
  Rgb Pick(const Rgb (&colors)[n], double spread) {
    return Vary(colors[random_->Below(n)], spread);
  }
  Rgb Vary(const Rgb& color, double spread) {
    const float r = (*this)(1 - spread, 1 + spread), g = (*this)(1 - spread, 1 + spread);
    return color * Rgb{r, g, (*this)(1 - spread, 1 + spread)};
  }

 private:
  RandomSequence* random_;
};

}  // namespace

Person MakePerson(uint64_t seed, absl::string_view name, uint64_t number) {
  RandomSequence random(seed, name, number);
  Dice dice(&random);
  Person p{};
  p.skin = dice.Vary(Mix(kLightSkin, kDarkSkin, dice(0, 1)), 0.05);
  p.hair = dice.Pick(kHair, 0.15);
  p.iris = dice.Pick(kIris, 0.2);
  p.lips = Mix(p.skin * Rgb{0.9f, 0.62f, 0.6f}, {0.66f, 0.16f, 0.2f}, dice.Chance(0.3) ? dice(0.4, 0.9) : dice(0, 0.2));
  p.brow = p.hair * dice(0.5, 0.8);
  p.width = dice(0.64, 0.86);
  p.jaw = dice(0, 1);
  p.chin = dice(0, 0.34);
  p.hair_volume = dice(0.03, 0.24);
  p.hair_length = dice.Chance(0.45) ? dice(0.6, 1.5) : dice(-0.5, 0.1);
  p.hairline = dice(-0.82, -0.42);
  p.hair_slant = dice(-0.35, 0.35);
  p.hair_side = dice(-0.1, 0.8);
  p.eye_x = dice(0.27, 0.38);
  p.eye_y = dice(-0.2, 0);
  p.eye_width = dice(0.1, 0.17);
  p.eye_height = dice(0.045, 0.085);
  p.eye_tilt = dice(-0.25, 0.25);
  p.iris_size = dice(0.8, 1.15);
  p.brow_gap = dice(0.11, 0.21);
  p.brow_width = dice(0.11, 0.19);
  p.brow_thickness = dice(0.014, 0.042);
  p.brow_tilt = dice(-0.35, 0.35);
  p.nose_y = dice(0.17, 0.36);
  p.nose_width = dice(0.07, 0.17);
  p.nose_bridge = dice(0.2, 0.8);
  p.mouth_y = dice(0.48, 0.64);
  p.mouth_width = dice(0.2, 0.34);
  p.lip_height = dice(0.03, 0.085);
  if (dice.Chance(0.3)) p.beard = dice(0.25, 0.9);
  if (dice.Chance(0.25)) p.moustache = dice(0.4, 0.95);
  if (dice.Chance(0.25)) p.glasses = dice(0.19, 0.26);
  p.glasses_color = dice.Pick(kGlasses, 0.1);
  p.mole = {dice(-0.45, 0.45), dice(0.1, 0.7)};
  if (dice.Chance(0.35)) p.mole_size = dice(0.03, 0.06);
  p.ears = dice(0.1, 0.2);
  return p;
}

}  // namespace gradus
