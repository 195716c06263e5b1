#include "ops/kernels/recurrent_cells.h"

#include <algorithm>

#include "ops/kernels/multiversion.h"
#include "ops/kernels/vector_math.h"

namespace gradus {
namespace {

bool Counts(const int32_t* lengths, int64_t n, int64_t t) { return lengths == nullptr || t < lengths[n]; }

// One example's place at a step: of its hidden units and of its gates.
struct Place {
  Place(const RecurrentSizes& sizes, int64_t n, int64_t t)
      : state(n * sizes.units), sequence((n * sizes.steps + t) * sizes.units), gates(sequence * sizes.gates) {}
  int64_t state, sequence, gates;
};

// The step does not count: the state stays, all else is 0.
void SkipForward(const RecurrentSizes& sizes, const ForwardStep& step, Place at, int64_t first, int64_t end) {
  std::copy(step.h + at.state + first, step.h + at.state + end, step.h_next + at.state + first);
  std::fill(step.y + at.sequence + first, step.y + at.sequence + end, 0.0f);
  if (step.inner != nullptr) std::fill(step.inner + at.sequence + first, step.inner + at.sequence + end, 0.0f);
  for (int64_t g = 0; step.gates != nullptr && g < sizes.gates; ++g) {
    float* const gate = step.gates + at.gates + g * sizes.units;
    std::fill(gate + first, gate + end, 0.0f);
  }
}

void SkipBackward(const RecurrentSizes& sizes, const BackwardStep& step, int64_t n, int64_t first, int64_t end) {
  const Place at(sizes, n, step.t);
  std::copy(step.dh + n * step.dh_row, step.dh + n * step.dh_row + (end - first), step.direct + at.state + first);
  std::fill(step.previous + at.sequence + first, step.previous + at.sequence + end, 0.0f);
  if (step.dq != nullptr) std::fill(step.dq + at.sequence + first, step.dq + at.sequence + end, 0.0f);
  for (int64_t g = 0; g < sizes.gates; ++g) {
    float* const gate = step.dx + at.gates + g * sizes.units;
    std::fill(gate + first, gate + end, 0.0f);
  }
}

// Of example n, units [j, j + count).
struct ForwardLanes {
  const RecurrentSizes& sizes;
  const ForwardStep& step;
  int64_t n, first, j, count;
  Place at;

  GRADUS_INLINE Lanes X(int g) const { return LoadLanes(step.x + at.gates + g * sizes.units + j, count); }
  GRADUS_INLINE Lanes Product(int g) const {
    return LoadLanes(step.products + n * step.product_row + g * step.product_gate + (j - first), count);
  }
  GRADUS_INLINE Lanes State(const float* from) const { return LoadLanes(from + at.state + j, count); }
  GRADUS_INLINE void Save(int g, Lanes value) const {
    StoreLanes(value, count, step.gates + at.gates + g * sizes.units + j);
  }
  GRADUS_INLINE void SaveInner(Lanes value) const { StoreLanes(value, count, step.inner + at.sequence + j); }
  GRADUS_INLINE void SaveState(Lanes h) const {
    StoreLanes(h, count, step.h_next + at.state + j);
    StoreLanes(h, count, step.y + at.sequence + j);
  }
};

// Calls cell(lanes) for all examples for which the step counts.
template <typename Cell>
GRADUS_INLINE void ForAllForward(const RecurrentSizes& sizes, const ForwardStep& step, int64_t first, int64_t end,
                                 const Cell& cell) {
  for (int64_t n = 0; n < sizes.batch; ++n) {
    const Place at(sizes, n, step.t);
    if (!Counts(step.lengths, n, step.t)) {
      SkipForward(sizes, step, at, first, end);
      continue;
    }
    int64_t j = first;
    for (; j + kLanes <= end; j += kLanes) cell(ForwardLanes{sizes, step, n, first, j, kLanes, at});
    if (j < end) cell(ForwardLanes{sizes, step, n, first, j, end - j, at});
  }
}

GRADUS_MULTIVERSION void TanhForward(const RecurrentSizes& sizes, const ForwardStep& step, int64_t first, int64_t end) {
  ForAllForward(
      sizes, step, first, end,
      [](const ForwardLanes& at) __attribute__((always_inline)) { at.SaveState(LanesTanh(at.X(0) + at.Product(0))); });
}

GRADUS_MULTIVERSION void ReluForward(const RecurrentSizes& sizes, const ForwardStep& step, int64_t first, int64_t end) {
  ForAllForward(
      sizes, step, first, end, [](const ForwardLanes& at) __attribute__((always_inline)) {
        const Lanes a = at.X(0) + at.Product(0);
        at.SaveState(a < 0.0f ? Lanes{} : a);
      });
}

GRADUS_MULTIVERSION void GruForward(const RecurrentSizes& sizes, const ForwardStep& step, int64_t first, int64_t end) {
  ForAllForward(
      sizes, step, first, end, [](const ForwardLanes& at) __attribute__((always_inline)) {
        const Lanes q = at.Product(2) + LoadLanes(at.step.bias + at.j, at.count);
        const Lanes r = LanesSigmoid(at.X(0) + at.Product(0));
        const Lanes z = LanesSigmoid(at.X(1) + at.Product(1));
        const Lanes n = LanesTanh(at.X(2) + r * q);
        at.Save(0, r);
        at.Save(1, z);
        at.Save(2, n);
        at.SaveInner(q);
        at.SaveState(n + z * (at.State(at.step.h) - n));
      });
}

GRADUS_MULTIVERSION void LstmForward(const RecurrentSizes& sizes, const ForwardStep& step, int64_t first, int64_t end) {
  const auto forget_bias = static_cast<float>(sizes.attrs.forget_bias);
  ForAllForward(
      sizes, step, first, end, [forget_bias](const ForwardLanes& at) __attribute__((always_inline)) {
        const Lanes i = LanesSigmoid(at.X(0) + at.Product(0));
        const Lanes f = LanesSigmoid(at.X(1) + at.Product(1) + forget_bias);
        const Lanes g = LanesTanh(at.X(2) + at.Product(2));
        const Lanes o = LanesSigmoid(at.X(3) + at.Product(3));
        const Lanes c = f * at.State(at.step.c) + i * g;
        at.Save(0, i);
        at.Save(1, f);
        at.Save(2, g);
        at.Save(3, o);
        at.SaveInner(c);
        StoreLanes(c, at.count, at.step.c + at.at.state + at.j);
        at.SaveState(o * LanesTanh(c));
      });
}

struct BackwardLanes {
  const RecurrentSizes& sizes;
  const BackwardStep& step;
  int64_t n, first, j, count;
  Place at;
  bool starts;  // the example's first step

  GRADUS_INLINE Lanes Gate(int g) const { return LoadLanes(step.gates + at.gates + g * sizes.units + j, count); }
  GRADUS_INLINE Lanes Here(const float* sequence) const { return LoadLanes(sequence + at.sequence + j, count); }
  // Of the step before this one.
  GRADUS_INLINE Lanes Before(const float* sequence, const float* initial) const {
    const int64_t back = sizes.attrs.reverse ? -sizes.units : sizes.units;
    return LoadLanes(starts ? initial + at.state + j : sequence + at.sequence - back + j, count);
  }
  // The gradient by the state behind the step.
  GRADUS_INLINE Lanes Dh() const { return Here(step.dy) + LoadLanes(step.dh + n * step.dh_row + (j - first), count); }
  GRADUS_INLINE Lanes Dc() const { return LoadLanes(step.dc + at.state + j, count); }
  GRADUS_INLINE void Give(int g, Lanes dx) const { StoreLanes(dx, count, step.dx + at.gates + g * sizes.units + j); }
  GRADUS_INLINE void GiveState(float* states, Lanes value) const { StoreLanes(value, count, states + at.state + j); }
  GRADUS_INLINE void GiveHere(float* sequence, Lanes value) const {
    StoreLanes(value, count, sequence + at.sequence + j);
  }
};

template <typename Cell>
GRADUS_INLINE void ForAllBackward(const RecurrentSizes& sizes, const BackwardStep& step, int64_t first, int64_t end,
                                  const Cell& cell) {
  for (int64_t n = 0; n < sizes.batch; ++n) {
    if (!Counts(step.lengths, n, step.t)) {
      SkipBackward(sizes, step, n, first, end);
      continue;
    }
    const int64_t length = step.lengths == nullptr ? sizes.steps : step.lengths[n];
    const bool starts = step.t == (sizes.attrs.reverse ? length - 1 : 0);
    const Place at(sizes, n, step.t);
    int64_t j = first;
    for (; j + kLanes <= end; j += kLanes) cell(BackwardLanes{sizes, step, n, first, j, kLanes, at, starts});
    if (j < end) cell(BackwardLanes{sizes, step, n, first, j, end - j, at, starts});
  }
}

// Plain cells: all of the gradient goes through the weights.
GRADUS_INLINE void GivePlain(const BackwardLanes& at, Lanes dx, Lanes before) {
  at.Give(0, dx);
  at.GiveState(at.step.direct, Lanes{});
  at.GiveHere(at.step.previous, before);
}

GRADUS_MULTIVERSION void TanhBackward(const RecurrentSizes& sizes, const BackwardStep& step, int64_t first,
                                      int64_t end) {
  ForAllBackward(
      sizes, step, first, end, [](const BackwardLanes& at) __attribute__((always_inline)) {
        const Lanes y = at.Here(at.step.y);
        GivePlain(at, at.Dh() * (1.0f - y * y), at.Before(at.step.y, at.step.h0));
      });
}

GRADUS_MULTIVERSION void ReluBackward(const RecurrentSizes& sizes, const BackwardStep& step, int64_t first,
                                      int64_t end) {
  ForAllBackward(
      sizes, step, first, end, [](const BackwardLanes& at) __attribute__((always_inline)) {
        GivePlain(at, at.Here(at.step.y) > 0.0f ? at.Dh() : Lanes{}, at.Before(at.step.y, at.step.h0));
      });
}

GRADUS_MULTIVERSION void GruBackward(const RecurrentSizes& sizes, const BackwardStep& step, int64_t first,
                                     int64_t end) {
  ForAllBackward(
      sizes, step, first, end, [](const BackwardLanes& at) __attribute__((always_inline)) {
        const Lanes dh = at.Dh(), r = at.Gate(0), z = at.Gate(1), n = at.Gate(2), q = at.Here(at.step.inner);
        const Lanes before = at.Before(at.step.y, at.step.h0);
        const Lanes dn = dh * (1.0f - z) * (1.0f - n * n);
        at.Give(0, dn * q * r * (1.0f - r));
        at.Give(1, dh * (before - n) * z * (1.0f - z));
        at.Give(2, dn);
        at.GiveHere(at.step.dq, dn * r);
        at.GiveHere(at.step.previous, before);
        at.GiveState(at.step.direct, dh * z);
      });
}

GRADUS_MULTIVERSION void LstmBackward(const RecurrentSizes& sizes, const BackwardStep& step, int64_t first,
                                      int64_t end) {
  ForAllBackward(
      sizes, step, first, end, [](const BackwardLanes& at) __attribute__((always_inline)) {
        const Lanes dh = at.Dh(), i = at.Gate(0), f = at.Gate(1), g = at.Gate(2), o = at.Gate(3);
        const Lanes tanh_c = LanesTanh(at.Here(at.step.inner));
        const Lanes dc = at.Dc() + dh * o * (1.0f - tanh_c * tanh_c);
        at.Give(0, dc * g * i * (1.0f - i));
        at.Give(1, dc * at.Before(at.step.inner, at.step.c0) * f * (1.0f - f));
        at.Give(2, dc * i * (1.0f - g * g));
        at.Give(3, dh * tanh_c * o * (1.0f - o));
        at.GiveState(at.step.dc, dc * f);
        at.GiveHere(at.step.previous, at.Before(at.step.y, at.step.h0));
        at.GiveState(at.step.direct, Lanes{});
      });
}

}  // namespace

void StepForward(const RecurrentSizes& sizes, const ForwardStep& step, int64_t first, int64_t end) {
  switch (sizes.attrs.cell) {
    case RecurrentCell::kTanh:
      return TanhForward(sizes, step, first, end);
    case RecurrentCell::kRelu:
      return ReluForward(sizes, step, first, end);
    case RecurrentCell::kGru:
      return GruForward(sizes, step, first, end);
    case RecurrentCell::kLstm:
      return LstmForward(sizes, step, first, end);
  }
}

void StepBackward(const RecurrentSizes& sizes, const BackwardStep& step, int64_t first, int64_t end) {
  switch (sizes.attrs.cell) {
    case RecurrentCell::kTanh:
      return TanhBackward(sizes, step, first, end);
    case RecurrentCell::kRelu:
      return ReluBackward(sizes, step, first, end);
    case RecurrentCell::kGru:
      return GruBackward(sizes, step, first, end);
    case RecurrentCell::kLstm:
      return LstmBackward(sizes, step, first, end);
  }
}

}  // namespace gradus
