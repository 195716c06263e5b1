// An operation outside the framework, as somebody else would write it:
//
//   Swell (x f32[N, C, ...], g f32[C]) {strength} -> x + strength g x^3
#ifndef GRADUS_TESTS_FOREIGN_SWELL_H_
#define GRADUS_TESTS_FOREIGN_SWELL_H_

namespace acme {

struct SwellAttrs {
  double strength = 0.1;
  template <typename F>
  void ForEach(F&& field) const {
    field("strength", strength);
  }
};

}  // namespace acme

#endif  // GRADUS_TESTS_FOREIGN_SWELL_H_
